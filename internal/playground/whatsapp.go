package playground

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	adapter "github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/console"
	simulator "github.com/parley-hub/parley/simulators/whatsapp"
)

// The ids of WhatsApp's cast.
const (
	whatsAppNumber = "100000000000001"
	whatsAppToken  = "playground-token-of-no-real-business"
	whatsAppSecret = "playground-secret-of-no-real-meta-app"
	whatsAppVerify = "playground-words"
)

var whatsAppPeople = map[string]string{ada: "16505550101", ben: "16505550102"}

// whatsAppTyping is how long WhatsApp shows one typing signal.
const whatsAppTyping = 25 * time.Second

type whatsApp struct{ *simulator.Server }

func newWhatsApp() (phone, error) {
	w := whatsApp{simulator.New(simulator.Options{
		// What a hub that is down does not take comes again soon.
		HookRetryBase: 250 * time.Millisecond,
		FirstID:       time.Now().Unix(), MaxMessages: maxMessages, MaxFileBytes: maxFiles, MaxCalls: maxCalls, MaxPending: 1000,
	})}
	w.AddNumber(simulator.Number{ID: whatsAppNumber, Display: "15550100100", Name: botName, Token: whatsAppToken, AppSecret: whatsAppSecret})
	for id, number := range whatsAppPeople {
		w.AddPerson(simulator.Person{ID: number, Name: nameOf(id)})
	}
	return w, nil
}

func (whatsApp) about() about {
	return about{
		id: "whatsapp", name: "WhatsApp", mode: "Cloud",
		private: console.Place{
			Title: botName, About: "business account, Cloud API",
			Hint: "Write to the business. Answers come whole, with ticks; the Cloud API has no edits and no groups.", Try: tries,
		},
	}
}

func (whatsApp) channel(api string) configs.Channel {
	c := adapter.Factory().Defaults().(*adapter.Config) // the factory's own type
	c.APIURL, c.PhoneNumberID = api, whatsAppNumber
	// This platform's statuses come at once, and it does not mind somebody who tries it out.
	c.StatusGrace = 2 * time.Second
	c.Limits.Chat = adapters.Rate{Count: 1, Per: time.Second, Burst: 5}
	c.AccessToken, c.AppSecret, c.VerifyToken = secret.New(whatsAppToken), secret.New(whatsAppSecret), secret.New(whatsAppVerify)
	return configs.Channel{Platform: adapter.Factory().Platform(), Config: c}
}

func (w whatsApp) connect(ctx context.Context, hub string) error {
	return w.SetWebhook(ctx, whatsAppNumber, hub+"/webhooks/whatsapp", whatsAppVerify)
}

func (whatsApp) hangUp() {} // everything is a plain request

// whatsAppID is a message's id as one of the page.
func whatsAppID(wamid string) string { return base64.RawURLEncoding.EncodeToString([]byte(wamid)) }

func wamid(id string) string {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return ""
	}
	return string(raw)
}

func (w whatsApp) transcript(chat string) []console.Bubble {
	shown := w.Shown(whatsAppNumber, whatsAppPeople[chat])
	given := map[string]map[string]string{} // by message, by who: one emoji each
	for _, m := range shown {
		if r := m.Reaction; r != nil {
			if given[r.MessageID] == nil {
				given[r.MessageID] = map[string]string{}
			}
			given[r.MessageID][whoSaid(m)] = r.Emoji
		}
	}
	var out []console.Bubble
	for _, m := range shown {
		if m.Reaction != nil {
			continue
		}
		b := whatsAppBubble(m, chat)
		if i := slices.IndexFunc(shown, func(q simulator.Posted) bool { return q.ID == m.ReplyTo && m.ReplyTo != "" }); i >= 0 {
			q := shown[i]
			b.ReplyTo = &console.Quote{ID: whatsAppID(q.ID), From: nameOf(chat), Text: plainOf(whatsAppDialect.runs(q.Text))}
			if q.ByBot {
				b.ReplyTo.From = botName
			}
		}
		counts := map[string]int{}
		for _, emoji := range given[m.ID] {
			if emoji != "" {
				counts[emoji]++
			}
		}
		b.Reactions = reactions(counts)
		out = append(out, b)
	}
	return out
}

func whoSaid(m simulator.Posted) string {
	if m.ByBot {
		return ""
	}
	return m.Person
}

