package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Bounds on what other people's software puts into a prompt, in characters.
const (
	maxName  = 64
	maxLabel = 200
	maxQuote = 2000
)

// describe puts a message into words: whom it answers, what was sent besides
// text, the text. It is empty when nothing was said.
func describe(t *skills.Turn) string {
	var lines []string
	if q := t.Envelope.ReplyTo; q != nil && strings.TrimSpace(q.Text) != "" {
		lines = append(lines, quote(*q))
	}
	quoted := len(lines)
	words := strings.TrimSpace(t.Args)
	for _, p := range t.Envelope.Parts {
		if label := describePart(p, words); label != "" {
			lines = append(lines, "["+label+"]")
		}
	}
	if words != "" {
		lines = append(lines, words)
	}
	if len(lines) == quoted && quoted > 0 && t.Envelope.ReplyTo.ByBot {
		return "" // the bot's own words alone say nothing new
	}
	return strings.Join(lines, "\n")
}

func quote(q core.Quote) string {
	who := oneLine(q.Name, maxName)
	switch {
	case q.ByBot:
		who = "you"
	case who == "":
		who = "somebody"
	}
	return fmt.Sprintf("[in reply to what %s said: %q]", who, cut(strings.TrimSpace(q.Text), maxQuote))
}

// describePart says what a part is; empty for what the words say already and for
// what is none of the model's business.
func describePart(p core.Part, words string) string {
	switch p := p.(type) {
	case core.Media:
		return describeMedia(p)
	case core.Location:
		at := fmt.Sprintf("location: %.5f, %.5f", p.Latitude, p.Longitude)
		return withDetails(at, p.Title, p.Address)
	case core.Contact:
		return withDetails("contact: "+oneLine(p.Name, maxLabel), p.Phone)
	case core.Mention:
		if name := oneLine(p.Name, maxName); !p.Self && name != "" && !strings.Contains(words, name) {
			return "mentions " + name
		}
	case core.Action:
		return "pressed the button " + fmt.Sprintf("%q", cut(p.Data, maxLabel))
	case core.Unsupported:
		return "something this bot cannot read: " + oneLine(p.What, maxLabel)
	}
	return ""
}

var mediaNames = map[core.MediaKind]string{
	core.Image: "photo", core.Voice: "voice message", core.Audio: "audio", core.Video: "video",
	core.Document: "file", core.Sticker: "sticker",
}

func describeMedia(m core.Media) string {
	name, ok := mediaNames[m.Kind]
	if !ok {
		name = "file"
	}
	var details []string
	if m.Name != "" {
		details = append(details, oneLine(m.Name, maxLabel))
	}
	if m.Emoji != "" {
		details = append(details, oneLine(m.Emoji, maxName))
	}
	if m.Seconds > 0 {
		details = append(details, fmt.Sprintf("%d s", m.Seconds))
	}
	if m.Size > 0 && m.Kind != core.Voice && m.Kind != core.Sticker {
		details = append(details, size(m.Size))
	}
	return withDetails(name, details...)
}

func withDetails(head string, details ...string) string {
	for _, d := range details {
		if d = oneLine(d, maxLabel); d != "" {
			head += ", " + d
		}
	}
	return head
}

// size writes a number of bytes in decimal units, as file managers do.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%d KB", n/1000)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}

// speaker names who said it, in groups only: in private there is nobody to be
// told apart from.
func speaker(e core.Envelope) string {
	if e.In.Place != core.Group {
		return ""
	}
	for _, name := range []string{e.From.Name, e.From.Handle} {
		if name = oneLine(name, maxName); name != "" {
			return name
		}
	}
	return "somebody"
}

// oneLine keeps a label from looking like another line of the conversation:
// people choose their names and those of their files themselves.
func oneLine(text string, limit int) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, text)
	return cut(strings.Join(strings.Fields(clean), " "), limit)
}

// cut keeps at most limit characters.
func cut(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}
