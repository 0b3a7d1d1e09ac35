package whatsapp

import (
	"strings"

	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
)

// fields are the own fields of a message as the API takes them: "type" and what the
// type needs, without where it goes.
type fields map[string]any

// plan is the list of messages a reply is shown as. The same reply gives the same
// plan, so that sending can go on behind what was already sent. Errors are faults.
func plan(r core.Reply) ([]fields, error) {
	var messages []fields
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
			text = addText(text, p)
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
	if buttons == nil {
		return messages, nil
	}
	return addButtons(messages, *buttons)
}

// piece is the message of a plan that comes behind those already sent; more tells
// whether others follow it.
func piece(r core.Reply) (m fields, more bool, err error) {
	if !r.Final {
		return draftPiece(r)
	}
	messages, err := plan(r)
	if err != nil {
		return nil, false, err
	}
	switch at := len(r.Sent); {
	case len(messages) == 0:
		return nil, false, permanent("send", "the reply holds nothing that can be shown")
	case at >= len(messages):
		return nil, false, permanent("send", "all %d messages of the reply were sent", len(messages))
	default:
		return messages[at], at+1 < len(messages), nil
	}
}

const ellipsis = "…"

// draftPiece is the one message that shows a draft: its words, as far as they fit.
func draftPiece(r core.Reply) (m fields, more bool, err error) {
	var text []document.Run
	for _, p := range r.Parts {
		switch p := p.(type) {
		case core.Text:
			text = addText(text, p)
		case core.Mention:
			text = addMention(text, p)
		}
	}
	shown := pieces(prepare(text), maxText)
	switch len(shown) {
	case 0:
		return nil, false, permanent("send", "the draft holds no words")
	case 1:
		return textMessage(shown[0]), false, nil
	default:
		return textMessage(pieces(prepare(text), maxText-units(ellipsis))[0] + ellipsis), false, nil
	}
}

// addText adds words as a paragraph of their own.
func addText(runs []document.Run, t core.Text) []document.Run {
	var more []document.Run
	if t.Format == core.Markdown {
		more = document.Parse(t.Text)
	} else {
		more = document.Append(nil, document.Run{Text: t.Text})
	}
	switch {
	case len(more) == 0:
		return runs
	case len(runs) > 0 && strings.HasSuffix(runs[len(runs)-1].Text, mentionGap):
		return document.Append(runs, more...)
	default:
		return document.Append(paragraph(runs), more...)
	}
}

// mentionGap stands behind a mention; the words after it go on in its line.
const mentionGap = "\u00a0"

// addMention names a person; nobody is told, in a chat of two there is no need.
func addMention(runs []document.Run, m core.Mention) []document.Run {
	name := m.Name
	if name == "" {
		name = string(m.User)
	}
	if name == "" {
		return runs
	}
	return document.Append(paragraph(runs), document.Run{Text: "@" + strings.TrimPrefix(name, "@") + mentionGap})
}

func paragraph(runs []document.Run) []document.Run {
	if len(runs) == 0 {
		return nil
	}
	return document.Append(runs, document.Run{Text: "\n\n"})
}

func textMessage(body string) fields {
	return fields{"type": "text", "text": fields{"body": body, "preview_url": false}}
}

// mediaTypes are how each kind is sent.
var mediaTypes = map[core.MediaKind]struct {
	name    string
	caption bool
}{
	core.Image:    {"image", true},
	core.Voice:    {"audio", false},
	core.Audio:    {"audio", false},
	core.Video:    {"video", true},
	core.Document: {"document", true},
	core.Sticker:  {"sticker", false},
}

// pending stands in a message for the id of a file that is still to be uploaded.
type pending struct{ core.Media }

// mediaMessages sends a file the platform already has by its id; any other is uploaded
// first. A caption that is too long, or that the kind cannot carry, follows as text.
func mediaMessages(m core.Media) ([]fields, error) {
	how, known := mediaTypes[m.Kind]
	if !known {
		return nil, permanent("send", "media of kind %q cannot be sent", m.Kind)
	}
	body := fields{}
	switch id, err := parseFile(m.File); {
	case err == nil:
		body["id"] = id
	case m.Blob != "":
		body["id"] = pending{m}
	default:
		return nil, permanent("send", "the file of a %s is %w", m.Kind, err)
	}
	if m.Kind == core.Document && m.Name != "" {
		body["filename"] = m.Name
	}
	if m.Kind == core.Voice {
		body["voice"] = true
	}
	out := []fields{{"type": how.name, how.name: body}}
	caption := pieces(prepare(document.Append(nil, document.Run{Text: m.Caption})), maxText)
	switch {
	case len(caption) == 1 && how.caption && units(caption[0]) <= maxCaption:
		body["caption"] = caption[0]
	default:
		for _, p := range caption {
			out = append(out, textMessage(p))
		}
	}
	return out, nil
}

func locationMessage(l core.Location) fields {
	body := fields{"latitude": l.Latitude, "longitude": l.Longitude}
	if l.Title != "" {
		body["name"] = l.Title
	}
	if l.Address != "" {
		body["address"] = l.Address
	}
	return fields{"type": "location", "location": body}
}

func contactMessage(c core.Contact) fields {
	name := named(c.Name, c.Phone)
	card := fields{"name": fields{"formatted_name": name, "first_name": name}}
	if c.Phone == "" { // a card without a number is of no use
		return textMessage(name)
	}
	phone := fields{"phone": c.Phone, "type": "CELL"}
	if c.User != "" {
		phone["wa_id"] = string(c.User)
	}
	card["phones"] = []fields{phone}
	return fields{"type": "contacts", "contacts": []fields{card}}
}

// addressed adds where a message goes and what it answers.
func addressed(m fields, r core.Reply) (fields, error) {
	person, scoped, err := parseChat(r.To.Chat)
	if err != nil {
		return nil, permanent("send", "the chat is %w", err)
	}
	if r.To.Place != core.Private || r.To.Thread != "" {
		return nil, permanent("send", "this mode has chats of two only")
	}
	out := fields{"messaging_product": "whatsapp", "recipient_type": "individual", "biz_opaque_callback_data": opaque(r)}
	for k, v := range m {
		out[k] = v
	}
	if scoped {
		out["recipient"] = person
	} else {
		out["to"] = person
	}
	if r.InReplyTo != "" && len(r.Sent) == 0 {
		wamid, err := parseMessage(r.InReplyTo)
		if err != nil {
			return nil, permanent("send", "the message answered is %w", err)
		}
		out["context"] = fields{"message_id": wamid}
	}
	return out, nil
}
