package playground

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	adapter "github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/console"
	simulator "github.com/parley-hub/parley/simulators/discord"
)

// The ids of Discord's cast. Those of people and channels follow from born.
const (
	discordToken = "playground-token-of-no-real-discord-bot"
	discordApp   = "1000000000000000001"
)

// discordTyping is how long Discord shows one typing signal.
const discordTyping = 10 * time.Second

type discord struct {
	*simulator.Server
	people map[string]string
	// channels are those of the chats.
	channels map[string]string
	// host is where the bot finds files.
	host atomic.Pointer[string]
}

func newDiscord() (phone, error) {
	var open atomic.Bool
	d := &discord{people: map[string]string{}, channels: map[string]string{}}
	d.Server = simulator.New(simulator.Options{
		Token: discordToken, ApplicationID: discordApp, BotName: botName,
		MaxMessages: maxMessages, MaxFileBytes: maxFiles, MaxCalls: maxCalls,
		Now: func() time.Time {
			if open.Load() {
				return time.Now()
			}
			return born // ids follow from the time
		},
	})
	for _, p := range people {
		d.people[p.ID] = d.AddUser(p.Name)
		d.channels[p.ID] = d.OpenDM(d.people[p.ID])
	}
	guild := d.AddGuild("Tea kitchen", d.people[ada], d.people[ben])
	d.channels[group] = d.AddChannel(guild, "tea-kitchen")
	open.Store(true)
	return d, nil
}

func (*discord) about() about {
	return about{
		id: "discord", name: "Discord",
		private: console.Place{Title: botName, About: "direct message", Hint: "Write to the bot. The answer grows by edits, formatting is Discord's Markdown.", Try: tries},
		group:   console.Place{Title: "#tea-kitchen", About: "channel of a server", Hint: "On a server the bot answers when you mention @parley.", Try: groupTries},
	}
}

func (d *discord) channel(api string) configs.Channel {
	host := strings.TrimPrefix(api, "http://")
	d.host.Store(&host)
	c := adapter.Factory().Defaults().(*adapter.Config) // the factory's own type
	c.APIURL, c.ApplicationID, c.Token = api, discordApp, secret.New(discordToken)
	return configs.Channel{Platform: adapter.Factory().Platform(), Config: c}
}

func (*discord) connect(context.Context, string) error { return nil } // the hub connects

func (d *discord) hangUp() { d.DropSockets() }

func (d *discord) transcript(chat string) []console.Bubble {
	shown := d.Shown(d.channels[chat])
	out := make([]console.Bubble, 0, len(shown))
	for _, m := range shown {
		out = append(out, d.bubble(m))
	}
	return out
}

// nameOf is what a mention shows.
func (d *discord) nameOf(user string) string {
	for id, known := range d.people {
		if known == user {
			return nameOf(id)
		}
	}
	if user == discordApp {
		return botName
	}
	return user
}

// bubble is a message for the page.
func (d *discord) bubble(m simulator.Posted) console.Bubble {
	b := console.Bubble{
		ID: m.ID, At: m.Timestamp, Edited: m.EditedTimestamp != nil, Bot: m.ByBot, From: d.nameOf(m.Author.ID),
		Runs: discordRuns(m.Content, d.nameOf), Draft: m.Thinking,
	}
	if m.Thinking {
		b.Runs = []console.Run{{Text: botName + " is thinking…", Style: console.Style{Italic: true}}}
	}
	for id, user := range d.people {
		if user == m.Author.ID {
			b.User = id
		}
	}
	if m.Interaction != nil && m.Reference == nil {
		b.Above = d.nameOf(m.Interaction.User.ID) + " used a command"
	}
	if r := m.Referenced; r != nil {
		b.ReplyTo = &console.Quote{ID: r.ID, From: d.nameOf(r.Author.ID), Text: plainOf(discordRuns(r.Content, d.nameOf))}
	}
	for _, a := range m.Attachments {
		kind := kindOf(a.ContentType)
		b.Files = append(b.Files, console.File{ID: a.ID, Name: a.Filename, Kind: kind, Voice: a.Waveform != "", Size: a.Size})
	}
	for _, row := range m.Components {
		var buttons []console.Button
		for _, c := range row.Components {
			buttons = append(buttons, console.Button{Label: c.Label, Data: c.CustomID, URL: c.URL})
		}
		b.Buttons = append(b.Buttons, buttons)
	}
	counts := map[string]int{}
	for _, r := range m.Reactions {
		counts[r.Emoji.Name] = r.Count
	}
	b.Reactions = reactions(counts)
	return b
}

func (d *discord) say(chat string, u console.Utterance) error {
	channel, user := d.channels[chat], d.people[u.As]
	// A registered command is no message on Discord.
	if name, args, ok := command(u.Text); ok && u.File == nil {
		known := slices.ContainsFunc(d.Commands(), func(c simulator.Command) bool { return c.Name == name })
		if known {
			_, err := d.Command(channel, user, name, args)
			return err
		}
	}
	said := simulator.Utterance{
		Channel: channel, From: user, Text: summon(u.Text, "<@"+discordApp+">"), ReplyTo: u.ReplyTo, Host: *d.host.Load(),
	}
	if f := u.File; f != nil {
		said.Files = []simulator.File{{Name: f.Name, Type: f.MIME, Data: f.Data, Voice: f.MIME == "audio/ogg"}}
	}
	_, err := d.Speak(said)
	return err
}

func (d *discord) press(chat, bubble, as, data string) error {
	_, err := d.Press(d.channels[chat], bubble, d.people[as], data)
	return err
}

func (d *discord) react(chat, bubble, as, emoji string) error {
	away := false
	for _, m := range d.Shown(d.channels[chat]) {
		if m.ID == bubble {
			away = m.ReactedBy(d.people[as], emoji)
		}
	}
	return d.React(d.channels[chat], bubble, d.people[as], emoji, away)
}

func (d *discord) file(id string) ([]byte, bool) {
	id, err := url.PathUnescape(id)
	if err != nil {
		return nil, false
	}
	return d.FileBytes(id)
}

func (d *discord) watch(ctx context.Context, tell func(happening), lost func()) {
	chats := map[string]string{}
	for chat, id := range d.channels {
		chats[id] = chat
	}
	watch(ctx, d.Subscribe(watchBuffer), func(e simulator.Event) {
		h := happening{chat: chats[e.Channel]}
		switch {
		case e.Kind == simulator.EventTyping:
			h.typing = discordTyping
		case e.Message != nil && e.Message.ByBot:
			h.typing = -1
		}
		tell(h)
	}, lost)
}

func (d *discord) fail(kind faultKind) []strike {
	var out []strike
	for _, call := range []string{"create_message", "edit_message", "webhook_create", "webhook_edit"} {
		switch kind {
		case faultBusy:
			out = append(out, d.Inject(simulator.Fault{Kind: simulator.FaultRateLimit, Call: call, RetryAfter: busyFor.Seconds()}))
		case faultError:
			out = append(out, d.Inject(simulator.Fault{Kind: simulator.FaultUnavailable, Call: call}))
		case faultLost:
			out = append(out, d.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Call: call}))
		}
	}
	if kind == faultTwice {
		out = append(out, d.Inject(simulator.Fault{Kind: simulator.FaultDuplicate}))
	}
	return out
}
