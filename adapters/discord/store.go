package discord

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/bwmarrin/discordgo"
	"golang.org/x/sync/errgroup"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// batch is how many events are stored at the same time.
	batch = 100
	// page is how many messages one look at a channel's history gives.
	page = 100
	// catchUpPace is the pause before each look; catchUpPatience is how long it waits
	// when Discord asks to.
	catchUpPace     = 40 * time.Millisecond
	catchUpPatience = time.Minute
)

// event is a dispatch on its way into the inbox.
type event struct {
	frame
	envelopes []core.Envelope
	pending   *pending
	// channel, guild and message are set for what was said.
	channel, guild, message string
}

// store brings events into the inbox until there are no more: what came together
// is stored together, each chat's in order. The place in the session moves on behind
// the last event that was stored with everything before it.
func (a *shard) store(ctx context.Context, in adapters.Inbox, c *connection, events <-chan frame) error {
	if a.place.Session != "" { // what the last life did not get to read
		if err := a.catchUp(ctx, in); err != nil {
			return err
		}
	}
	for first := range events {
		frames := []frame{first}
		for len(frames) < batch && len(events) > 0 {
			frames = append(frames, <-events)
		}
		var ready []event
		for _, f := range frames {
			own, err := a.own(ctx, in, c, f)
			if err != nil {
				return errors.Join(a.accept(ctx, in, c, ready), err)
			}
			if own { // what it changes holds for what comes behind it
				if err := a.accept(ctx, in, c, ready); err != nil {
					return err
				}
				ready = nil
				a.moveTo(c, f)
				continue
			}
			e, err := a.event(ctx, f)
			if err != nil {
				return errors.Join(a.accept(ctx, in, c, ready), err)
			}
			ready = append(ready, e)
		}
		if err := a.accept(ctx, in, c, ready); err != nil {
			return err
		}
		a.place.saveSoon()
	}
	return nil
}

// moveTo takes in that everything up to f was stored.
func (a *shard) moveTo(c *connection, f frame) {
	if f.Seq != nil && *f.Seq > a.place.Seq {
		a.place.Seq = *f.Seq
		c.seq.Store(*f.Seq)
	}
}

// own deals with events about the session and the servers themselves.
func (a *shard) own(ctx context.Context, in adapters.Inbox, c *connection, f frame) (bool, error) {
	switch f.Type {
	case "READY":
		var r ready
		if err := json.Unmarshal(f.Data, &r); err != nil || r.SessionID == "" {
			return true, fault.New(fault.Retryable, "gateway", errShape)
		}
		a.place.Session, a.place.ResumeURL, a.place.Seq, a.place.Self = r.SessionID, r.ResumeURL, 0, r.User.ID
		a.place.Behind = len(a.place.Recent) > 0
		a.moveTo(c, f) // what is still to be read is known from here on
		a.mu.Lock()
		a.self, a.app = r.User.ID, cmp.Or(a.config.ApplicationID, r.Application.ID)
		a.mu.Unlock()
		adapters.Connected(in)
		return true, a.catchUp(ctx, in)
	case "RESUMED":
		adapters.Connected(in)
		return true, nil
	case "GUILD_CREATE":
		var g guild
		if json.Unmarshal(f.Data, &g) == nil {
			a.learn(g)
		}
		return true, nil
	case "CHANNEL_CREATE", "THREAD_CREATE":
		var ch channel
		if json.Unmarshal(f.Data, &ch) == nil {
			a.learn(guild{ID: ch.GuildID, Channels: []channel{ch}})
		}
		return true, nil
	}
	return silent(f.Type), nil
}

// maxChannels bounds what is remembered of servers' channels; what is forgotten is
// asked for again.
const maxChannels = 100_000

// learn takes in a server's channels and the bot's own roles in it.
func (a *Adapter) learn(g guild) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.channels) > maxChannels {
		clear(a.channels)
	}
	for _, ch := range slices.Concat(g.Channels, g.Threads) {
		a.channels[ch.ID] = ch
	}
	for _, r := range g.Roles {
		if r.Tags.BotID != "" && r.Tags.BotID == a.self {
			a.roles[r.ID] = true
		}
	}
	for _, m := range g.Members {
		if m.User != nil && m.User.ID == a.self {
			for _, id := range m.Roles {
				a.roles[id] = true
			}
		}
	}
}

// reader gives the reader for what is known now.
func (a *Adapter) reader(channels ...string) reader {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := reader{account: a.account, self: a.self, threads: map[string]string{}, roles: maps.Clone(a.roles)}
	for _, id := range channels {
		if ch := a.channels[id]; ch.thread() {
			r.threads[id] = ch.ParentID
		}
	}
	return r
}

// locate makes sure that it is known whether a server's channel is a thread.
func (a *Adapter) locate(ctx context.Context, id, guildID string) error {
	a.mu.Lock()
	_, known := a.channels[id]
	a.mu.Unlock()
	if known || id == "" || guildID == "" {
		return nil
	}
	ch := channel{ID: id, GuildID: guildID}
	if _, err := parseID(id); err == nil {
		err := a.api.call(ctx, request{op: "channel", method: http.MethodGet, url: discordgo.EndpointChannel(id)}, &ch)
		if err != nil && fault.ClassOf(err) != fault.Permanent {
			return err
		}
	}
	ch.ID = id
	a.learn(guild{ID: guildID, Channels: []channel{ch}})
	return nil
}

