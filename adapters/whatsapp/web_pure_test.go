package whatsapp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/whatsapp/web"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

const (
	webPerson = "16505551234"
	webGroup  = "120363000000000001@g.us"
)

// webSaid is a message of a person in a chat with the bot.
func webSaid(parts ...core.Part) web.Message {
	return web.Message{
		Key: web.Key{ID: "3AAA", Sender: webPerson}, Kind: core.KindMessage, Chat: webPerson, Name: "Ann",
		At: time.Unix(1700000000, 0).UTC(), Parts: parts,
	}
}

func webSaidInGroup(parts ...core.Part) web.Message {
	m := webSaid(parts...)
	m.Chat = webGroup
	return m
}

func TestWebInboundGolden(t *testing.T) {
	t.Parallel()
	about := func(kind core.Kind, about web.Key, m web.Message) web.Message {
		m.Kind, m.About = kind, about
		return m
	}
	mentioned := func(text string, self bool) web.Message {
		m := webSaidInGroup(core.Text{Text: text})
		m.Self, m.Mentions = self, []web.Mention{{Written: "@900000000000001", Address: "15550001111", Self: self}}
		return m
	}
	answer := webSaidInGroup(core.Text{Text: "yes"})
	answer.Quote = &web.Quote{Key: web.Key{ID: "3EB0AA", Sender: "15550001111", Own: true}, Text: "shall I?"}
	other := webSaid(core.Unsupported{What: "pollUpdateMessage"})
	other.Kind = core.KindOther
	change := webSaidInGroup(core.Change{Joined: []core.Sender{{ID: "1"}}})
	change.Kind, change.Sender = core.KindMembership, ""
	for name, m := range map[string]web.Message{
		"text": webSaid(core.Text{Text: "hello"}), "command": webSaid(core.Text{Text: "/Help me"}),
		"group":         webSaidInGroup(core.Text{Text: "not for the bot"}),
		"group command": webSaidInGroup(core.Text{Text: "/help"}),
		"group mention": mentioned("@900000000000001, /help me", true),
		"group inside":  mentioned("ask @900000000000001 about it", true),
		"group other":   mentioned("@900000000000001 look", false),
		"group answer":  answer,
		"edit":          about(core.KindEdit, web.Key{ID: "3AA0", Sender: webPerson}, webSaid(core.Text{Text: "again"})),
		"delete":        about(core.KindDelete, web.Key{ID: "3AA0", Sender: "17@lid"}, webSaidInGroup()),
		"reaction":      about(core.KindReaction, web.Key{ID: "3EB0AA", Own: true}, webSaidInGroup(core.Reaction{Emoji: "👍"})),
		"image":         webSaid(core.Media{Kind: core.Image, File: "web.x", Caption: "look"}),
		"other":         other, "membership": change,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := webReader{"wa"}.envelope(m)
			wire, err := core.EncodeEnvelope(e)
			if err != nil {
				t.Fatal(err)
			}
			adaptertest.Golden(t, "testdata/web/"+strings.ReplaceAll(name, " ", "_")+".json", jsonRaw(wire))
		})
	}
}

type jsonRaw []byte

func (r jsonRaw) MarshalJSON() ([]byte, error) { return r, nil }

// The id of a message is its sender's choice: only with the chat and the sender it
// names one.
func TestWebEnvelopeIDs(t *testing.T) {
	t.Parallel()
	ids := map[core.EnvelopeID]string{}
	other := webSaid(core.Text{Text: "x"})
	other.Sender, other.Chat = "16505559999", "16505559999"
	inGroup := webSaidInGroup(core.Text{Text: "x"})
	otherInGroup := inGroup
	otherInGroup.Sender = "16505559999"
	edit := webSaid(core.Text{Text: "x"})
	edit.Kind = core.KindEdit
	for name, m := range map[string]web.Message{
		"one": webSaid(core.Text{Text: "x"}), "other": other, "group": inGroup, "other in group": otherInGroup, "edit": edit,
	} {
		id := webReader{"wa"}.envelope(m).ID
		if was, ok := ids[id]; ok {
			t.Errorf("%s and %s have one id", was, name)
		}
		ids[id] = name
	}
}

func TestWebKeys(t *testing.T) {
	t.Parallel()
	private := core.Conversation{Place: core.Private, Chat: webPerson}
	group := core.Conversation{Place: core.Group, Chat: webGroup}
	k := web.Key{ID: "3A/AA", Sender: "7@lid"}
	if got, err := webKey(webMessage(k, core.Group), group); err != nil || got != k {
		t.Errorf("%+v, %v", got, err)
	}
	k.Sender = webPerson
	if got, err := webKey(webMessage(k, core.Private), private); err != nil || got != k {
		t.Errorf("%+v, %v", got, err)
	}
	for _, id := range []core.MessageID{"", "3EB0AA", "3AAA/", "3AAA/x"} {
		if _, err := webKey(id, group); err == nil {
			t.Errorf("%q names a message of a group", id)
		}
	}
}

