package slack

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/parley-hub/parley/core"
)

// content reads the parts of a message, and whether its words name the bot.
func (r reader) content(e *event, private bool) (parts []core.Part, mentioned bool) {
	w := r.words(e.Text)
	mentioned = w.self
	caption := ""
	if command, ok := w.command(private); ok {
		parts = append(parts, command)
	} else {
		caption = w.text
	}
	// The words with files are the caption of the first.
	var files []core.Part
	for _, f := range e.Files {
		p := f.part()
		if m, ok := p.(core.Media); ok {
			m.Caption, caption = caption, ""
			p = m
		}
		files = append(files, p)
	}
	if caption != "" {
		parts = append(parts, core.Text{Text: caption})
	}
	return append(append(parts, w.mentions...), files...), mentioned
}

// words is a text without its markup.
type words struct {
	text     string
	mentions []core.Part
	// self: the bot is named; led: it is named before everything else, and that is
	// no more in the text.
	self, led bool
}

// separators stand between a leading mention and what is said.
const separators = " \t\r\n\u00a0,:;"

// words makes plain text of mrkdwn
// (https://docs.slack.dev/messaging/formatting-message-text#retrieving-messages): what
// stands in angle brackets becomes what people see, three signs are unescaped.
func (r reader) words(text string) words {
	var w words
	var b strings.Builder
	for text != "" {
		open := strings.IndexByte(text, '<')
		if open < 0 {
			break
		}
		end := strings.IndexByte(text[open:], '>')
		if end < 0 {
			break
		}
		b.WriteString(unescape(text[:open]))
		inside := text[open+1 : open+end]
		text = text[open+end+1:]
		shown, mention := r.reference(inside)
		if mention != nil {
			w.mentions = append(w.mentions, *mention)
			w.self = w.self || mention.Self
			if mention.Self && strings.Trim(b.String(), separators) == "" {
				w.led = true
				b.Reset()
				continue
			}
		}
		b.WriteString(shown)
	}
	b.WriteString(unescape(text))
	w.text = strings.ToValidUTF8(b.String(), "\ufffd")
	if w.led {
		w.text = strings.TrimLeft(w.text, separators)
	}
	return w
}

// plain is the text alone.
func (r reader) plain(text string) string {
	w := r.words(text)
	return w.text
}

// reference is what one pair of angle brackets shows, and whom it names.
func (r reader) reference(inside string) (shown string, mention *core.Mention) {
	target, label, labelled := strings.Cut(inside, "|")
	target, label = unescape(target), unescape(label)
	switch {
	case strings.HasPrefix(target, "@"):
		id := target[1:]
		name := cmp.Or(strings.TrimPrefix(label, "@"), r.people[id].name, id)
		return "@" + name, &core.Mention{User: core.UserID(id), Name: name, Self: r.self != "" && id == r.self}
	case strings.HasPrefix(target, "#"):
		if label != "" {
			return "#" + label, nil
		}
		return target, nil
	case strings.HasPrefix(target, "!subteam"), strings.HasPrefix(target, "!date"):
		if label != "" {
			return label, nil
		}
		return "@" + target[1:], nil
	case strings.HasPrefix(target, "!"):
		return "@" + target[1:], nil
	case !labelled || label == "" || label == target || bare(target) == bare(label):
		return strings.TrimPrefix(target, "mailto:"), nil
	default:
		return label + " (" + target + ")", nil
	}
}

// bare is an address without its scheme and its last slash: people leave them out.
func bare(address string) string {
	for _, scheme := range []string{"https://", "http://", "mailto:", "tel:"} {
		address = strings.TrimPrefix(address, scheme)
	}
	return strings.TrimSuffix(address, "/")
}

var unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

func unescape(text string) string { return unescaper.Replace(text) }

var commandShape = regexp.MustCompile(`^/([A-Za-z][A-Za-z0-9_-]{0,31})(?:\s+|$)`)

// command reads a command that was typed as words: Slack keeps lines that begin with
// a slash to itself, but not those behind a mention or a space.
func (w words) command(private bool) (core.Command, bool) {
	if !private && !w.led {
		return core.Command{}, false
	}
	text := strings.TrimLeft(w.text, separators)
	m := commandShape.FindStringSubmatch(text)
	if m == nil {
		return core.Command{}, false
	}
	return core.Command{Name: strings.ToLower(m[1]), Args: strings.TrimSpace(text[len(m[0]):])}, true
}

// part reads a file. One that is not kept by Slack, or no more, cannot be fetched.
func (f file) part() core.Part {
	if f.External || f.Mode == "external" || f.Mode == "tombstone" || f.Mode == "hidden_by_limit" || !idShape.MatchString(f.ID) {
		return core.Unsupported{What: "file." + f.Mode}
	}
	m := core.Media{
		Kind: core.Document, File: mintFile(f.ID, f.Permalink), Name: f.Name, MIME: f.MIME,
		Size: max(f.Size, 0), Width: max(f.Width, 0), Height: max(f.Height, 0), Seconds: max(f.DurationMS, 0) / 1000,
	}
	if m.Name == "" {
		m.Name = f.Title
	}
	switch major, _, _ := strings.Cut(f.MIME, "/"); {
	case f.Subtype == "slack_audio":
		m.Kind = core.Voice
	case f.Subtype == "slack_video":
		m.Kind = core.Video
	case major == "image":
		m.Kind = core.Image
	case major == "audio":
		m.Kind = core.Audio
	case major == "video":
		m.Kind = core.Video
	}
	return m
}

// emojis are the reactions people use most, by Slack's names. Others, and those that
// a workspace made itself, keep their names.
var emojis = map[string]string{
	"+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "heart": "❤️", "tada": "🎉", "eyes": "👀",
	"white_check_mark": "✅", "heavy_check_mark": "✔️", "x": "❌", "joy": "😂", "smile": "😄", "slightly_smiling_face": "🙂",
	"pray": "🙏", "raised_hands": "🙌", "clap": "👏", "rocket": "🚀", "fire": "🔥", "100": "💯", "wave": "👋",
	"thinking_face": "🤔", "cry": "😢", "rage": "😡", "ok_hand": "👌", "star": "⭐", "question": "❓", "exclamation": "❗",
}

func emoji(name string) string {
	base, _, _ := strings.Cut(name, "::") // without the tone of the skin
	if e, ok := emojis[base]; ok {
		return e
	}
	return ":" + name + ":"
}
