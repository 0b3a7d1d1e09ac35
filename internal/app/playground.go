package app

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/console"
	simulator "github.com/parley-hub/parley/simulators/telegram"
)

// The cast of the playground: one bot, two people, one group. The ids are made up.
const (
	playBot   = 7_000_001
	playToken = "7000001:playground-token-of-no-real-bot" //nolint:gosec // names no real bot
	playGroup = -1_000_000_007
	ada       = 1001
	ben       = 1002
	cast      = "telegram" // the account's name
	botName   = "Parley"
	// playgroundPace lets a newcomer without a model see how an answer grows.
	playgroundPace = 40 * time.Millisecond
)

var people = map[int64]simulator.User{
	ada: {ID: ada, FirstName: "Ada", Username: "ada", LanguageCode: "en"},
	ben: {ID: ben, FirstName: "Ben", Username: "ben", LanguageCode: "en"},
}

// playground is the platform simulator behind a real adapter, and the pages' view
// of it. The adapter talks to it over loopback as it would to the real platform.
type playground struct {
	server   *simulator.Server
	listener net.Listener
	log      zerolog.Logger
	chats    []playChat
}

type playChat struct {
	console.Chat
	bot, chat int64
}

// newPlayground opens a loopback port for the simulator and adds the account to
// the configuration.
func newPlayground(cfg *configs.Config, log zerolog.Logger) (*playground, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback, answers at once
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "open a loopback port for the playground", err)
	}
	p := &playground{
		// A new run forgets the chats, the hub does not: message ids must not come again.
		server:   simulator.New(simulator.Options{FirstMessageID: time.Now().Unix()}),
		listener: listener, log: log,
	}
	p.server.AddBot(playToken, playBot, "parley_bot", botName)
	for _, u := range people {
		p.server.AddUser(u)
		if err := p.server.OpenPrivate(playBot, u.ID); err != nil {
			return nil, fault.New(fault.Bug, "playground", err)
		}
	}
	p.server.AddSupergroup(playGroup, "Ada, Ben and Parley", false, ada, ben, playBot)
	one := func(id int64) []console.Person { return []console.Person{{ID: itoa(id), Name: people[id].FirstName}} }
	p.chats = []playChat{
		{console.Chat{ID: "ada", Title: "Ada", About: "private chat", Hint: "Write to the bot as Ada.", Speakers: one(ada)}, playBot, ada},
		{console.Chat{ID: "ben", Title: "Ben", About: "private chat", Hint: "Write to the bot as Ben.", Speakers: one(ben)}, playBot, ben},
		{console.Chat{
			ID: "group", Title: "Ada, Ben and Parley", About: "group", Hint: "In a group the bot answers when you mention @parley_bot.",
			Speakers: append(one(ada), one(ben)...),
		}, playBot, playGroup},
	}
	section := telegram.Factory().Defaults().(*telegram.Config) // the factory's own type
	section.Token = secret.New(playToken)
	section.APIURL = "http://" + listener.Addr().String()
	cfg.Channels = map[core.Account]configs.Channel{cast: {Platform: telegram.Factory().Platform(), Config: section}}
	return p, nil
}