// fakeDevice keeps what is sent.
type fakeDevice struct {
	device
	sent []web.Outgoing
	ids  []string
	err  error
}

func (d *fakeDevice) Send(_ context.Context, _ web.Address, id string, o web.Outgoing) (time.Time, error) {
	if d.err != nil {
		return time.Time{}, d.err
	}
	d.sent, d.ids = append(d.sent, o), append(d.ids, id)
	return time.Unix(1700000000, 0), nil
}

func webBench(t *testing.T, s adapters.Settings) (*Web, *fakeDevice) {
	t.Helper()
	c := defaults()
	c.Mode = ModeWeb
	s.Account = "wa"
	if s.Memory == nil {
		s.Memory = alone.New()
	}
	a, err := newWeb(s, c)
	if err != nil {
		t.Fatal(err)
	}
	d := &fakeDevice{}
	a.device = d
	return a, d
}

func webReply(to core.Conversation, parts ...core.Part) core.Reply {
	return core.Reply{ID: core.ReplyTo("e", 0), Final: true, To: to, Parts: parts}
}

var webChat = core.Conversation{Account: "wa", Place: core.Private, Chat: webPerson}

func TestWebChoicesComeBackAsActions(t *testing.T) {
	t.Parallel()
	choices := core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "poll:y"}, {Label: "No", Data: "poll:n"}}}}
	asked := webReply(webChat, core.Text{Text: "Shall I?"}, choices)
	inGroup := asked
	inGroup.To = core.Conversation{Account: "wa", Place: core.Group, Chat: webGroup}
	a, d := webBench(t, adapters.Settings{Sent: func(_ context.Context, chat core.ChatID, id core.MessageID) (core.Reply, bool, error) {
		if id == "3EB0AA" && chat == webGroup {
			return inGroup, true, nil
		}
		return core.Reply{}, false, nil
	}})
	press := func(m web.Message) core.Envelope {
		e := webReader{"wa"}.envelope(m)
		id := e.ID
		a.press(t.Context(), &e, m)
		if e.ID != id {
			t.Error("a press has another id than the message it is")
		}
		return e
	}
	says := func(text string) core.Envelope { return press(webSaid(core.Text{Text: text})) }
	action := func(e core.Envelope, data string) {
		t.Helper()
		if e.Kind != core.KindAction || cmp.Diff(e.Parts, []core.Part{core.Action{Data: data}}) != "" {
			t.Errorf("%s: %v, want the press of %s", e.Kind, e.Parts, data)
		}
	}
	if e := says("1"); e.Kind != core.KindMessage {
		t.Error("a number means a choice although there is none")
	}
	if _, err := a.Send(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	if want := "Shall I?\n\n1. Yes\n2. No"; d.sent[0].Text != want {
		t.Errorf("shown %q, want %q", d.sent[0].Text, want)
	}
	action(says(" 2 "), "poll:n")
	action(says("yes"), "poll:y")
	for _, text := range []string{"3", "0", "maybe", "yes please"} {
		if e := says(text); e.Kind != core.KindMessage {
			t.Errorf("%q is a press", text)
		}
	}
	if _, err := a.Send(t.Context(), webReply(webChat, core.Text{Text: "something else"})); err != nil {
		t.Fatal(err)
	}
	if e := says("1"); e.Kind != core.KindMessage {
		t.Error("a number means a choice of long ago")
	}
	quoting := webSaidInGroup(core.Text{Text: "No"})
	quoting.Quote = &web.Quote{Key: web.Key{ID: "3EB0AA", Own: true}}
	e := press(quoting)
	action(e, "poll:n")
	if e.Native != "3EB0AA" || e.ReplyTo != nil {
		t.Errorf("the press is about %q", e.Native)
	}
	quoting.Quote.ID = "3EB0BB"
	if e := press(quoting); e.Kind != core.KindMessage {
		t.Error("an answer to something else is a press")
	}
}

func TestWebEdits(t *testing.T) {
	t.Parallel()
	a, d := webBench(t, adapters.Settings{})
	now := time.Unix(1700000000, 0)
	a.now = func() time.Time { return now }
	draft := func(text string) core.Reply {
		r := webReply(webChat, core.Text{Text: text})
		r.Final = false
		return r
	}
	begin := func() core.MessageID {
		receipt, err := a.Send(t.Context(), draft("a"))
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Message
	}
	id := begin()
	for _, text := range []string{"a b", "a b", "a b c", "a b c d", "a b c d e"} {
		if _, err := a.Edit(t.Context(), id, draft(text)); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.sent) != 1+maxProgress {
		t.Errorf("%d messages, want %d", len(d.sent), 1+maxProgress)
	}
	if _, err := a.Edit(t.Context(), id, draft("more and more")); !errors.Is(err, errEnough) || fault.ClassOf(err) != fault.Permanent {
		t.Errorf("the fifth edit: %v", err)
	}
	if _, err := a.Edit(t.Context(), id, webReply(webChat, core.Text{Text: "all of it"})); err != nil {
		t.Error(err)
	}
	last := len(d.sent) - 1
	if m, ok := web.Edited(d.ids[last]); !ok || m != string(id) || d.sent[last].Edits != string(id) || d.sent[last].Text != "all of it" {
		t.Errorf("the final edit is %s: %+v", d.ids[last], d.sent[last])
	}

	now = now.Add(editWindow + time.Second)
	for _, old := range []core.MessageID{id, "3EB0000000000000000000"} { // and one this process did not send
		if _, err := a.Edit(t.Context(), old, webReply(webChat, core.Text{Text: "late"})); !errors.Is(err, errTooOld) || fault.ClassOf(err) != fault.Permanent {
			t.Errorf("a late edit: %v", err)
		}
		if got := d.sent[len(d.sent)-1]; got.Revokes != string(old) {
			t.Errorf("the old draft stays: %+v", got)
		}
	}
}

