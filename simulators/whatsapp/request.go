package whatsapp

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// What one message may hold, in characters
// (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages).
const (
	maxText        = 4096
	maxBodyText    = 1024
	maxListBody    = 4096
	maxCaption     = 1024
	maxOpaque      = 512
	maxButtons     = 3
	maxButtonTitle = 20
	maxButtonID    = 256
	maxRows        = 10
	maxRowTitle    = 24
	maxRowID       = 200
	maxRowText     = 72
	maxListLabel   = 20
	maxFooter      = 60
)

// sendRequest is the body of a call to /messages: a message, or a read mark.
type sendRequest struct {
	MessagingProduct string `json:"messaging_product"`
	RecipientType    string `json:"recipient_type"`
	To               string `json:"to"`
	Recipient        string `json:"recipient"`
	Type             string `json:"type"`
	Opaque           string `json:"biz_opaque_callback_data"`
	Context          *struct {
		MessageID string `json:"message_id"`
	} `json:"context"`

	Status          string `json:"status"`
	MessageID       string `json:"message_id"`
	TypingIndicator *struct {
		Type string `json:"type"`
	} `json:"typing_indicator"`

	Text *struct {
		Body       string `json:"body"`
		PreviewURL bool   `json:"preview_url"`
	} `json:"text"`
	Image       *sentMedia       `json:"image"`
	Audio       *sentMedia       `json:"audio"`
	Video       *sentMedia       `json:"video"`
	Document    *sentMedia       `json:"document"`
	Sticker     *sentMedia       `json:"sticker"`
	Location    *Location        `json:"location"`
	Contacts    loose[[]Card]    `json:"contacts"`
	Interactive *sentInteractive `json:"interactive"`
	Reaction    *Reaction        `json:"reaction"`
	Template    *sentTemplate    `json:"template"`
}

type sentMedia struct {
	ID       string `json:"id"`
	Link     string `json:"link"`
	Caption  string `json:"caption"`
	Filename string `json:"filename"`
	Voice    bool   `json:"voice"`
}

type sentInteractive struct {
	Type   string        `json:"type"`
	Header *namedText    `json:"header"`
	Body   *namedText    `json:"body"`
	Footer *namedText    `json:"footer"`
	Action loose[action] `json:"action"`
}

type action struct {
	Button  string `json:"button"`
	Buttons []struct {
		Type  string `json:"type"`
		Reply Choice `json:"reply"`
	} `json:"buttons"`
	Sections []struct {
		Title string   `json:"title"`
		Rows  []Choice `json:"rows"`
	} `json:"sections"`
}

// loose is a value that may as well come as a string of JSON, as arguments of the Graph
// API do in forms. Clients rely on it.
type loose[T any] struct{ value T }

// UnmarshalJSON implements json.Unmarshaler.
func (l *loose[T]) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		data = []byte(text)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(&l.value)
}

type namedText struct {
	Type string `json:"type,omitempty"`
	Text string `json:"text"`
}

type sentTemplate struct {
	Name     string `json:"name"`
	Language struct {
		Code   string `json:"code"`
		Policy string `json:"policy"`
	} `json:"language"`
	Components json.RawMessage `json:"components"`
}