// event reads a dispatch.
func (a *Adapter) event(ctx context.Context, f frame) (event, error) {
	out := event{frame: f}
	var where struct {
		ID        string `json:"id"`
		ChannelID string `json:"channel_id"`
		GuildID   string `json:"guild_id"`
	}
	if json.Unmarshal(f.Data, &where) == nil {
		if err := a.locate(ctx, where.ChannelID, where.GuildID); err != nil {
			return out, err
		}
		if f.Type == "MESSAGE_CREATE" {
			out.channel, out.guild, out.message = where.ChannelID, where.GuildID, where.ID
		}
	}
	out.envelopes = a.reader(where.ChannelID).envelopes(f.Type, f.Data, a.now())
	for i := range out.envelopes {
		out.envelopes[i].Trace = core.NewTraceID()
	}
	var i interaction
	if f.Type == "INTERACTION_CREATE" && json.Unmarshal(f.Data, &i) == nil && len(out.envelopes) == 1 {
		pending, lost := a.expect(ctx, out.envelopes[0], &i)
		a.warnLost(lost)
		out.pending = pending
	}
	return out, nil
}

// accept stores events: each chat's in order, different chats at the same time. c is
// nil for events that did not come over a connection.
func (a *shard) accept(ctx context.Context, in adapters.Inbox, c *connection, events []event) error {
	type item struct {
		event  *event
		nth    int
		stored bool
	}
	var items []*item
	chats := map[core.ChatID][]*item{}
	for i := range events {
		for k, e := range events[i].envelopes {
			it := &item{event: &events[i], nth: k}
			items = append(items, it)
			chats[e.In.Chat] = append(chats[e.In.Chat], it)
		}
	}
	errs := make(chan error, len(chats)+1)
	var g errgroup.Group
	for _, line := range chats {
		g.Go(func() error {
			for _, it := range line {
				if err := in.Accept(ctx, it.event.envelopes[it.nth]); err != nil {
					errs <- err
					return nil //nolint:nilerr // kept in errs; the chat's later events must not overtake this one
				}
				it.stored = true
				a.deferLater(it.event.pending)
			}
			return nil
		})
	}
	_ = g.Wait() // errors are kept in errs
	left := map[*event]bool{}
	for _, it := range items {
		if !it.stored {
			left[it.event] = true
		}
	}
	for i := range events {
		if left[&events[i]] {
			return acceptFault(<-errs)
		}
		if e := events[i]; e.message != "" {
			a.place.saw(e.channel, e.guild, e.message)
		}
		if c != nil {
			a.moveTo(c, events[i].frame)
		}
	}
	return nil
}

// acceptFault keeps the class of the inbox's error; an unclassified one is worth
// another try, since the platform still has the message.
func acceptFault(err error) error {
	switch fault.ClassOf(err) {
	case fault.Retryable, fault.RateLimited, fault.NeedsHuman:
		return fault.New(fault.ClassOf(err), "accept", err, fault.WithWait(fault.Wait(err)))
	default:
		return fault.New(fault.Retryable, "accept", err)
	}
}

// catchUp reads what was said while no session stood, channel by channel from the
// last stored message on. It is done when all of it is stored.
func (a *shard) catchUp(ctx context.Context, in adapters.Inbox) error {
	if !a.place.Behind {
		return nil
	}
	for _, r := range slices.Clone(a.place.Recent) {
		if err := a.catchUpIn(ctx, in, r); err != nil {
			return err
		}
	}
	a.place.Behind = false
	return nil
}

func (a *shard) catchUpIn(ctx context.Context, in adapters.Inbox, r spot) error {
	for {
		raw, err := a.behind(ctx, r)
		if fault.ClassOf(err) == fault.Permanent {
			return nil // the channel is gone, or closed to the bot
		}
		if err != nil {
			return err
		}
		slices.Reverse(raw) // the newest comes first
		var events []event
		for _, data := range raw {
			data, err := inGuild(data, r.Guild)
			if err != nil {
				return err
			}
			e, err := a.event(ctx, frame{Type: "MESSAGE_CREATE", Data: data})
			if err != nil {
				return err
			}
			if e.message != "" && newer(e.message, r.Last) {
				r.Last = e.message
			}
			events = append(events, e)
		}
		if err := a.accept(ctx, in, nil, events); err != nil {
			return err
		}
		if len(raw) < page {
			return nil
		}
	}
}

// behind reads a page of what was said behind a message. It leaves most of the account's
// calls to those who answer people, and waits where Discord asks to: a new connection
// would begin the session anew.
func (a *Adapter) behind(ctx context.Context, r spot) (raw []json.RawMessage, err error) {
	wait := catchUpPace
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fault.New(fault.Retryable, "catch up", ctx.Err())
		}
		address := discordgo.EndpointChannelMessages(r.Channel) + "?limit=100&after=" + r.Last
		err = a.api.call(ctx, request{op: "catch up", method: http.MethodGet, url: address}, &raw)
		if wait = fault.Wait(err); fault.ClassOf(err) != fault.RateLimited || wait > catchUpPatience {
			return raw, err
		}
	}
}

// inGuild adds the server to a message: the history does not name it.
func inGuild(data json.RawMessage, guildID string) (json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fault.New(fault.Retryable, "catch up", errShape)
	}
	if guildID != "" {
		m["guild_id"] = json.RawMessage(`"` + guildID + `"`)
	}
	out, err := json.Marshal(m)
	if err != nil {
		return nil, fault.New(fault.Bug, "catch up", err)
	}
	return out, nil
}