// What a phone could not read is sent again from memory, and after a restart from what
// the hub recorded: the same piece, the final edit as an edit.
func TestWebAgain(t *testing.T) {
	t.Parallel()
	long := webReply(webChat, core.Text{Text: strings.Repeat("word ", 1000)})
	a, d := webBench(t, adapters.Settings{})
	first, err := a.Send(t.Context(), long)
	if err != nil || !first.More {
		t.Fatal(first, err)
	}
	long.Sent = []core.MessageID{first.Message}
	second, err := a.Send(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := a.again(t.Context(), webPerson, string(second.Message)); !ok || o.Text != d.sent[1].Text {
		t.Error("the second piece is not remembered")
	}
	later, _ := webBench(t, adapters.Settings{Sent: func(_ context.Context, chat core.ChatID, id core.MessageID) (core.Reply, bool, error) {
		switch {
		case chat != webPerson:
			return core.Reply{}, false, nil
		case id == first.Message:
			r := long
			r.Sent = nil
			return r, true, nil
		case id == second.Message:
			return long, true, nil
		default:
			return core.Reply{}, false, errors.New("no such message")
		}
	}})
	for i, id := range []core.MessageID{first.Message, second.Message} {
		if o, ok := later.again(t.Context(), webPerson, string(id)); !ok || o.Text != d.sent[i].Text || o.Edits != "" {
			t.Errorf("piece %d after a restart: %v", i, ok)
		}
	}
	if o, ok := later.again(t.Context(), webPerson, web.EditID(string(first.Message), 0)); !ok || o.Edits != string(first.Message) || o.Text != d.sent[0].Text {
		t.Errorf("the final edit after a restart: %v, %+v", ok, o)
	}
	if _, ok := later.again(t.Context(), "16505559999", string(first.Message)); ok {
		t.Error("somebody gets another one's message")
	}
	if _, ok := later.again(t.Context(), webPerson, "3EB0"); ok {
		t.Error("a message nobody knows")
	}
}

func TestWebConfig(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("0a", rootKeySize)
	for name, tc := range map[string]struct {
		change func(*Config)
		key    string
	}{
		"as it comes":    {func(*Config) {}, ""},
		"simulator":      {func(c *Config) { c.APIURL, c.RootKey = "http://127.0.0.1:8085", key }, ""},
		"v6":             {func(c *Config) { c.APIURL, c.RootKey = "http://[::1]:8085/", key }, ""},
		"elsewhere":      {func(c *Config) { c.APIURL, c.RootKey = "http://example.org", key }, "api_url"},
		"a name":         {func(c *Config) { c.APIURL, c.RootKey = "http://127.0.0.1.example.org", key }, "api_url"},
		"not http":       {func(c *Config) { c.APIURL, c.RootKey = "https://127.0.0.1", key }, "api_url"},
		"no key":         {func(c *Config) { c.APIURL = "http://localhost:1" }, "root_key"},
		"bad key":        {func(c *Config) { c.APIURL, c.RootKey = "http://localhost:1", "00" }, "root_key"},
		"key alone":      {func(c *Config) { c.RootKey = key }, "root_key"},
		"cloud's token":  {func(c *Config) { c.AccessToken = secret.New("EAA") }, "access_token"},
		"cloud's number": {func(c *Config) { c.PhoneNumberID = "1" }, "phone_number_id"},
		"limits":         {func(c *Config) { c.Limits.Chat.Count = -1 }, "limits.chat"},
	} {
		c := defaults()
		c.Mode = ModeWeb
		tc.change(c)
		var keys []string
		for _, p := range c.Validate() {
			if p.Key != "mode" || webBuilt {
				keys = append(keys, p.Key)
			}
		}
		if strings.Join(keys, " ") != tc.key {
			t.Errorf("%s: problems at %v, want %q", name, keys, tc.key)
		}
		if c.NeedsPublicURL() {
			t.Errorf("%s: it needs no public address", name)
		}
	}
	c := defaults()
	if c.limits() == webLimits() {
		t.Error("mode cloud has the limits of mode web")
	}
	if c.Mode = ModeWeb; c.limits() != webLimits() {
		t.Errorf("limits %+v", c.limits())
	}
	if c.Limits.Account.Count = 2; c.limits() != c.Limits {
		t.Error("limits that were configured do not hold")
	}
}
