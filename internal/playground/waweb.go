//go:build !nowhatsmeow

package playground

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	adapter "github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/internal/console"
	simulator "github.com/parley-hub/parley/simulators/whatsapp/web"
)

// linkedMakers are the phones that link the hub by a code.
var linkedMakers = []func() (phone, error){newWhatsAppWeb}

// The ids of the cast on WhatsApp-web; the people have the numbers they have elsewhere.
const (
	webNumber = "15550100200"
	webGroup  = "120363000000000100"
)

// whatsAppWeb is the account of an ordinary phone, with the hub as a linked device.
type whatsAppWeb struct{ *simulator.Server }

func newWhatsAppWeb() (phone, error) {
	w := whatsAppWeb{simulator.New(simulator.Options{
		MaxMessages: maxMessages, MaxFileBytes: maxFiles, MaxCalls: maxCalls, MaxPending: 1000,
	})}
	w.AddNumber(simulator.Number{Phone: webNumber, Name: botName})
	members := []string{webNumber}
	for id, number := range whatsAppPeople {
		w.AddPerson(simulator.Person{Phone: number, Name: nameOf(id)})
		members = append(members, number)
	}
	w.AddGroup(simulator.Group{ID: webGroup, Name: "Tea kitchen", Members: members})
	return w, nil
}

func (whatsAppWeb) about() about {
	return about{
		id: "wa-web", name: "WhatsApp", with: "whatsapp", mode: "Web (QR)",
		remark: "Unofficial: the hub is a linked device of an ordinary account, which WhatsApp does not offer to bots.",
		private: console.Place{
			Title: botName, About: "an ordinary account",
			Hint: "Write to the account that the hub is linked to. Answers grow by edits; choices are numbered.", Try: tries,
		},
		group:  console.Place{Title: "Tea kitchen", About: "group of Ada, Ben and the bot", Hint: "In a group the bot answers when you mention @parley.", Try: groupTries},
		faults: []faultKind{faultTwice, faultLost, faultGone, faultUnlink},
	}
}

func (whatsAppWeb) channel(api string) configs.Channel {
	c := adapter.Factory().Defaults().(*adapter.Config) // the factory's own type
	key := simulator.RootKey()
	c.Mode, c.APIURL, c.RootKey = adapter.ModeWeb, api, hex.EncodeToString(key[:])
	return configs.Channel{Platform: adapter.Factory().Platform(), Config: c}
}

func (whatsAppWeb) connect(context.Context, string) error { return nil } // the device calls

func (whatsAppWeb) adapter(c configs.Channel, stateDir string) (adapters.Adapter, error) {
	return adapter.Factory().New(adapters.Settings{Account: "wa-web", Config: c.Config, StateDir: stateDir})
}

func (w whatsAppWeb) linked() bool { return w.Devices(webNumber) > 0 }

func (w whatsAppWeb) scan(ctx context.Context, code string) error {
	return w.Scan(ctx, webNumber, code)
}

func (w whatsAppWeb) unlink() error { return w.Logout(webNumber) }

func (w whatsAppWeb) hangUp() { _ = w.Disconnect(webNumber) } // the number is there

// webChat is what WhatsApp calls a chat.
func webChat(chat string) string {
	if chat == group {
		return webGroup
	}
	return whatsAppPeople[chat]
}

// webPerson is who has a number; empty for the bot.
func webPerson(number string) string {
	for id, n := range whatsAppPeople {
		if n == number {
			return id
		}
	}
	return ""
}

func (w whatsAppWeb) transcript(chat string) []console.Bubble {
	shown := w.Shown(webNumber, webChat(chat))
	var out []console.Bubble
	for _, m := range shown {
		if m.Deleted {
			continue
		}
		b := webBubble(m)
		if i := slices.IndexFunc(shown, func(q simulator.Posted) bool { return q.ID == m.ReplyTo && m.ReplyTo != "" }); i >= 0 {
			q := webBubble(shown[i])
			b.ReplyTo = &console.Quote{ID: q.ID, From: q.From, Text: plainOf(q.Runs)}
		}
		out = append(out, b)
	}
	return out
}

