package whatsapp

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
)

// object is what a webhook call of this platform is about.
const object = "whatsapp_business_account"

// reader turns changes into envelopes for one number. It is pure: the same change
// gives the same envelopes.
type reader struct {
	account core.Account
	// number is the phone_number_id this account is.
	number string
}

// arrival is an envelope with the message that can be marked as read for it; "" for none.
type arrival struct {
	core.Envelope
	readable core.MessageID
}

// reading is what one change holds.
type reading struct {
	arrivals []arrival
	statuses []status
	// errors are troubles of the account that the platform tells this way.
	errors []apiError
	// foreign is true when the change is about another number of the same app.
	foreign bool
	// unread counts pieces of a shape this version cannot read; they are kept as KindOther.
	unread int
}

// change reads one change. now is the time of events that carry none. What has no
// meaning here becomes an envelope of KindOther.
func (r reader) change(raw json.RawMessage, now time.Time) reading {
	var c change
	var v value
	if err := json.Unmarshal(raw, &c); err != nil {
		return reading{arrivals: []arrival{r.other("unreadable change", raw, now)}, unread: 1}
	}
	if c.Field != "messages" {
		return reading{arrivals: []arrival{r.other(named(c.Field, "change without a field"), raw, now)}}
	}
	if err := json.Unmarshal(c.Value, &v); err != nil {
		return reading{arrivals: []arrival{r.other("unreadable messages", raw, now)}, unread: 1}
	}
	if v.Metadata.PhoneNumberID != r.number {
		return reading{foreign: true}
	}
	var out reading
	for _, m := range v.Messages {
		e, ok := r.message(m, v, now)
		if !ok {
			out.unread++
		}
		out.arrivals = append(out.arrivals, e)
	}
	for _, raw := range v.Statuses {
		var s status
		if err := json.Unmarshal(raw, &s); err != nil || s.ID == "" {
			out.unread++
			out.arrivals = append(out.arrivals, r.other("unreadable status", raw, now))
			continue
		}
		out.statuses = append(out.statuses, s)
	}
	out.errors = v.Errors
	if len(v.Messages)+len(v.Statuses) == 0 {
		what := "messages without messages"
		if len(v.Errors) > 0 {
			what = "errors"
		}
		out.arrivals = append(out.arrivals, r.other(what, raw, now))
	}
	return out
}

func named(name, or string) string {
	if name == "" {
		return or
	}
	return name
}

// other makes an envelope of what belongs to no chat. The same bytes are the same event.
func (r reader) other(what string, raw []byte, now time.Time) arrival {
	return arrival{Envelope: core.Envelope{
		ID:     core.NewEnvelopeID(r.account, core.KindOther, "bytes", string(raw)),
		Kind:   core.KindOther,
		In:     core.Conversation{Account: r.account, Place: core.Private, Chat: nowhere},
		From:   core.Sender{Realm: realm, ID: core.UserID(nowhere)},
		Parts:  []core.Part{core.Unsupported{What: what}},
		SentAt: now.UTC(),
	}}
}

// message reads a message of any type; ok is false for one of an unknown shape.
func (r reader) message(raw json.RawMessage, v value, now time.Time) (out arrival, ok bool) {
	var m message
	if err := json.Unmarshal(raw, &m); err != nil || m.ID == "" || len(m.ID) > maxID {
		return r.other("unreadable message", raw, now), false
	}
	person := m.From
	if person == "" {
		person = m.FromUserID
	}
	if person == "" || len(person) > maxID {
		return r.other("message from nobody", raw, now), false
	}
	e := core.Envelope{
		Kind:      core.KindMessage,
		In:        core.Conversation{Account: r.account, Place: core.Private, Chat: mintChat(person)},
		From:      sender(person, v.Contacts),
		Native:    mintMessage(m.ID),
		Addressed: true,
		SentAt:    moment(m.Timestamp, now),
	}
	r.content(&e, m, v)
	if m.GroupID != "" || r.own(person, v) {
		// Groups are not offered in this mode, and what the number itself said is no question.
		e.Kind, e.Addressed = core.KindOther, false
		if m.GroupID != "" {
			e.In.Place, e.In.Chat = core.Group, mintChat(m.GroupID)
		}
	}
	if len(e.Parts) == 0 {
		e.Parts = []core.Part{core.Unsupported{What: unsupported(m)}}
	}
	e.ID = core.NewEnvelopeID(r.account, e.Kind, m.ID)
	out = arrival{Envelope: e}
	if e.Kind == core.KindMessage || e.Kind == core.KindAction {
		out.readable = mintMessage(m.ID)
	}
	return out, true
}

// own tells whether a number is this account's.
func (r reader) own(number string, v value) bool {
	shown := digits(v.Metadata.DisplayPhoneNumber)
	return shown != "" && digits(number) == shown
}

// digits leaves out how people write a number.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

