package answers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/simulators/slack"
	"github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/simulators/whatsapp"
	"github.com/parley-hub/parley/test/hubtest"
)

// sight is one thing that somebody saw of a message of the bot.
type sight struct {
	person int
	// message is the same for all that was seen of one message, or of one draft.
	message string
	text    string
}

// platform is a chat platform's simulator with people in it, each in a private chat with
// the bot.
type platform struct {
	name string
	// channels is the section of the configuration, with no limits of the hub's own.
	channels string
	// connect is called when the hub at this address is ready for the first time.
	connect func(t *testing.T, hub string)
	say     func(person int, text string) error
	// shown are the bot's messages to a person, in the order they stand.
	shown func(person int) []string
	// wait waits until cond, which looks at shown, holds.
	wait func(ctx context.Context, cond func() bool) error
	// watch gives everything of the bot that anybody sees until stop is called, which
	// tells how much of it was lost.
	watch func(see func(sight)) (stop func() (lost int64))
}

// platforms are all four, each made for so many people who say so much each.
var platforms = []func(t *testing.T, people, each int) *platform{newTelegram, newSlack, newWhatsApp, newDiscord}

const telegramBot = 4343

func newTelegram(t *testing.T, people, each int) *platform {
	const token = "4343:answers-test-token-of-no-real-bot"
	sim := telegram.New(telegram.Options{MaxMessages: 4*each + 100, MaxCalls: 100})
	t.Cleanup(sim.Close)
	sim.AddBot(token, telegramBot, "answers_bot", "Answers")
	person := func(n int) int64 { return int64(20_000 + n) }
	for n := range people {
		sim.AddUser(telegram.User{ID: person(n), FirstName: fmt.Sprint("P", n)})
		if err := sim.OpenPrivate(telegramBot, person(n)); err != nil {
			t.Fatal(err)
		}
	}
	return &platform{
		name: "telegram",
		channels: fmt.Sprintf(`telegram: {token: %q, api_url: %q, limits: {account: {count: 0}, chat: {count: 0}}}`,
			token, hubtest.Serve(t, sim)),
		connect: func(*testing.T, string) {},
		say: func(n int, text string) error {
			_, err := sim.Say(person(n), text)
			return err
		},
		shown: func(n int) (out []string) {
			for _, m := range sim.Shown(telegramBot, person(n)) {
				if m.ByBot != 0 {
					out = append(out, m.Text)
				}
			}
			return out
		},
		wait: sim.Wait,
		watch: func(see func(sight)) func() int64 {
			sub := sim.Subscribe(1 << 16)
			return follow(sub.C, sub.Close, sub.Lost, func(e telegram.Event) {
				who := int(e.Chat) - 20_000
				switch {
				case e.Draft != nil:
					see(sight{who, fmt.Sprint("draft ", e.Draft.ID), e.Draft.Text})
				case e.Message != nil && e.Message.ByBot != 0:
					see(sight{who, fmt.Sprint(e.MessageID), e.Message.Text})
				}
			})
		},
	}
}

func newSlack(t *testing.T, people, each int) *platform {
	const (
		botToken = "xoxb-answers-test-token-of-no-real-app"
		secret   = "answers-test-secret-of-no-real-app"
	)
	sim := slack.New(slack.Options{
		App:         slack.App{BotToken: botToken, SigningSecret: secret},
		RetryDelays: []time.Duration{0, 50 * time.Millisecond}, RetryForever: true, MaxMessages: 4*each + 100, MaxCalls: 100,
	})
	t.Cleanup(sim.Close)
	var rooms []string
	who := map[string]int{}
	user := func(n int) string { return fmt.Sprintf("U%05d", n) }
	for n := range people {
		sim.AddUser(user(n), fmt.Sprint("p", n))
		room, err := sim.OpenDM(user(n))
		if err != nil {
			t.Fatal(err)
		}
		who[room] = n
		rooms = append(rooms, room)
	}
	return &platform{
		name: "slack",
		channels: fmt.Sprintf(`slack: {mode: events, bot_token: %q, signing_secret: %q, api_url: "%s/api/", limits: {account: {count: 0}, chat: {count: 0}}}`,
			botToken, secret, hubtest.Serve(t, sim)),
		connect: func(_ *testing.T, hub string) { sim.SetRequestURL(hub + "/webhooks/slack") },
		say: func(n int, text string) error {
			_, err := sim.Say(rooms[n], user(n), text)
			return err
		},
		shown: func(n int) (out []string) {
			for _, m := range sim.Shown(rooms[n]) {
				if m.ByBot {
					out = append(out, m.Text)
				}
			}
			return out
		},
		wait: sim.Wait,
		watch: func(see func(sight)) func() int64 {
			sub := sim.Subscribe(1 << 16)
			return follow(sub.C, sub.Close, sub.Lost, func(e slack.Event) {
				if e.Message != nil && e.Message.ByBot && e.Kind != slack.EventReaction {
					see(sight{who[e.Channel], e.TS, e.Message.Text})
				}
			})
		},
	}
}

