package whatsapp

import (
	"strings"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
)

// outgoing is one message of a plan, in neither mode's own form yet: words, or one of
// the others.
type outgoing struct {
	text     string
	media    *core.Media // its caption is what fits under it
	location *core.Location
	contact  *core.Contact
	// choices are offered under the text: as buttons, or numbered in its lines.
	choices  []core.Button
	numbered bool
}

// dialect is what differs between the modes in making messages of a reply.
type dialect struct {
	// buttons is true when choices can be buttons.
	buttons bool
	// file tells whether a file can be sent in this mode.
	file func(core.Media) error
}

// plan is the list of messages a reply is shown as. The same reply gives the same
// plan, so that sending can go on behind what was already sent. Errors are faults.
func plan(r core.Reply, d dialect) ([]outgoing, error) {
	var messages []outgoing
	var text []document.Run
	var buttons *core.Buttons
	flush := func() {
		for _, piece := range pieces(prepare(text), maxText) {
			messages = append(messages, outgoing{text: piece})
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
			media, err := mediaMessages(p, d)
			if err != nil {
				return nil, err
			}
			messages = append(messages, media...)
		case core.Location:
			flush()
			messages = append(messages, outgoing{location: &p})
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
	return addButtons(messages, *buttons, d)
}

// piece is the message of a plan that comes behind those already sent; more tells
// whether others follow it.
func piece(r core.Reply, d dialect) (m outgoing, more bool, err error) {
	if !r.Final {
		return draftPiece(r)
	}
	messages, err := plan(r, d)
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
		switch p := p.(type) {
		case core.Text:
			text = document.Join(text, document.Words(p))
		case core.Mention:
			text = addMention(text, p)
		}
	}
	shown := pieces(prepare(text), maxText)
	switch len(shown) {
	case 0:
		return outgoing{}, false, permanent("send", "the draft holds no words")
	case 1:
		return outgoing{text: shown[0]}, false, nil
	default:
		return outgoing{text: pieces(prepare(text), maxText-units(ellipsis))[0] + ellipsis}, false, nil
	}
}

// addMention names a person; nobody is told, in a chat of two there is no need.
func addMention(runs []document.Run, m core.Mention) []document.Run {
	name := m.Name
	if name == "" {
		name = string(m.User)
	}
	if name == "" {
		return runs
	}
	return document.Join(runs, []document.Run{{Text: "@" + strings.TrimPrefix(name, "@") + document.MentionGap}})
}

// captioned are the kinds of files that can carry words.
var captioned = map[core.MediaKind]bool{
	core.Image: true, core.Voice: false, core.Audio: false, core.Video: true, core.Document: true, core.Sticker: false,
}

// mediaMessages sends a file. A caption that is too long, or that the kind cannot carry,
// follows as text.
func mediaMessages(m core.Media, d dialect) ([]outgoing, error) {
	carries, known := captioned[m.Kind]
	if !known {
		return nil, permanent("send", "media of kind %q cannot be sent", m.Kind)
	}
	if err := d.file(m); err != nil {
		return nil, permanent("send", "the file of a %s is %w", m.Kind, err)
	}
	caption := pieces(prepare(document.Append(nil, document.Run{Text: m.Caption})), maxText)
	m.Caption = ""
	if carries && len(caption) == 1 && units(caption[0]) <= maxCaption {
		m.Caption, caption = caption[0], nil
	}
	out := []outgoing{{media: &m}}
	for _, p := range caption {
		out = append(out, outgoing{text: p})
	}
	return out, nil
}

// contactMessage is somebody's card; one without a number is of no use.
func contactMessage(c core.Contact) outgoing {
	c.Name = named(c.Name, c.Phone)
	if c.Phone == "" {
		return outgoing{text: c.Name}
	}
	return outgoing{contact: &c}
}
