package discord

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
)

// Limits of components (https://docs.discord.com/developers/components/reference).
const (
	maxCustomID = 100
	maxLabel    = 80
	maxRows     = 5
	maxInRow    = 5
)

// outgoing is one message of a plan.
type outgoing struct {
	runs       []document.Run
	components []component
	// users are those that are told of the message; nobody else is, whatever its words.
	users []string
	media *core.Media
}

// component is a row of buttons or a button.
type component struct {
	Type       int         `json:"type"`
	Components []component `json:"components,omitempty"`
	Style      int         `json:"style,omitempty"`
	Label      string      `json:"label,omitempty"`
	CustomID   string      `json:"custom_id,omitempty"`
	URL        string      `json:"url,omitempty"`
}

// plan is the list of messages a reply is shown as. The same reply gives the same
// plan, so that sending can go on behind what was already sent. Errors are faults.
func plan(r core.Reply) ([]outgoing, error) {
	var messages []outgoing
	var text []document.Run
	var users []string
	var buttons *core.Buttons
	flush := func() {
		for _, piece := range pieces(prepare(text), maxText) {
			messages = append(messages, outgoing{runs: piece, users: users})
		}
		text = nil
	}
	for _, p := range r.Parts {
		switch p := p.(type) {
		case core.Text, core.Mention, core.Location, core.Contact:
			text = addWords(text, p)
			if m, ok := p.(core.Mention); ok && m.User != "" {
				users = append(users, string(m.User))
			}
		case core.Buttons:
			buttons = &p
		case core.Media:
			flush()
			media, err := mediaMessages(p)
			if err != nil {
				return nil, err
			}
			messages = append(messages, media...)
		default:
			return nil, permanent("send", "a reply cannot hold a %T", p)
		}
	}
	flush()
	if buttons != nil {
		rows, err := rowsOf(*buttons)
		if err != nil {
			return nil, err
		}
		if len(messages) > 0 {
			messages[len(messages)-1].components = rows
		}
	}
	return messages, nil
}

// piece is the message of a plan that comes behind those already sent; more tells
// whether others follow it.
func piece(r core.Reply) (m outgoing, more bool, err error) {
	if !r.Final {
		return draftPiece(r)
	}
	messages, err := plan(r)
	if err != nil {
		return outgoing{}, false, err
	}
	return adapters.Next(messages, r)
}

const ellipsis = "…"

// draftPiece is the one message that shows a draft: its words, as far as they fit.
func draftPiece(r core.Reply) (m outgoing, more bool, err error) {
	var text []document.Run
	for _, p := range r.Parts {
		text = addWords(text, p)
	}
	text = prepare(text)
	shown := pieces(text, maxText)
	if len(shown) == 0 {
		return outgoing{}, false, permanent("send", "the draft holds no words")
	}
	head := shown[0]
	for limit := maxText - 1; len(shown) > 1; limit -= maxText / 8 {
		head = document.Append(pieces(text, limit)[0], document.Run{Text: ellipsis})
		if utf8.RuneCountInString(render(head)) <= maxText {
			break
		}
	}
	return outgoing{runs: head}, false, nil
}

// addWords adds a part as a paragraph of its own; parts without words add nothing.
func addWords(runs []document.Run, p core.Part) []document.Run {
	var more []document.Run
	switch p := p.(type) {
	case core.Text:
		more = document.Words(p)
	case core.Mention:
		more = mention(p)
	case core.Location:
		more = location(p)
	case core.Contact:
		more = []document.Run{{Text: strings.TrimSpace("👤 " + p.Name + " " + p.Phone)}}
	}
	return document.Join(runs, more)
}

// mention names a person so that Discord tells them.
func mention(m core.Mention) []document.Run {
	name := m.Name
	if name == "" {
		name = string(m.User)
	}
	if name == "" {
		return nil
	}
	run := document.Run{Text: "@" + strings.TrimPrefix(name, "@")}
	if _, err := parseID(string(m.User)); err == nil {
		run.Link = person + string(m.User)
	}
	return []document.Run{run, {Text: document.MentionGap}}
}

