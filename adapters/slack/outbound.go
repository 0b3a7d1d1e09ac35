package slack

import (
	"slices"
	"strconv"
	"strings"

	slackgo "github.com/slack-go/slack"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
)

// The bounds of Block Kit (https://docs.slack.dev/reference/block-kit).
const (
	maxBlocks  = 50
	maxButtons = 25 // of one row
	maxLabel   = 75
	maxData    = 2000
	maxAddress = 3000
)

// The metadata of a message: whose reply it is and which piece of it.
const (
	metadataType  = "parley_reply"
	metadataReply = "reply"
	metadataPiece = "piece"
)

// outgoing is one message of a plan, without where it goes.
type outgoing struct {
	text   string
	blocks []slackgo.Block
	// file is what the message shows; words and rows are what stands with it, of which
	// text and blocks are made when the file was uploaded and has its id.
	file   *core.Media
	fileID string
	words  []document.Run
	rows   []slackgo.Block
}

// fileRoom is what the link to a file may need of a message.
const fileRoom = 1000

// showing completes a message with its file: the words, and the link to its page.
func (m outgoing) showing(f uploaded) outgoing {
	link := document.Run{Text: fileName(*m.file), Link: f.page}
	runs := []document.Run{link}
	if len(m.words) > 0 {
		runs = document.Append(nil, append(slices.Clone(m.words), document.Run{Text: "\n"}, link)...)
	}
	m.text, m.blocks, m.fileID = render(runs), withSections(runs, m.rows), f.id
	return m
}

// plan is the list of messages a reply is shown as. The same reply gives the same
// plan, so that sending can go on behind what was already sent. Errors are faults.
func plan(r core.Reply) ([]outgoing, error) {
	var messages []outgoing
	var runs []document.Run
	var buttons *core.Buttons
	for _, p := range r.Parts {
		switch p := p.(type) {
		case core.Buttons:
			buttons = &p
			continue
		case core.Media:
			if p.File == "" && p.Blob != "" {
				messages, runs = append(append(messages, texts(runs, maxText)...), ofFile(p)...), nil
				continue
			}
		}
		more, err := runsOf(p)
		if err != nil {
			return nil, err
		}
		runs = document.Join(runs, more)
	}
	messages = append(messages, texts(runs, maxText)...)
	if buttons != nil && len(messages) > 0 {
		last := &messages[len(messages)-1]
		rows, err := keyboard(*buttons)
		if err != nil {
			return nil, err
		}
		last.rows, last.blocks = rows, withSections(last.words, rows)
	}
	return messages, nil
}

// texts are the messages that say what runs say, with at most limit units each.
func texts(runs []document.Run, limit int) []outgoing {
	var messages []outgoing
	for _, words := range pieces(prepare(runs), limit) {
		messages = append(messages, outgoing{text: render(words), words: words})
	}
	return messages
}

// ofFile are the messages that show a file of the hub: one with its caption, and what of
// the caption has no room there.
func ofFile(m core.Media) []outgoing {
	messages := texts(document.Append(nil, document.Run{Text: m.Caption}), maxText-fileRoom)
	if len(messages) == 0 {
		messages = []outgoing{{}}
	}
	messages[0].file = &m
	return messages
}

// runsOf is what a part says. Slack gives no way to send again a file that it has, so
// files of the account are links to the page that shows them.
func runsOf(p core.Part) ([]document.Run, error) {
	switch p := p.(type) {
	case core.Text:
		return textRuns(p), nil
	case core.Mention:
		return mentionRuns(p), nil
	case core.Media:
		return mediaRuns(p)
	case core.Location:
		name := strings.TrimSpace(p.Title + "\n" + p.Address)
		if name == "" {
			name = degrees(p.Latitude) + ", " + degrees(p.Longitude)
		}
		link := "https://www.openstreetmap.org/?mlat=" + degrees(p.Latitude) + "&mlon=" + degrees(p.Longitude)
		return []document.Run{{Text: name, Link: link}}, nil
	case core.Contact:
		return []document.Run{{Text: strings.TrimSpace(p.Name + " " + p.Phone)}}, nil
	default:
		return nil, permanent("send", "a reply cannot hold a %T", p)
	}
}

func degrees(d float64) string { return strconv.FormatFloat(d, 'f', -1, 64) }