// Run serves the simulator until ctx ends.
func (p *playground) Run(ctx context.Context) error {
	server := &http.Server{Handler: p.server, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		p.server.Close() // ends long polls, so that the shutdown is not held up
		_ = server.Close()
	})
	defer stop()
	err := server.Serve(p.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// close frees the port of a playground that never ran.
func (p *playground) close() {
	p.server.Close()
	_ = p.listener.Close()
}

// Chats are the three panes.
func (p *playground) Chats() []console.Chat {
	out := make([]console.Chat, len(p.chats))
	for i, c := range p.chats {
		out[i] = c.Chat
	}
	return out
}

func (p *playground) find(id string) (playChat, bool) {
	for _, c := range p.chats {
		if c.ID == id {
			return c, true
		}
	}
	return playChat{}, false
}

// Transcript gives a chat as the platform shows it now.
func (p *playground) Transcript(id string) []console.Bubble {
	c, ok := p.find(id)
	if !ok {
		return nil
	}
	shown := p.server.Shown(c.bot, c.chat)
	out := make([]console.Bubble, 0, len(shown)+1)
	for _, m := range shown {
		out = append(out, bubble(m))
	}
	for _, d := range p.server.Drafts(c.bot, c.chat) {
		out = append(out, draftBubble(d))
	}
	return out
}

var errUnknown = errors.New("no such chat or person in the playground")

// Say makes somebody write.
func (p *playground) Say(_ context.Context, id, asUser, text string) error {
	c, user, err := p.who(id, asUser)
	if err != nil {
		return err
	}
	u := simulator.Utterance{Bot: c.bot, Chat: c.chat, From: user, Text: text}
	if c.chat > 0 {
		u.Chat = 0
	}
	if _, err = p.server.Speak(u); err != nil {
		return fault.New(fault.Permanent, "say", err, fault.WithPublic(err.Error()))
	}
	return nil
}

// Press makes somebody press a button.
func (p *playground) Press(_ context.Context, id, bubbleID, asUser, data string) error {
	c, user, err := p.who(id, asUser)
	if err != nil {
		return err
	}
	message, err := strconv.ParseInt(bubbleID, 10, 64)
	if err == nil {
		_, err = p.server.Press(c.bot, c.chat, message, user, data)
	}
	if err != nil {
		return fault.New(fault.Permanent, "press", err, fault.WithPublic(err.Error()))
	}
	return nil
}

func (p *playground) who(id, asUser string) (playChat, int64, error) {
	c, ok := p.find(id)
	if ok {
		for _, s := range c.Speakers {
			if s.ID == asUser {
				user, err := strconv.ParseInt(asUser, 10, 64)
				return c, user, err
			}
		}
	}
	return playChat{}, 0, fault.New(fault.Permanent, "playground", errUnknown, fault.WithPublic(errUnknown.Error()))
}

// subscriberBuffer is how many changes a page may be behind before it starts over.
const subscriberBuffer = 256

// typingShown is how long the platform shows one typing signal.
const typingShown = 5 * time.Second

// Subscribe tells what changes in the chats.
func (p *playground) Subscribe(ctx context.Context) <-chan console.Update {
	sub := p.server.Subscribe(subscriberBuffer)
	out := make(chan console.Update)
	go func() {
		defer close(out)
		defer sub.Close()
		f := follower{ctx: ctx, out: out, quiet: time.NewTimer(typingShown)}
		defer f.quiet.Stop()
		for {
			select {
			case e, ok := <-sub.C:
				if !ok || sub.Lost() > 0 || !f.tell(p.updates(e)...) {
					return
				}
			case <-f.quiet.C:
				if !f.tell(f.silence()...) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// follower passes changes on to one page, and ends a typing signal that nothing
// followed.
type follower struct {
	ctx    context.Context
	out    chan<- console.Update
	quiet  *time.Timer
	typing []string
}

func (f *follower) tell(updates ...console.Update) bool {
	for _, u := range updates {
		if u.Typing != nil && u.Typing.On {
			f.typing = append(f.typing, u.Chat)
			f.quiet.Reset(typingShown)
		}
		select {
		case f.out <- u:
		case <-f.ctx.Done():
			return false
		}
	}
	return true
}

func (f *follower) silence() []console.Update {
	var out []console.Update
	for _, chat := range f.typing {
		out = append(out, console.Update{Chat: chat, Typing: &console.Typing{Name: botName}})
	}
	f.typing = nil
	return out
}

// updates are what an event of the simulator changes on the page.
func (p *playground) updates(e simulator.Event) []console.Update {
	var id string
	for _, c := range p.chats {
		if c.chat == e.Chat {
			id = c.ID
		}
	}
	if id == "" {
		return nil
	}
	quiet := console.Update{Chat: id, Typing: &console.Typing{Name: botName}}
	switch e.Kind {
	case simulator.EventMessage, simulator.EventEdited, simulator.EventReaction:
		if e.Message == nil {
			return nil
		}
		b := bubble(*e.Message)
		updates := []console.Update{{Chat: id, Bubble: &b}}
		if b.Bot {
			updates = append(updates, quiet)
			updates = append(updates, console.Update{Chat: id, Removed: draftID}) // the answer takes its place
		}
		return updates
	case simulator.EventDeleted:
		return []console.Update{{Chat: id, Removed: itoa(e.MessageID)}}
	case simulator.EventDraft:
		if e.Draft == nil {
			return nil
		}
		b := draftBubble(*e.Draft)
		return []console.Update{quiet, {Chat: id, Bubble: &b}}
	case simulator.EventTyping:
		return []console.Update{{Chat: id, Typing: &console.Typing{Name: botName, On: true}}}
	default:
		return nil
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// bubble is a message for the page.
func bubble(m simulator.Posted) console.Bubble {
	b := console.Bubble{ID: itoa(m.MessageID), At: m.SentAt, Edited: m.Edits > 0, Bot: m.ByBot != 0}
	if m.From != nil {
		b.From = m.From.FirstName
		if !b.Bot {
			b.User = itoa(m.From.ID)
		}
	}
	b.Runs = runs(m.Text+m.Caption, append(m.Entities, m.CaptionEntities...))
	if r := m.ReplyToMessage; r != nil {
		b.ReplyTo = &console.Quote{ID: itoa(r.MessageID), Text: r.Text + r.Caption}
		if r.From != nil {
			b.ReplyTo.From = r.From.FirstName
		}
	}
	b.Buttons = buttons(m.ReplyMarkup)
	return b
}

func draftBubble(d simulator.Draft) console.Bubble {
	return console.Bubble{
		ID: draftID, From: botName, Bot: true, Draft: true, At: d.At, Runs: runs(d.Text, d.Entities),
	}
}

// draftID is the one draft a chat shows: the newest takes the place of the last.
const draftID = "draft"

func buttons(markup json.RawMessage) [][]console.Button {
	var keyboard struct {
		Rows [][]struct {
			Text string `json:"text"`
			Data string `json:"callback_data"`
			URL  string `json:"url"`
		} `json:"inline_keyboard"`
	}
	if len(markup) == 0 || json.Unmarshal(markup, &keyboard) != nil {
		return nil
	}
	out := make([][]console.Button, len(keyboard.Rows))
	for i, row := range keyboard.Rows {
		for _, k := range row {
			out[i] = append(out[i], console.Button{Label: k.Text, Data: k.Data, URL: k.URL})
		}
	}
	return out
}
