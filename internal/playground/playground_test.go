package playground

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
)

const patience = 20 * time.Second

// start makes a playground without a hub and runs it until the test ends.
func start(t *testing.T) (*Playground, *configs.Config) {
	t.Helper()
	cfg := &configs.Config{Shutdown: time.Minute}
	p, err := New(cfg, zerolog.New(zerolog.NewTestWriter(t)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p, cfg
}

func TestClosedBeforeItRan(t *testing.T) {
	p, err := New(&configs.Config{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
}

// TestAccounts looks at what the playground makes of a configuration: valid accounts.
func TestAccounts(t *testing.T) {
	p, cfg := start(t)
	if cfg.Shutdown != shutdown {
		t.Errorf("shutdown %v", cfg.Shutdown)
	}
	for _, phone := range p.Phones() {
		if phone.With != "" {
			continue // it joins when it is linked
		}
		c, ok := cfg.Channels[core.Account(phone.Account)]
		if !ok || c.Platform != phone.ID {
			t.Errorf("%s has the account %+v", phone.ID, c)
			continue
		}
		if problems := c.Config.Validate(); len(problems) > 0 {
			t.Errorf("%s: %v", phone.ID, problems)
		}
	}
	if len(cfg.Channels) != 4 {
		t.Errorf("%d accounts", len(cfg.Channels))
	}
}

// chats lists all chats, with who may write in each.
func chats(p *Playground) map[string]string {
	out := map[string]string{}
	for _, phone := range p.Phones() {
		for _, place := range phone.Places {
			for as, chat := range place.Chats {
				out[chat] = as
			}
		}
	}
	return out
}

// TestEveryChat writes in each chat, sends each kind of file, and reacts twice, which
// takes the reaction back.
func TestEveryChat(t *testing.T) {
	p, _ := start(t)
	for chat, as := range chats(p) {
		t.Run(chat, func(t *testing.T) {
			for _, u := range []console.Utterance{
				{Text: "hello @parley"}, {Text: "look", File: &console.Upload{Name: "a.png", MIME: "image/png", Data: []byte("picture")}},
				{File: &console.Upload{Name: "a.ogg", MIME: "audio/ogg", Data: []byte("voice")}},
				{File: &console.Upload{Name: "a.pdf", MIME: "application/pdf", Data: []byte("paper")}},
			} {
				u.Chat, u.As = chat, as
				if err := p.Say(t.Context(), u); err != nil {
					t.Fatal(err)
				}
			}
			bubbles := p.Transcript(chat)
			if len(bubbles) != 4 {
				t.Fatalf("%d bubbles", len(bubbles))
			}
			phone := chat[:strings.LastIndex(chat, "-")]
			for i, want := range []struct{ kind, data string }{{"", ""}, {"image", "picture"}, {"audio", "voice"}, {"file", "paper"}} {
				b := bubbles[i]
				if b.User != as || b.Bot || b.From != nameOf(as) || b.At.IsZero() {
					t.Errorf("bubble %d: %+v", i, b)
				}
				if want.kind == "" {
					continue
				}
				if len(b.Files) != 1 || b.Files[0].Kind != want.kind || b.Files[0].Voice != (want.kind == "audio") {
					t.Errorf("file %d: %+v", i, b.Files)
					continue
				}
				if data, ok := p.File(phone, b.Files[0].ID); !ok || string(data) != want.data {
					t.Errorf("file %d: %q, %t", i, data, ok)
				}
			}
			if got := plainOf(bubbles[0].Runs); !strings.HasPrefix(strings.ToLower(got), "hello @parley") {
				t.Errorf("said %q", got)
			}
			reacted := func() []console.Reaction {
				if err := p.React(t.Context(), chat, bubbles[0].ID, as, "👍"); err != nil {
					t.Fatal(err)
				}
				return p.Transcript(chat)[0].Reactions
			}
			if got := reacted(); !slices.Equal(got, []console.Reaction{{Emoji: "👍", Count: 1}}) {
				t.Errorf("after a reaction: %v", got)
			}
			if got := reacted(); len(got) != 0 {
				t.Errorf("after it was taken back: %v", got)
			}
			if err := p.Say(t.Context(), console.Utterance{Chat: chat, As: as, Text: "yes", ReplyTo: bubbles[0].ID}); err != nil {
				t.Fatal(err)
			}
			all := p.Transcript(chat)
			i := slices.IndexFunc(all, func(b console.Bubble) bool { return plainOf(b.Runs) == "yes" })
			if i < 0 || (all[i].ReplyTo == nil || all[i].ReplyTo.ID != bubbles[0].ID) && all[i].Thread != bubbles[0].ID {
				t.Errorf("the answer: %+v", all)
			}
		})
	}
}

// TestNobody acts as who is not there, where they are not, on what is not there.
func TestNobody(t *testing.T) {
	p, _ := start(t)
	ctx := t.Context()
	for name, err := range map[string]error{
		"no phone":       p.Say(ctx, console.Utterance{Chat: "fax-ada", As: ada, Text: "x"}),
		"no chat":        p.Say(ctx, console.Utterance{Chat: "whatsapp-group", As: ada, Text: "x"}),
		"nobody":         p.Say(ctx, console.Utterance{Chat: "slack-ada", As: "eve", Text: "x"}),
		"somebody else":  p.Say(ctx, console.Utterance{Chat: "slack-ada", As: ben, Text: "x"}),
		"no such button": p.Press(ctx, "slack-ada", "1-2", ada, "b0"),
		"no number":      p.Press(ctx, "telegram-ada", "x", ada, "b0"),
		"no message":     p.React(ctx, "discord-ada", "7", ada, "👍"),
		"no emoji":       p.React(ctx, "slack-ada", "1-2", ada, "🦥"),
		"no such fault":  p.Fail(ctx, "fax", "busy"),
	} {
		if fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p.Transcript("slack-eve") != nil {
		t.Error("a transcript of no chat")
	}
	for _, phone := range []string{"fax", "slack", "telegram", "whatsapp", "discord"} {
		if _, ok := p.File(phone, "7"); ok {
			t.Errorf("a file on %s that nobody sent", phone)
		}
	}
}

// TestTheSamePeopleAgain makes two playgrounds: the hub knows people and places again,
// and no message or file comes a second time.
func TestTheSamePeopleAgain(t *testing.T) {
	first, err := newDiscord()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := newDiscord()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	a, b := first.(*discord), second.(*discord)
	if diff := gocmp.Diff(a.people, b.people) + gocmp.Diff(a.channels, b.channels); diff != "" {
		t.Error(diff)
	}
	for _, d := range []*discord{a, b} {
		m, err := d.Say(d.channels[ada], d.people[ada], "x")
		if err != nil {
			t.Fatal(err)
		}
		if old := d.channels[group]; !later(m.ID, old) {
			t.Errorf("the message %s is not younger than the channel %s", m.ID, old)
		}
	}
}

// later compares snowflakes.
func later(a, b string) bool { return len(a) > len(b) || len(a) == len(b) && a > b }

// next gives the next update of a chat that fits.
func next(t *testing.T, updates <-chan console.Update, fits func(console.Update) bool) console.Update {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case u, ok := <-updates:
			if !ok {
				t.Fatal("the updates ended")
			}
			if fits(u) {
				return u
			}
		case <-late:
			t.Fatal("no such update")
		}
	}
}

// TestUpdates follows what happens: new bubbles with their place, changes, what is gone,
// and who types.
func TestUpdates(t *testing.T) {
	p, _ := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	updates := p.Subscribe(ctx)
	in := func(chat string) func(console.Update) bool {
		return func(u console.Update) bool { return u.Chat == chat && u.Bubble != nil }
	}
	say := func(chat, as, text, to string) {
		t.Helper()
		if err := p.Say(t.Context(), console.Utterance{Chat: chat, As: as, Text: text, ReplyTo: to}); err != nil {
			t.Fatal(err)
		}
	}
	say("slack-group", ada, "question", "")
	question := next(t, updates, in("slack-group")).Bubble.ID
	say("slack-group", ben, "later", "")
	if u := next(t, updates, in("slack-group")); u.After != question {
		t.Errorf("behind %q", u.After)
	}
	say("slack-group", ben, "in its thread", question)
	if u := next(t, updates, in("slack-group")); u.After != question || u.Bubble.Thread != question {
		t.Errorf("behind %q in %q", u.After, u.Bubble.Thread)
	}
	say("whatsapp-ada", ada, "hello", "")
	hello := next(t, updates, in("whatsapp-ada")).Bubble.ID
	if err := p.React(t.Context(), "whatsapp-ada", hello, ada, "👍"); err != nil {
		t.Fatal(err)
	}
	if u := next(t, updates, in("whatsapp-ada")); u.Bubble.ID != hello || len(u.Bubble.Reactions) != 1 {
		t.Errorf("%+v", u.Bubble)
	}
	d := p.seat("discord").phone.(*discord)
	m, err := d.Say(d.channels[ben], d.people[ben], "gone soon")
	if err != nil {
		t.Fatal(err)
	}
	next(t, updates, in("discord-ben"))
	if err := d.DeleteShown(d.channels[ben], m.ID); err != nil {
		t.Fatal(err)
	}
	next(t, updates, func(u console.Update) bool { return u.Chat == "discord-ben" && u.Removed == m.ID })
	if err := typing(t, d); err != nil {
		t.Fatal(err)
	}
	next(t, updates, func(u console.Update) bool { return u.Chat == "discord-ada" && u.Typing != nil && u.Typing.On })
	cancel()
	for range updates { // the rest; it ends
	}
}

// typing makes the bot type in Ada's chat on Discord.
func typing(t *testing.T, d *discord) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+*d.host.Load()+"/api/v10/channels/"+d.channels[ada]+"/typing", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bot "+discordToken)
	req.Header.Set("User-Agent", "DiscordBot (test, 1)")
	return send(req, http.StatusNoContent)
}

func send(req *http.Request, want int) error {
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != want {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