// textRuns reads a text. A link in it cannot pass for a mention.
func textRuns(t core.Text) []document.Run {
	runs := document.Words(t)
	if t.Format != core.Markdown {
		return runs
	}
	for i := range runs {
		if strings.HasPrefix(runs[i].Link, mentionOf) {
			runs[i].Link = ""
		}
	}
	return runs
}

// mentionRuns names a person so that Slack tells them.
func mentionRuns(m core.Mention) []document.Run {
	name := m.Name
	if name == "" {
		name = string(m.User)
	}
	run := document.Run{Text: "@" + strings.TrimPrefix(name, "@")}
	if idShape.MatchString(string(m.User)) {
		run.Link = mentionOf + string(m.User)
	}
	return []document.Run{run, {Text: document.MentionGap}}
}

func mediaRuns(m core.Media) ([]document.Run, error) {
	_, permalink, err := parseFile(m.File)
	if err != nil {
		return nil, permanent("send", "the file of a %s is %w", m.Kind, err)
	}
	name := m.Name
	if name == "" {
		name = string(m.Kind)
	}
	runs := []document.Run{{Text: name, Link: permalink}}
	if m.Caption != "" {
		runs = append(runs, document.Run{Text: "\n" + m.Caption})
	}
	return runs, nil
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
	var runs []document.Run
	for _, p := range r.Parts {
		switch p := p.(type) {
		case core.Text:
			runs = document.Join(runs, textRuns(p))
		case core.Mention:
			runs = document.Join(runs, mentionRuns(p))
		}
	}
	runs = prepare(runs)
	shown := pieces(runs, maxText)
	switch len(shown) {
	case 0:
		return outgoing{}, false, permanent("send", "the draft holds no words")
	case 1:
		return outgoing{text: render(shown[0])}, false, nil
	}
	head := pieces(runs, maxText-units(gap+ellipsis)-1)[0]
	return outgoing{text: render(document.Append(head, document.Run{Text: ellipsis}))}, false, nil
}

// withSections puts a text above rows of buttons: a message with blocks shows nothing
// but its blocks.
func withSections(runs []document.Run, rows []slackgo.Block) []slackgo.Block {
	if len(rows) == 0 {
		return nil
	}
	var blocks []slackgo.Block
	for _, part := range pieces(runs, maxSection) {
		text := slackgo.NewTextBlockObject(slackgo.MarkdownType, render(part), false, false)
		blocks = append(blocks, slackgo.NewSectionBlock(text, nil, nil))
	}
	return append(blocks, rows...)
}

// keyboard makes one actions block of each row.
func keyboard(b core.Buttons) ([]slackgo.Block, error) {
	var blocks []slackgo.Block
	for i, row := range b.Rows {
		var elements []slackgo.BlockElement
		for j, in := range row {
			if in.Label == "" || (in.Data == "" && in.URL == "") {
				return nil, permanent("send", "the button %q needs a label, and data or an address", in.Label)
			}
			if len(in.Data) > maxData || len(in.URL) > maxAddress {
				return nil, permanent("send", "the button %q carries more than %d bytes of data or %d of address", in.Label, maxData, maxAddress)
			}
			label := slackgo.NewTextBlockObject(slackgo.PlainTextType, short(in.Label), true, false)
			button := slackgo.NewButtonBlockElement("b"+strconv.Itoa(i)+"."+strconv.Itoa(j), in.Data, label)
			if in.URL != "" {
				button.Value, button.URL = "", in.URL
			}
			elements = append(elements, button)
		}
		if len(elements) > maxButtons {
			return nil, permanent("send", "%d buttons in one row; at most %d can be sent", len(elements), maxButtons)
		}
		if len(elements) > 0 {
			blocks = append(blocks, slackgo.NewActionBlock("r"+strconv.Itoa(i), elements...))
		}
	}
	if len(blocks) > maxBlocks-3 { // the text needs up to three
		return nil, permanent("send", "%d rows of buttons; at most %d can be sent", len(blocks), maxBlocks-3)
	}
	return blocks, nil
}

// short cuts a label that a button cannot show.
func short(label string) string {
	runes := []rune(strings.ToValidUTF8(label, "\ufffd"))
	if len(runes) <= maxLabel {
		return string(runes)
	}
	return string(runes[:maxLabel-1]) + ellipsis
}