func newWhatsApp(t *testing.T, people, each int) *platform {
	const (
		line   = "106540352242933"
		token  = "answers-test-token-of-no-real-business"
		secret = "answers-test-secret-of-no-real-app"
		verify = "answers-test-words"
	)
	sim := whatsapp.New(whatsapp.Options{HookRetryBase: 20 * time.Millisecond, MaxMessages: 4*each + 100, MaxCalls: 100})
	t.Cleanup(sim.Close)
	sim.AddNumber(whatsapp.Number{ID: line, Display: "15550783882", Name: "Answers", Token: token, AppSecret: secret})
	who := map[string]int{}
	person := func(n int) string { return fmt.Sprint(16_505_560_000 + n) }
	for n := range people {
		sim.AddPerson(whatsapp.Person{ID: person(n), Name: fmt.Sprint("P", n)})
		who[person(n)] = n
	}
	return &platform{
		name: "whatsapp",
		channels: fmt.Sprintf(`whatsapp: {mode: cloud, access_token: %q, phone_number_id: %q, app_secret: %q, verify_token: %q, api_url: %q,
  limits: {account: {count: 0}, chat: {count: 0}}}`, token, line, secret, verify, hubtest.Serve(t, sim)),
		connect: func(t *testing.T, hub string) {
			if err := sim.SetWebhook(t.Context(), line, hub+"/webhooks/whatsapp", verify); err != nil {
				t.Fatal(err)
			}
		},
		say: func(n int, text string) error {
			_, err := sim.Say(line, person(n), text)
			return err
		},
		shown: func(n int) (out []string) {
			for _, m := range sim.Shown(line, person(n)) {
				if m.ByBot {
					out = append(out, m.Text)
				}
			}
			return out
		},
		wait: sim.Wait,
		watch: func(see func(sight)) func() int64 {
			sub := sim.Subscribe(1 << 16)
			return follow(sub.C, sub.Close, sub.Lost, func(e whatsapp.Event) {
				if e.Message != nil && e.Message.ByBot {
					see(sight{who[e.Person], e.MessageID, e.Message.Text})
				}
			})
		},
	}
}

func newDiscord(t *testing.T, people, each int) *platform {
	const token = "answers-test-token-of-no-real-bot"
	sim := discord.New(discord.Options{Token: token, ApplicationID: "100", MaxMessages: 4*each + 100, MaxCalls: 100})
	t.Cleanup(sim.Close)
	var users, rooms []string
	who := map[string]int{}
	for n := range people {
		id := sim.AddUser(fmt.Sprint("P", n))
		users, rooms = append(users, id), append(rooms, sim.OpenDM(id))
		who[rooms[n]] = n
	}
	return &platform{
		name: "discord",
		channels: fmt.Sprintf(`discord: {mode: gateway, token: %q, application_id: "100", api_url: %q, limits: {account: {count: 0}, chat: {count: 0}}}`,
			token, hubtest.Serve(t, sim)),
		connect: func(*testing.T, string) {},
		say: func(n int, text string) error {
			_, err := sim.Say(rooms[n], users[n], text)
			return err
		},
		shown: func(n int) (out []string) {
			for _, m := range sim.Shown(rooms[n]) {
				if m.ByBot {
					out = append(out, m.Content)
				}
			}
			return out
		},
		wait: sim.Wait,
		watch: func(see func(sight)) func() int64 {
			sub := sim.Subscribe(1 << 16)
			return follow(sub.C, sub.Close, sub.Lost, func(e discord.Event) {
				if e.Message != nil && e.Message.ByBot && e.Kind != discord.EventReaction {
					see(sight{who[e.Channel], e.MessageID, e.Message.Content})
				}
			})
		},
	}
}

// follow hands on events until the function it gives is called.
func follow[E any](events <-chan E, leave func(), lost func() int64, see func(E)) (stop func() int64) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range events {
			see(e)
		}
	}()
	return func() int64 {
		leave()
		<-done
		return lost()
	}
}
