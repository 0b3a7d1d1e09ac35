package telegram

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// maxCallback is the longest data of a button, in bytes.
const maxCallback = 64

// outgoing is one message of a plan: the method that leaves it and its own
// arguments, without where it goes.
type outgoing struct {
	method string
	params params
	// runs is the text of a text message.
	runs []document.Run
	// file is what is uploaded as the argument field; nil for none.
	file  *core.Media
	field string
}

// plan is the list of messages a reply is shown as. The same reply gives the same
// plan, so that sending can go on behind what was already sent. Errors are faults.
func plan(r core.Reply) ([]outgoing, error) {
	var messages []outgoing
	var text []document.Run
	var buttons *core.Buttons
	flush := func() {
		for _, piece := range pieces(prepare(text), maxText) {
			messages = append(messages, textMessage(piece))
		}
		text = nil
	}
	for _, p := range r.Parts {
		switch p := p.(type) {
		case core.Text:
			text = document.Join(text, document.Words(p))
		case core.Mention:
			text = addMention(text, p)
		case core.Buttons:
			buttons = &p
		case core.Media:
			flush()
			media, err := mediaMessages(p)
			if err != nil {
				return nil, err
			}
			messages = append(messages, media...)
		case core.Location:
			flush()
			messages = append(messages, locationMessage(p))
		case core.Contact:
			flush()
			messages = append(messages, contactMessage(p))
		default:
			return nil, permanent("send", "a reply cannot hold a %T", p)
		}
	}
	flush()
	if buttons != nil {
		keyboard, err := keyboard(*buttons)
		if err != nil {
			return nil, err
		}
		if len(messages) > 0 {
			messages[len(messages)-1].params["reply_markup"] = keyboard
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

// draftPiece is the one message that shows a draft: its words, as far as they fit.
func draftPiece(r core.Reply) (m outgoing, more bool, err error) {
	text := prepare(textOf(r.Parts))
	shown := pieces(text, maxText)
	switch len(shown) {
	case 0:
		return outgoing{}, false, permanent("send", "the draft holds no words")
	case 1:
		return textMessage(shown[0]), false, nil
	default:
		head := pieces(text, maxText-units(ellipsis))[0]
		return textMessage(document.Append(head, document.Run{Text: ellipsis})), false, nil
	}
}

const ellipsis = "…"

// textOf is the words of a reply without its media.
func textOf(parts []core.Part) []document.Run {
	var text []document.Run
	for _, p := range parts {
		switch p := p.(type) {
		case core.Text:
			text = document.Join(text, document.Words(p))
		case core.Mention:
			text = addMention(text, p)
		}
	}
	return text
}

// addMention names a person so that Telegram tells them.
func addMention(runs []document.Run, m core.Mention) []document.Run {
	name := m.Name
	if name == "" {
		name = string(m.User)
	}
	run := document.Run{Text: name}
	switch {
	case m.User != "":
		run.Link = "tg://user?id=" + string(m.User)
	case name != "" && !strings.HasPrefix(name, "@"):
		run.Text = "@" + name
	}
	return document.Join(runs, []document.Run{run, {Text: document.MentionGap}})
}

func textMessage(runs []document.Run) outgoing {
	html, _ := render(runs)
	return outgoing{method: "sendMessage", runs: runs, params: params{
		"text":                 html,
		"parse_mode":           "HTML",
		"link_preview_options": `{"is_disabled":true}`,
	}}
}

// unmarked is the message without markup, for a server that cannot read ours.
func (m outgoing) unmarked() params {
	text := document.Plain(m.runs)
	if units(text) > maxText {
		text = document.Text(m.runs)
	}
	p := clone(m.params)
	delete(p, "parse_mode")
	p["text"] = text
	return p
}

func clone(p params) params {
	out := make(params, len(p)+4)
	for k, v := range p {
		out[k] = v
	}
	return out
}

// mediaMethods are how each kind is sent, and the name of the argument for it.
var mediaMethods = map[core.MediaKind]struct{ method, field string }{
	core.Image:    {"sendPhoto", "photo"},
	core.Voice:    {"sendVoice", "voice"},
	core.Audio:    {"sendAudio", "audio"},
	core.Video:    {"sendVideo", "video"},
	core.Document: {"sendDocument", "document"},
	core.Sticker:  {"sendSticker", "sticker"},
}

// mediaMessages sends a file the platform already has by its id, and uploads any other.
// A caption that is too long, or that a sticker cannot carry, follows as text.
func mediaMessages(m core.Media) ([]outgoing, error) {
	how, known := mediaMethods[m.Kind]
	if !known {
		return nil, permanent("send", "media of kind %q cannot be sent", m.Kind)
	}
	media := outgoing{method: how.method, params: mediaParams(m)}
	switch fileID, _, err := parseFile(m.File); {
	case err == nil && fileID != "":
		media.params[how.field] = fileID
	case m.Blob != "":
		media.file, media.field = &m, how.field
	default:
		return nil, permanent("send", "the file of a %s is not one of this platform", m.Kind)
	}
	if m.Caption == "" {
		return []outgoing{media}, nil
	}
	if m.Kind != core.Sticker && units(m.Caption) <= maxCaption {
		media.params["caption"] = m.Caption
		return []outgoing{media}, nil
	}
	out := []outgoing{media}
	for _, p := range pieces([]document.Run{{Text: m.Caption}}, maxText) {
		out = append(out, textMessage(p))
	}
	return out, nil
}

// mediaParams tells how large and how long a file is, where the kind shows it.
func mediaParams(m core.Media) params {
	p := params{}
	add := func(name string, n int) {
		if n > 0 {
			p[name] = strconv.Itoa(n)
		}
	}
	switch m.Kind {
	case core.Voice, core.Audio:
		add("duration", m.Seconds)
	case core.Video:
		add("duration", m.Seconds)
		add("width", m.Width)
		add("height", m.Height)
		p["supports_streaming"] = "true"
	case core.Sticker:
		if m.Emoji != "" {
			p["emoji"] = m.Emoji
		}
	case core.Image, core.Document:
	}
	return p
}

// asDocument is the message with its file sent as it is: for a picture that cannot be
// shown as a photo.
func (m outgoing) asDocument() outgoing {
	m.method, m.field = "sendDocument", "document"
	return m
}

func locationMessage(l core.Location) outgoing {
	p := params{
		"latitude":  strconv.FormatFloat(l.Latitude, 'f', -1, 64),
		"longitude": strconv.FormatFloat(l.Longitude, 'f', -1, 64),
	}
	if l.Title == "" || l.Address == "" { // a venue needs both
		return outgoing{method: "sendLocation", params: p}
	}
	p["title"], p["address"] = l.Title, l.Address
	return outgoing{method: "sendVenue", params: p}
}

func contactMessage(c core.Contact) outgoing {
	if c.Phone == "" { // a card needs a number
		return textMessage([]document.Run{{Text: c.Name}})
	}
	return outgoing{method: "sendContact", params: params{"phone_number": c.Phone, "first_name": c.Name}}
}

// button is InlineKeyboardButton.
type button struct {
	Text         string `json:"text"`
	URL          string `json:"url,omitempty"`
	CallbackData string `json:"callback_data,omitempty"`
}

// keyboard makes the inline keyboard of a reply.
func keyboard(b core.Buttons) (string, error) {
	rows := make([][]button, 0, len(b.Rows))
	for _, row := range b.Rows {
		var out []button
		for _, in := range row {
			if len(in.Data) > maxCallback {
				return "", permanent("send", "the button %q carries %d bytes; at most %d can be sent", in.Label, len(in.Data), maxCallback)
			}
			if in.Label == "" || (in.Data == "" && in.URL == "") {
				return "", permanent("send", "the button %q needs a label, and data or an address", in.Label)
			}
			made := button{Text: in.Label, URL: in.URL}
			if in.URL == "" {
				made.CallbackData = in.Data
			}
			out = append(out, made)
		}
		if len(out) > 0 {
			rows = append(rows, out)
		}
	}
	data, err := json.Marshal(map[string]any{"inline_keyboard": rows})
	if err != nil {
		return "", fault.New(fault.Bug, "send", err)
	}
	return string(data), nil
}

// address adds where a message goes.
func address(p params, to core.Conversation) (params, error) {
	if _, err := parseChat(to.Chat); err != nil {
		return nil, permanent("send", "the chat is %w", err)
	}
	thread, err := parseThread(to.Thread)
	if err != nil {
		return nil, permanent("send", "the thread is %w", err)
	}
	out := clone(p)
	out["chat_id"] = string(to.Chat)
	if thread != 0 {
		out["message_thread_id"] = decimal(thread)
	}
	return out, nil
}

// quoting adds the message that is answered; it may be gone by now.
func quoting(p params, id core.MessageID) error {
	n, err := parseMessage(id)
	if err != nil {
		return permanent("send", "the message answered is %w", err)
	}
	data, err := json.Marshal(map[string]any{"message_id": n, "allow_sending_without_reply": true})
	if err != nil {
		return fault.New(fault.Bug, "send", err)
	}
	p["reply_parameters"] = string(data)
	return nil
}
