package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/simulators/slack"
	telegram "github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/simulators/whatsapp"
	"github.com/parley-hub/parley/test/hubtest"
)

// The accounts on the other platforms. None of them is real either.
const (
	slackToken  = "xoxb-e2e-token-of-no-real-app"
	slackSecret = "e2e-secret-of-no-real-slack-app"

	discordToken = "e2e-token-of-no-real-discord-bot"

	whatsAppNumber = "106540352242922"
	whatsAppPerson = "16505550007"
	whatsAppToken  = "e2e-token-of-no-real-business"
	whatsAppSecret = "e2e-secret-of-no-real-meta-app"
	whatsAppVerify = "e2e words"
)

// phone is one person's private chat with the bot on one platform.
type phone struct {
	name   string
	server http.Handler
	// connect tells the platform where the hub is, once the hub is there; may be nil.
	connect func(ctx context.Context, hub string) error
	say     func(text string) error
	// answers are the bot's words, in order.
	answers func() []string
	// channel is the account's configuration for a platform at this address.
	channel func(address string) string
	// forgets is true for a platform that keeps nothing for a bot that never came.
	forgets bool
	// webhook is true for a platform that calls the hub.
	webhook bool
}

const unlimited = "limits: {account: {count: 0}, chat: {count: 0}}"

func phones(t *testing.T) []phone {
	return []phone{telegramPhone(t), slackPhone(t), discordPhone(t), whatsAppPhone(t)}
}

func telegramPhone(t *testing.T) phone {
	sim := telegram.New(telegram.Options{})
	t.Cleanup(sim.Close)
	sim.AddBot(token, bot, "parley_bot", "Parley")
	sim.AddUser(telegram.User{ID: ann, FirstName: "Ann"})
	if err := sim.OpenPrivate(bot, ann); err != nil {
		t.Fatal(err)
	}
	return phone{
		name: "telegram", server: sim,
		say: func(text string) error { _, err := sim.Say(ann, text); return err },
		answers: func() (out []string) {
			for _, m := range sim.Shown(bot, ann) {
				if m.ByBot == bot {
					out = append(out, m.Text)
				}
			}
			return out
		},
		channel: func(address string) string {
			return fmt.Sprintf(`{token: %q, api_url: %q, %s}`, token, address, unlimited)
		},
	}
}

func slackPhone(t *testing.T) phone {
	sim := slack.New(slack.Options{
		App:         slack.App{BotToken: slackToken, SigningSecret: slackSecret},
		RetryDelays: []time.Duration{0, 50 * time.Millisecond}, RetryForever: true,
	})
	t.Cleanup(sim.Close)
	sim.AddUser("U00007", "ann")
	chat, err := sim.OpenDM("U00007")
	if err != nil {
		t.Fatal(err)
	}
	return phone{
		name: "slack", server: sim, webhook: true,
		connect: func(_ context.Context, hub string) error { sim.SetRequestURL(hub + "/webhooks/slack"); return nil },
		say:     func(text string) error { _, err := sim.Say(chat, "U00007", text); return err },
		answers: func() (out []string) {
			for _, m := range sim.Shown(chat) {
				if m.ByBot {
					out = append(out, m.Text)
				}
			}
			return out
		},
		channel: func(address string) string {
			return fmt.Sprintf(`{mode: events, bot_token: %q, signing_secret: %q, api_url: "%s/api/", %s}`,
				slackToken, slackSecret, address, unlimited)
		},
	}
}

func discordPhone(t *testing.T) phone {
	sim := discord.New(discord.Options{Token: discordToken, ApplicationID: "100"})
	t.Cleanup(sim.Close)
	person := sim.AddUser("Ann")
	chat := sim.OpenDM(person)
	return phone{
		name: "discord", server: sim, forgets: true,
		say: func(text string) error { _, err := sim.Say(chat, person, text); return err },
		answers: func() (out []string) {
			for _, m := range sim.Shown(chat) {
				if m.ByBot {
					out = append(out, m.Content)
				}
			}
			return out
		},
		channel: func(address string) string {
			return fmt.Sprintf(`{mode: gateway, token: %q, application_id: "100", api_url: %q, %s}`, discordToken, address, unlimited)
		},
	}
}