// location shows a place as its words and a link to a map.
func location(l core.Location) []document.Run {
	at := strconv.FormatFloat(l.Latitude, 'f', -1, 64) + "/" + strconv.FormatFloat(l.Longitude, 'f', -1, 64)
	words := l.Title
	if l.Address != "" {
		words = strings.TrimPrefix(words+", "+l.Address, ", ")
	}
	if words == "" {
		words = strings.ReplaceAll(at, "/", ", ")
	}
	lat, lon, _ := strings.Cut(at, "/")
	return []document.Run{
		{Text: "📍 "},
		{Text: words, Link: "https://www.openstreetmap.org/?mlat=" + lat + "&mlon=" + lon + "#map=16/" + at},
	}
}

// mediaMessages posts a file of the hub, or one that was posted before. A caption that is
// too long follows as text.
func mediaMessages(m core.Media) ([]outgoing, error) {
	if _, err := parseFile(m.File); err != nil && m.Blob == "" {
		return nil, permanent("send", "the file of a %s is %w", m.Kind, err)
	}
	caption := pieces([]document.Run{{Text: m.Caption}}, maxText)
	out := []outgoing{{media: &m}}
	if len(caption) == 1 {
		out[0].runs = caption[0]
		return out, nil
	}
	for _, p := range caption {
		out = append(out, outgoing{runs: p})
	}
	return out, nil
}

// rowsOf makes the buttons of a reply. A row that is too long goes on in the next.
func rowsOf(b core.Buttons) ([]component, error) {
	var rows []component
	for _, row := range b.Rows {
		var out component
		for i, in := range row {
			if in.Label == "" || (in.Data == "" && in.URL == "") {
				return nil, permanent("send", "the button %q needs a label, and data or an address", in.Label)
			}
			if utf8.RuneCountInString(in.Data) > maxCustomID {
				return nil, permanent("send", "the button %q carries %d letters; at most %d can be sent",
					in.Label, utf8.RuneCountInString(in.Data), maxCustomID)
			}
			if i%maxInRow == 0 {
				rows = appendRow(rows, out)
				out = component{Type: 1}
			}
			made := component{Type: 2, Style: 2, Label: short(in.Label), CustomID: in.Data}
			if in.URL != "" {
				made.Style, made.CustomID, made.URL = 5, "", in.URL
			}
			out.Components = append(out.Components, made)
		}
		rows = appendRow(rows, out)
	}
	if len(rows) > maxRows {
		return nil, permanent("send", "%d rows of buttons; at most %d can be sent", len(rows), maxRows)
	}
	return rows, nil
}

func appendRow(rows []component, row component) []component {
	if len(row.Components) == 0 {
		return rows
	}
	return append(rows, row)
}

func short(label string) string {
	if r := []rune(label); len(r) > maxLabel {
		return string(r[:maxLabel-1]) + ellipsis
	}
	return label
}

// allowed says who is told of a message: the people of users and nobody else.
type allowed struct {
	Parse []string `json:"parse"`
	Users []string `json:"users,omitempty"`
	// RepliedUser tells the one who is answered.
	RepliedUser bool `json:"replied_user"`
}

type reference struct {
	MessageID       string `json:"message_id"`
	ChannelID       string `json:"channel_id,omitempty"`
	FailIfNotExists bool   `json:"fail_if_not_exists"`
}

// suppressEmbeds keeps Discord from drawing previews of links.
const suppressEmbeds = 1 << 2

// payload is the body of a call that leaves or changes a message.
type payload struct {
	Content         string      `json:"content"`
	Components      []component `json:"components"`
	AllowedMentions allowed     `json:"allowed_mentions"`
	Flags           int         `json:"flags,omitempty"`
	Nonce           string      `json:"nonce,omitempty"`
	EnforceNonce    bool        `json:"enforce_nonce,omitempty"`
	Reference       *reference  `json:"message_reference,omitempty"`
	Attachments     []attached  `json:"attachments,omitempty"`
}

// attached names a file that comes with the call.
type attached struct {
	ID       int    `json:"id"`
	Filename string `json:"filename"`
}

func (m outgoing) payload() payload {
	p := payload{
		Content:         render(m.runs),
		Components:      m.components,
		AllowedMentions: allowed{Parse: []string{}, Users: m.users},
		Flags:           suppressEmbeds,
	}
	if p.Components == nil {
		p.Components = []component{}
	}
	return p
}