// decode reads the body of a call to /messages. Names the API does not know are refused.
func (req *request) decode() *apiError {
	dec := json.NewDecoder(bytes.NewReader(req.body))
	dec.DisallowUnknownFields()
	var body sendRequest
	if err := dec.Decode(&body); err != nil {
		return badParameter("the body is not as documented: %v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return badParameter("something stands behind the body")
	}
	if body.MessagingProduct != "whatsapp" {
		return missing("messaging_product")
	}
	req.send = &body
	if body.Status != "" {
		req.endpoint = "typing"
	}
	return nil
}

// person is whom a call sends to.
func (req *request) person() string {
	switch {
	case req.send == nil:
		return ""
	case req.send.Recipient != "":
		return req.send.Recipient
	default:
		return strings.TrimPrefix(req.send.To, "+")
	}
}

func length(s string) int { return utf8.RuneCountInString(s) }

// post checks a message and makes what it shows.
func (b *sendRequest) post() (Posted, *apiError) {
	p := Posted{ByBot: true, Type: b.Type, Opaque: b.Opaque}
	switch {
	case b.To == "" && b.Recipient == "":
		return p, missing("to")
	case b.To != "" && b.Recipient != "":
		return p, badParameter("give to or recipient")
	case b.RecipientType != "" && b.RecipientType != "individual":
		return p, badValue("recipient_type must be individual")
	case length(b.Opaque) > maxOpaque:
		return p, badValue("biz_opaque_callback_data has at most %d characters", maxOpaque)
	case b.contents() > 1:
		return p, badParameter("the message holds more than its type")
	}
	if p.Type == "" {
		p.Type = "text"
	}
	return p, b.content(&p)
}

// contents counts the fields that hold a message.
func (b *sendRequest) contents() int {
	n := 0
	for _, there := range []bool{
		b.Text != nil, b.Image != nil, b.Audio != nil, b.Video != nil, b.Document != nil, b.Sticker != nil,
		b.Location != nil, b.Contacts.value != nil, b.Interactive != nil, b.Reaction != nil, b.Template != nil,
	} {
		if there {
			n++
		}
	}
	return n
}

func (b *sendRequest) content(p *Posted) *apiError {
	switch {
	case p.Type == "text" && b.Text != nil:
		p.Text = b.Text.Body
		if strings.TrimSpace(p.Text) == "" {
			return missing("text['body']")
		}
		if length(p.Text) > maxText {
			return badParameter("Param text['body'] must be at most %d characters long.", maxText)
		}
		return nil
	case p.Type == "location" && b.Location != nil:
		p.Location = b.Location
		if math.Abs(b.Location.Latitude) > 90 || math.Abs(b.Location.Longitude) > 180 {
			return badValue("no such place")
		}
		return nil
	case p.Type == "contacts" && len(b.Contacts.value) > 0:
		p.Contacts = b.Contacts.value
		for _, c := range b.Contacts.value {
			if c.Name.FormattedName == "" || (c.Name.FirstName == "" && c.Name.LastName == "") {
				return missing("contacts['name']")
			}
		}
		return nil
	case p.Type == "interactive" && b.Interactive != nil:
		return b.Interactive.content(p)
	case p.Type == "reaction" && b.Reaction != nil:
		p.Reaction = b.Reaction
		if b.Reaction.MessageID == "" {
			return missing("reaction['message_id']")
		}
		return nil
	case p.Type == "template" && b.Template != nil:
		p.Template = b.Template.Name
		if b.Template.Name == "" || b.Template.Language.Code == "" {
			return missing("template")
		}
		return nil
	}
	if m := map[string]*sentMedia{"image": b.Image, "audio": b.Audio, "video": b.Video, "document": b.Document, "sticker": b.Sticker}[p.Type]; m != nil {
		return m.content(p)
	}
	return missing(p.Type)
}

// content checks a file; whether it is there is looked at later.
func (m *sentMedia) content(p *Posted) *apiError {
	p.Text = m.Caption
	p.Media = &Media{ID: m.ID, Name: m.Filename, Voice: m.Voice}
	switch {
	case m.Link != "":
		return badParameter("media by link are not simulated")
	case m.ID == "":
		return missing(p.Type + "['id']")
	case m.Caption != "" && (p.Type == "audio" || p.Type == "sticker"):
		return badParameter("%s carries no caption", p.Type)
	case length(m.Caption) > maxCaption:
		return badParameter("a caption has at most %d characters", maxCaption)
	case m.Filename != "" && p.Type != "document":
		return badParameter("only a document carries a filename")
	case m.Voice && p.Type != "audio":
		return badParameter("only audio is a voice message")
	}
	return nil
}

func (i *sentInteractive) content(p *Posted) *apiError {
	if i.Body == nil || strings.TrimSpace(i.Body.Text) == "" {
		return missing("interactive['body']")
	}
	p.Text = i.Body.Text
	if i.Footer != nil && length(i.Footer.Text) > maxFooter {
		return badParameter("a footer has at most %d characters", maxFooter)
	}
	switch i.Type {
	case "button":
		return i.buttons(p)
	case "list":
		return i.list(p)
	default:
		return badValue("interactive['type'] %q is not simulated", i.Type)
	}
}

func (i *sentInteractive) buttons(p *Posted) *apiError {
	a := i.Action.value
	switch {
	case length(i.Body.Text) > maxBodyText:
		return badParameter("the body of reply buttons has at most %d characters", maxBodyText)
	case len(a.Buttons) == 0 || len(a.Buttons) > maxButtons:
		return badParameter("there are 1 to %d buttons", maxButtons)
	case a.Button != "" || len(a.Sections) > 0:
		return badParameter("reply buttons and a list are two things")
	}
	for _, b := range a.Buttons {
		if b.Type != "reply" || b.Reply.Description != "" {
			return badParameter("a button is a reply with an id and a title")
		}
		p.Buttons = append(p.Buttons, b.Reply)
	}
	return choices(p.Buttons, maxButtonTitle, maxButtonID)
}

func (i *sentInteractive) list(p *Posted) *apiError {
	a := i.Action.value
	switch {
	case length(i.Body.Text) > maxListBody:
		return badParameter("the body of a list has at most %d characters", maxListBody)
	case a.Button == "" || length(a.Button) > maxListLabel:
		return badParameter("the label of a list has 1 to %d characters", maxListLabel)
	case len(a.Buttons) > 0:
		return badParameter("reply buttons and a list are two things")
	}
	p.ListLabel = a.Button
	for _, section := range a.Sections {
		if len(a.Sections) > 1 && (section.Title == "" || length(section.Title) > maxRowTitle) {
			return badParameter("each of several sections has a title")
		}
		p.Rows = append(p.Rows, section.Rows...)
	}
	if len(p.Rows) == 0 || len(p.Rows) > maxRows {
		return badParameter("a list has 1 to %d rows", maxRows)
	}
	return choices(p.Rows, maxRowTitle, maxRowID)
}

// choices checks titles and ids: there, short enough, each once.
func choices(all []Choice, title, id int) *apiError {
	seen := map[string]bool{}
	for _, c := range all {
		switch {
		case strings.TrimSpace(c.Title) == "" || length(c.Title) > title || strings.Contains(c.Title, "\n"):
			return badParameter("a title has 1 to %d characters in one line", title)
		case c.ID == "" || length(c.ID) > id:
			return badParameter("an id has 1 to %d characters", id)
		case length(c.Description) > maxRowText:
			return badParameter("a description has at most %d characters", maxRowText)
		case seen["t"+c.Title] || seen["i"+c.ID]:
			return badParameter("titles and ids are there once each")
		}
		seen["t"+c.Title], seen["i"+c.ID] = true, true
	}
	return nil
}
