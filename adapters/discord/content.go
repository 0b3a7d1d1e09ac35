package discord

import (
	"mime"
	"regexp"
	"strings"

	"github.com/parley-hub/parley/core"
)

// content reads the parts of a message, and whether its words mean the bot.
func (r reader) content(m *message) (parts []core.Part, addressed bool) {
	text, mentions, addressed := r.words(m)
	caption := ""
	if name, args, ok := commandOf(text); ok && (m.GuildID == "" || addressed || len(mentions) == 0) {
		parts = append(parts, core.Command{Name: name, Args: args})
		addressed = true
	} else if len(m.Attachments) > 0 {
		caption = text // of the first file
	} else if text != "" {
		parts = append(parts, core.Text{Text: text})
	}
	for _, a := range m.Attachments {
		media := a.media(m.ChannelID, m.ID)
		media.Caption, caption = caption, ""
		parts = append(parts, media)
	}
	parts = append(parts, mentions...)
	for _, has := range []struct {
		what string
		is   bool
	}{
		{"sticker", len(m.Stickers) > 0},
		{"poll", len(m.Poll) > 0 && string(m.Poll) != "null"},
		{"forwarded message", len(m.Snapshots) > 0},
		// The preview of a link stands beside its text and says nothing new.
		{"embed", len(m.Embeds) > 0 && text == "" && len(m.Attachments) == 0},
	} {
		if has.is {
			parts = append(parts, core.Unsupported{What: has.what})
		}
	}
	return parts, addressed
}

// markup is what Discord writes for names: <@1>, <@!1>, <@&1>, <#1>, <:name:1>,
// </command:1> (https://docs.discord.com/developers/reference#message-formatting).
var markup = regexp.MustCompile(`<(@!?|@&|#)([0-9]{1,20})>|<a?:([A-Za-z0-9_]{1,64}):[0-9]{1,20}>|</([^:>\n]{1,64}):[0-9]{1,20}>`)

// words spells out the markup of names, and drops a leading mention of the bot.
func (r reader) words(m *message) (text string, mentions []core.Part, addressed bool) {
	names := map[string]user{}
	for _, u := range m.Mentions {
		names[u.ID] = u
	}
	seen := map[string]bool{}
	name := func(id, called string, self bool) {
		if !seen[id] {
			mentions = append(mentions, core.Mention{User: core.UserID(id), Name: called, Self: self})
			seen[id] = true
		}
		addressed = addressed || self
	}
	var out strings.Builder
	last, leading := 0, true
	for _, at := range markup.FindAllStringSubmatchIndex(m.Content, -1) {
		between := m.Content[last:at[0]]
		out.WriteString(between)
		leading = leading && strings.Trim(between, separators) == ""
		last = at[1]
		spelled, self := r.spell(m.Content, at, names, name)
		if self && leading {
			out.Reset()
			continue
		}
		out.WriteString(spelled)
		leading = false
	}
	out.WriteString(m.Content[last:])
	text = out.String()
	if addressed {
		text = strings.TrimLeft(text, separators)
	}
	return text, mentions, addressed
}

// spell gives the words for one piece of markup, and whether it names the bot; name is
// told whom it names.
func (r reader) spell(content string, at []int, names map[string]user, name func(id, called string, self bool)) (string, bool) {
	group := func(n int) string {
		if at[2*n] < 0 {
			return ""
		}
		return content[at[2*n]:at[2*n+1]]
	}
	kind, id := group(1), group(2)
	switch u, known := names[id]; {
	case (kind == "@" || kind == "@!") && (known || id == r.self):
		name(id, nameIn(u), id == r.self)
		if !known {
			return "@" + id, true
		}
		return "@" + nameIn(u), id == r.self
	case kind == "@&" && r.roles[id]:
		name(r.self, "", true)
		return "@" + id, true
	case kind != "":
		return kind[:1] + id, false
	case group(3) != "":
		return ":" + group(3) + ":", false
	default:
		return "/" + group(4), false
	}
}

// separators stand between the name of the bot and what it is told.
const separators = " \t\r\n,:;"

func nameIn(u user) string {
	if u.Member != nil && u.Member.Nick != "" {
		return u.Member.Nick
	}
	return u.name()
}

var commandShape = regexp.MustCompile(`^/([A-Za-z][A-Za-z0-9_-]{0,31})(?:\s+([\s\S]*))?$`)

// commandOf reads "/name arguments" at the beginning of a text.
func commandOf(text string) (name, args string, ok bool) {
	at := commandShape.FindStringSubmatch(strings.TrimLeft(text, separators))
	if at == nil {
		return "", "", false
	}
	return strings.ToLower(at[1]), strings.TrimSpace(at[2]), true
}

// quote reads what a message answers.
func (r reader) quote(m *message) *core.Quote {
	if m.Reference == nil || m.Reference.MessageID == "" || m.Reference.Type != 0 || m.Type != typeReply {
		return nil
	}
	q := core.Quote{Message: core.MessageID(m.Reference.MessageID)}
	if to := m.Referenced; to != nil {
		inner := reader{account: r.account, self: r.self}
		q.Text, _, _ = inner.words(to)
		if to.Author != nil {
			q.Name, q.ByBot = to.Author.name(), to.Author.ID == r.self
		}
	}
	return &q
}

// media makes the part of a file.
func (a attachment) media(channelID, messageID string) core.Media {
	kind := core.Document
	full, _, err := mime.ParseMediaType(a.ContentType)
	if err != nil {
		full = ""
	}
	switch family, _, _ := strings.Cut(full, "/"); {
	case family == "image":
		kind = core.Image
	case family == "video":
		kind = core.Video
	case family == "audio" && a.Waveform != "":
		kind = core.Voice
	case family == "audio":
		kind = core.Audio
	}
	return core.Media{
		Kind: kind, Name: a.Filename, MIME: full, Size: max(a.Size, 0), Width: a.Width, Height: a.Height, Seconds: int(a.Seconds),
		File: fileRef{channelID, messageID, a.ID, a.URL}.mint(),
	}
}