// webBubble is a message for the page.
func webBubble(m simulator.Posted) console.Bubble {
	b := console.Bubble{ID: m.ID, At: m.At, Bot: m.ByBot, From: botName, Edited: len(m.Edits) > 0, Runs: linked(whatsAppDialect.runs(webNames(m)))}
	if who := webPerson(m.From); who != "" {
		b.From, b.User, b.Status = nameOf(who), who, "sent"
		switch {
		case m.Read > 0:
			b.Status = "read"
		case m.Delivered > 0:
			b.Status = "delivered"
		}
	}
	if f := m.Media; f != nil {
		b.Files = []console.File{{ID: m.ID, Name: f.Name, Kind: kindOf(f.MIME), Voice: f.Kind == "voice", Size: f.Size}}
	}
	counts := map[string]int{}
	for _, emoji := range m.Reactions {
		counts[emoji]++
	}
	b.Reactions = reactions(counts)
	return b
}

// webNames is a text with the names of those it mentions.
func webNames(m simulator.Posted) string {
	text := m.Text
	for _, number := range m.Mentions {
		name := botName
		if who := webPerson(number); who != "" {
			name = nameOf(who)
		}
		text = strings.ReplaceAll(text, "@"+number, "@"+name)
	}
	return text
}

func (w whatsAppWeb) say(chat string, u console.Utterance) error {
	said := simulator.Utterance{Number: webNumber, Person: whatsAppPeople[u.As], Text: u.Text, ReplyTo: u.ReplyTo}
	if chat == group {
		said.Group = webGroup
		if text := summon(u.Text, "@"+webNumber); text != u.Text {
			said.Text, said.Mention = text, []string{webNumber}
		}
	}
	if f := u.File; f != nil {
		m := &simulator.Attachment{Data: f.Data, MIME: f.MIME, Kind: kindOf(f.MIME), Name: f.Name}
		switch {
		case f.MIME == "audio/ogg":
			m.Kind, m.MIME = "voice", "audio/ogg; codecs=opus"
		case m.Kind == "file":
			m.Kind = "document"
		}
		said.Media = m
	}
	if _, err := w.Speak(said); err != nil {
		return err
	}
	// Who writes has read what was written before.
	return w.Read(webNumber, webChat(chat), whatsAppPeople[u.As])
}

// press implements phone: linked devices send no buttons.
func (whatsAppWeb) press(_, _, _, _ string) error { return errNobody }

func (w whatsAppWeb) react(chat, bubble, as, emoji string) error {
	u := simulator.Utterance{Number: webNumber, Person: whatsAppPeople[as], ReplyTo: bubble, Reaction: emoji}
	if chat == group {
		u.Group = webGroup
	}
	for _, m := range w.Shown(webNumber, webChat(chat)) {
		if m.ID == bubble && m.Reactions[u.Person] == emoji {
			u.Reaction = simulator.NoReaction // the second press takes it back
		}
	}
	_, err := w.Speak(u)
	return err
}

func (w whatsAppWeb) file(id string) ([]byte, bool) {
	for _, chat := range []string{ada, ben, group} {
		for _, m := range w.Shown(webNumber, webChat(chat)) {
			if m.ID == id && m.Media != nil && m.Media.Problem == "" {
				return m.Media.Data, true
			}
		}
	}
	return nil, false
}

func (w whatsAppWeb) watch(ctx context.Context, tell func(happening), lost func()) {
	watch(ctx, w.Subscribe(watchBuffer), func(e simulator.Event) {
		h := happening{chat: group}
		if e.Chat != webGroup {
			h.chat = webPerson(e.Chat)
		}
		switch {
		case h.chat == "":
			return // about the device, not about a chat
		case e.Kind == simulator.EventTyping && e.Text == "composing":
			h.typing = webTyping
		case e.Kind == simulator.EventTyping, e.Message != nil && e.Message.ByBot:
			h.typing = -1
		}
		tell(h)
	}, lost)
}

// webTyping is how long phones show one typing signal.
const webTyping = 10 * time.Second

func (w whatsAppWeb) fail(kind faultKind) []strike {
	switch kind {
	case faultLost:
		return []strike{w.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, At: "message"})}
	case faultTwice:
		return []strike{w.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, At: "delivery"})}
	default:
		return nil
	}
}