func sender(person string, contacts []contact) core.Sender {
	s := core.Sender{Realm: realm, ID: mintUser(person)}
	for _, c := range contacts {
		if c.WaID == person || c.UserID == person || len(contacts) == 1 {
			s.Name, s.Handle = c.Profile.Name, c.Profile.Username
		}
	}
	return s
}

// content reads what a message holds into the envelope.
func (r reader) content(e *core.Envelope, m message, v value) {
	if m.Context != nil && m.Context.ID != "" {
		e.ReplyTo = &core.Quote{Message: mintMessage(m.Context.ID), ByBot: r.own(m.Context.From, v)}
	}
	switch {
	case m.Text != nil:
		e.Parts = words(m.Text.Body)
	case m.Image != nil:
		e.Parts = m.Image.part(core.Image)
	case m.Audio != nil && m.Audio.Voice:
		e.Parts = m.Audio.part(core.Voice)
	case m.Audio != nil:
		e.Parts = m.Audio.part(core.Audio)
	case m.Video != nil:
		e.Parts = m.Video.part(core.Video)
	case m.Document != nil:
		e.Parts = m.Document.part(core.Document)
	case m.Sticker != nil:
		e.Parts = m.Sticker.part(core.Sticker)
	case m.Location != nil:
		e.Parts = location(m)
	case len(m.Contacts) > 0:
		e.Parts = cards(m.Contacts)
	case m.Button != nil:
		press(e, named(m.Button.Payload, m.Button.Text))
	case m.Interactive != nil && m.Interactive.ButtonReply != nil:
		press(e, m.Interactive.ButtonReply.ID)
	case m.Interactive != nil && m.Interactive.ListReply != nil:
		press(e, m.Interactive.ListReply.ID)
	case m.Reaction != nil && m.Reaction.MessageID != "":
		e.Kind, e.Native = core.KindReaction, mintMessage(m.Reaction.MessageID)
		e.Parts = []core.Part{core.Reaction{Emoji: m.Reaction.Emoji, Removed: m.Reaction.Emoji == ""}}
	case m.System != nil && m.System.WaID != "" && m.System.WaID != string(e.From.ID):
		// The person has a new number.
		to := e.In
		to.Chat = mintChat(m.System.WaID)
		e.Kind, e.Addressed, e.Parts = core.KindMoved, false, []core.Part{core.Moved{To: to}}
	case m.System != nil:
		e.Kind, e.Addressed = core.KindOther, false
	}
}

// press makes the envelope a press of a button; it is about the message with the button.
func press(e *core.Envelope, data string) {
	e.Kind, e.Parts = core.KindAction, []core.Part{core.Action{Data: data}}
	if e.ReplyTo != nil {
		e.Native, e.ReplyTo = e.ReplyTo.Message, nil
	}
}

// commandShape is a slash command: the platform offers them as words that people send.
var commandShape = regexp.MustCompile(`^/([A-Za-z0-9_]{1,32})(?:\s+((?s).*))?$`)

// words reads a text: a command, or what was written.
func words(body string) []core.Part {
	if m := commandShape.FindStringSubmatch(strings.TrimSpace(body)); m != nil {
		return []core.Part{core.Command{Name: strings.ToLower(m[1]), Args: strings.TrimSpace(m[2])}}
	}
	if body == "" {
		return nil
	}
	return []core.Part{core.Text{Text: body}}
}

func (m *media) part(kind core.MediaKind) []core.Part {
	if _, err := parseFile(core.FileRef(m.ID)); err != nil {
		return nil
	}
	return []core.Part{core.Media{
		Kind: kind, File: mintFile(m.ID), Caption: m.Caption, Name: m.Filename, MIME: m.MIMEType,
	}}
}

func location(m message) []core.Part {
	l := m.Location
	if math.Abs(l.Latitude) > 90 || math.Abs(l.Longitude) > 180 {
		return nil
	}
	return []core.Part{core.Location{Latitude: l.Latitude, Longitude: l.Longitude, Title: l.Name, Address: l.Address}}
}

func cards(contacts []card) []core.Part {
	var parts []core.Part
	for _, c := range contacts {
		p := core.Contact{Name: c.Name.FormattedName}
		if len(c.Phones) > 0 {
			p.Phone, p.User = c.Phones[0].Phone, mintUser(c.Phones[0].WaID)
		}
		parts = append(parts, p)
	}
	return parts
}

// unsupported names what a message holds in the platform's words.
func unsupported(m message) string {
	switch {
	case m.Unsupported != nil && m.Unsupported.Type != "":
		return m.Unsupported.Type
	case m.Interactive != nil && m.Interactive.Type != "":
		return m.Interactive.Type
	default:
		return named(m.Type, "message without a type")
	}
}

// farFuture is the year 10000, which has no wire form.
const farFuture = 253402300800

// moment reads a time in seconds; or stands for one that is missing or absurd.
func moment(seconds string, or time.Time) time.Time {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n <= 0 || n >= farFuture {
		return or.UTC()
	}
	return time.Unix(n, 0).UTC()
}