func whatsAppPhone(t *testing.T) phone {
	sim := whatsapp.New(whatsapp.Options{HookRetryBase: 20 * time.Millisecond})
	t.Cleanup(sim.Close)
	sim.AddNumber(whatsapp.Number{ID: whatsAppNumber, Display: "15550783881", Name: "Parley", Token: whatsAppToken, AppSecret: whatsAppSecret})
	sim.AddPerson(whatsapp.Person{ID: whatsAppPerson, Name: "Ann"})
	return phone{
		name: "whatsapp", server: sim, webhook: true,
		connect: func(ctx context.Context, hub string) error {
			return sim.SetWebhook(ctx, whatsAppNumber, hub+"/webhooks/whatsapp", whatsAppVerify)
		},
		say: func(text string) error { _, err := sim.Say(whatsAppNumber, whatsAppPerson, text); return err },
		answers: func() (out []string) {
			for _, m := range sim.Shown(whatsAppNumber, whatsAppPerson) {
				if m.ByBot {
					out = append(out, m.Text)
				}
			}
			return out
		},
		channel: func(address string) string {
			return fmt.Sprintf(`{mode: cloud, access_token: %q, phone_number_id: %q, app_secret: %q, verify_token: %q, api_url: %q, %s}`,
				whatsAppToken, whatsAppNumber, whatsAppSecret, whatsAppVerify, address, unlimited)
		},
	}
}

// TestOnePlatformUnreachable has accounts on all platforms, and one of these cannot be
// reached: the others answer, /readyz says which one is out and why, and
// it heals by itself.
func TestOnePlatformUnreachable(t *testing.T) {
	t.Parallel()
	for i := range phones(t) {
		all := phones(t)
		out := all[i]
		t.Run(out.name, func(t *testing.T) {
			t.Parallel()
			nowhere := hubtest.FreeAddress(t)
			var channels []string
			for _, p := range all {
				address := "http://" + nowhere
				if p.name != out.name {
					address = hubtest.Serve(t, p.server)
				}
				channels = append(channels, p.name+": "+p.channel(address))
			}
			w := newWorld(t, setup{
				config: map[string]string{
					"http":     `{listen: "ADDRESS", public_url: "http://ADDRESS"}`,
					"channels": "{" + strings.Join(channels, ", ") + "}",
				},
			})
			w.hub.Start()
			w.eventually("/readyz names it and nothing else", func() bool {
				status, body, err := w.hub.Get("/readyz")
				return err == nil && status == http.StatusServiceUnavailable && strings.Count(body, `"name":"account `) == 1 &&
					strings.Contains(body, `"name":"account `+out.name+`","text":"healing: `) && strings.Contains(body, "connection refused")
			})
			if status, body, err := w.hub.Get("/readyz/calls"); err != nil || status != http.StatusOK {
				t.Errorf("a balancer would give the others nothing: %d %s %v", status, body, err)
			}
			for _, p := range all {
				if p.connect != nil {
					if err := p.connect(t.Context(), "http://"+w.hub.Address); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.say("hello"); err != nil {
					t.Fatal(err)
				}
			}
			_, page, err := w.hub.Get("/overview")
			if err != nil || !strings.Contains(page, "connection refused") || strings.Count(page, "healing") < 1 {
				t.Errorf("the page does not say what is wrong with %s: %v\n%s", out.name, err, page)
			}
			for _, p := range all {
				// What is to be pasted into the platforms' consoles.
				if address := "http://" + w.hub.Address + "/webhooks/" + p.name; strings.Contains(page, address) != p.webhook {
					t.Errorf("the page shows %s: %v", address, !p.webhook)
				}
			}
			answered := func(p phone) bool { return slices.Equal(p.answers(), []string{"You said: hello"}) }
			for _, p := range all {
				if p.name != out.name {
					w.eventually(p.name+" answers", func() bool { return answered(p) })
				}
			}
			if got := out.answers(); len(got) > 0 {
				t.Errorf("%s answers, though nobody can reach it: %q", out.name, got)
			}

			hubtest.ServeAt(t, nowhere, out.server)
			w.hub.WaitReady()
			if out.forgets {
				if err := out.say("hello"); err != nil {
					t.Fatal(err)
				}
			}
			w.eventually(out.name+" answers", func() bool { return answered(out) })
			for _, p := range all {
				if !answered(p) {
					t.Errorf("%s shows %q", p.name, p.answers())
				}
			}
			for _, secret := range []string{slackToken, slackSecret, discordToken, whatsAppToken, whatsAppSecret, whatsAppVerify} {
				if w.hub.Count(secret) > 0 {
					t.Error("a secret in the log")
				}
			}
		})
	}
}