// whatsAppBubble is a message for the page.
func whatsAppBubble(m simulator.Posted, person string) console.Bubble {
	b := console.Bubble{ID: whatsAppID(m.ID), At: m.At, Bot: m.ByBot, From: botName, Runs: linked(whatsAppDialect.runs(m.Text))}
	if !m.ByBot {
		b.From, b.User, b.Status = nameOf(person), person, m.Status
		if b.Status == "" {
			b.Status = "sent"
		}
	}
	if l := m.Location; l != nil {
		b.Runs = append(b.Runs, console.Run{Text: "📍 " + strings.TrimSpace(l.Name+" "+l.Address)})
	}
	for _, c := range m.Contacts {
		b.Runs = append(b.Runs, console.Run{Text: "👤 " + c.Name.FormattedName})
	}
	if f := m.Media; f != nil {
		b.Files = []console.File{{ID: f.ID, Name: f.Name, Kind: kindOf(f.MIME), Voice: f.Voice, Size: f.Size}}
	}
	for _, c := range m.Buttons {
		b.Buttons = append(b.Buttons, []console.Button{{Label: c.Title, Data: c.ID}})
	}
	if len(m.Rows) > 0 {
		b.Menu = &console.Menu{Label: m.ListLabel}
		for _, c := range m.Rows {
			b.Menu.Rows = append(b.Menu.Rows, console.Button{Label: c.Title, About: c.Description, Data: c.ID})
		}
	}
	return b
}

// whatsAppDialect is WhatsApp's own marks (https://faq.whatsapp.com/539178204879377).
var whatsAppDialect = dialect{quote: "> ", plain: func(s string) string { return s }}

// plainOf is what runs say.
func plainOf(runs []console.Run) string {
	var b strings.Builder
	for _, r := range runs {
		b.WriteString(r.Text)
	}
	return b.String()
}

func (w whatsApp) say(chat string, u console.Utterance) error {
	said := simulator.Utterance{Number: whatsAppNumber, Person: whatsAppPeople[chat], Text: u.Text, ReplyTo: wamid(u.ReplyTo)}
	if f := u.File; f != nil {
		said.File, said.MIME, said.Kind = f.Data, f.MIME, kindOf(f.MIME)
		switch said.Kind {
		case "audio":
			said.Voice = f.MIME == "audio/ogg"
			if said.Voice {
				said.MIME = "audio/ogg; codecs=opus"
			}
		case "file":
			said.Kind, said.Filename = "document", f.Name
		}
	}
	if _, err := w.Speak(said); err != nil {
		return err
	}
	// Who writes has read what was written before.
	return w.Read(whatsAppNumber, whatsAppPeople[chat])
}

func (w whatsApp) press(chat, bubble, _, data string) error {
	_, err := w.Press(whatsAppNumber, whatsAppPeople[chat], wamid(bubble), data)
	return err
}

func (w whatsApp) react(chat, bubble, _, emoji string) error {
	given := ""
	for _, m := range w.Shown(whatsAppNumber, whatsAppPeople[chat]) {
		if m.Reaction != nil && !m.ByBot && m.Reaction.MessageID == wamid(bubble) {
			given = m.Reaction.Emoji
		}
	}
	if given == emoji {
		emoji = "" // the second press takes it back
	}
	_, err := w.Speak(simulator.Utterance{
		Number: whatsAppNumber, Person: whatsAppPeople[chat], Reaction: &simulator.Reaction{MessageID: wamid(bubble), Emoji: emoji},
	})
	return err
}

func (w whatsApp) file(id string) ([]byte, bool) { return w.FileBytes(id) }

func (w whatsApp) watch(ctx context.Context, tell func(happening), lost func()) {
	watch(ctx, w.Subscribe(watchBuffer), func(e simulator.Event) {
		h := happening{chat: ben}
		if e.Person == whatsAppPeople[ada] {
			h.chat = ada
		}
		switch {
		case e.Kind == simulator.EventTyping:
			h.typing = whatsAppTyping
		case e.Message != nil && e.Message.ByBot:
			h.typing = -1
		}
		tell(h)
	}, lost)
}

func (w whatsApp) fail(kind faultKind) []strike {
	switch kind {
	case faultBusy:
		return []strike{w.Inject(simulator.Fault{Kind: simulator.FaultRateLimit, Endpoint: "messages", RetryAfter: int(busyFor / time.Second)})}
	case faultError:
		return []strike{w.Inject(simulator.Fault{
			Kind: simulator.FaultError, Endpoint: "messages", Status: http.StatusInternalServerError, Code: 131000, Message: "Something went wrong",
		})}
	case faultLost:
		return []strike{w.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Endpoint: "messages"})}
	case faultTwice:
		return []strike{w.Inject(simulator.Fault{Kind: simulator.FaultDuplicate})}
	default:
		return nil
	}
}
