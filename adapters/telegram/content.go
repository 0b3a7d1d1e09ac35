package telegram

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/parley-hub/parley/core"
)

// content reads the parts of a message, and whether its words mean the bot.
func (r reader) content(m *message) (parts []core.Part, addressed bool) {
	body := reading{units: utf16.Encode([]rune(m.Text)), entities: m.Entities}
	media := mediaOf(m)
	if m.Text == "" && media != nil {
		body = reading{units: utf16.Encode([]rune(m.Caption)), entities: m.CaptionEntities}
	}
	text, command, mentions, addressed := r.words(body)
	if command != nil {
		parts = append(parts, *command)
	}
	switch {
	case media != nil:
		media.Caption = text
		parts = append(parts, *media)
	case text != "":
		parts = append(parts, core.Text{Text: text})
	}
	parts = append(parts, mentions...)
	switch {
	case m.Venue != nil: // a venue has its location a second time beside it
		v := m.Venue
		parts = append(parts, core.Location{
			Latitude: v.Location.Latitude, Longitude: v.Location.Longitude, Title: v.Title, Address: v.Address,
		})
	case m.Location != nil:
		parts = append(parts, core.Location{Latitude: m.Location.Latitude, Longitude: m.Location.Longitude})
	case m.Contact != nil:
		c := core.Contact{Name: fullName(m.Contact.FirstName, m.Contact.LastName), Phone: m.Contact.PhoneNumber}
		if m.Contact.UserID != 0 {
			c.User = mintUser(m.Contact.UserID)
		}
		parts = append(parts, c)
	}
	return parts, addressed
}

// reading is a text with its entities; offsets are in UTF-16 units.
type reading struct {
	units    []uint16
	entities []entity
}

// cut is the text of an entity; "" for one that lies outside the text.
func (t reading) cut(e entity) string {
	if !t.holds(e) {
		return ""
	}
	return string(utf16.Decode(t.units[e.Offset : e.Offset+e.Length]))
}

func (t reading) holds(e entity) bool {
	return e.Offset >= 0 && e.Length > 0 && e.Offset <= len(t.units) && e.Length <= len(t.units)-e.Offset
}

func (t reading) from(offset int) string { return string(utf16.Decode(t.units[offset:])) }

// words takes a text apart: a leading mention of the bot is dropped, then a
// leading command is read, and the rest stays as it was written.
func (r reader) words(t reading) (text string, command *core.Command, mentions []core.Part, addressed bool) {
	start := 0
	entities := slices.Clone(t.entities)
	slices.SortStableFunc(entities, func(a, b entity) int { return a.Offset - b.Offset })
	for _, e := range entities {
		if !t.holds(e) {
			continue
		}
		if mention, ok := r.mention(t, e); ok {
			mentions = append(mentions, mention)
			addressed = addressed || mention.Self
			if mention.Self && t.blank(start, e.Offset) {
				start = e.Offset + e.Length
			}
		}
		if e.Type == "bot_command" && command == nil && t.blank(start, e.Offset) {
			if name, ours := r.command(t.cut(e)); ours {
				args := strings.TrimSpace(t.from(e.Offset + e.Length))
				command = &core.Command{Name: name, Args: args}
			}
		}
	}
	if command != nil {
		return "", command, mentions, true
	}
	text = t.from(start)
	if start > 0 {
		text = strings.TrimLeft(text, " \t\r\n,:;")
	}
	return text, nil, mentions, addressed
}

// blank tells whether nothing but separators stands between two places.
func (t reading) blank(from, to int) bool {
	return from <= to && strings.Trim(string(utf16.Decode(t.units[from:to])), " \t\r\n,:;") == ""
}

// mention reads an entity that names somebody.
func (r reader) mention(t reading, e entity) (core.Mention, bool) {
	switch e.Type {
	case "mention":
		name := strings.TrimPrefix(t.cut(e), "@")
		return core.Mention{Name: name, Self: r.isSelf(name)}, true
	case "text_mention":
		if e.User == nil {
			return core.Mention{}, false
		}
		return core.Mention{User: mintUser(e.User.ID), Name: e.User.name(), Self: e.User.ID == r.self.ID}, true
	default:
		return core.Mention{}, false
	}
}

// command reads "/name" or "/name@bot"; ours is false when another bot is meant.
func (r reader) command(word string) (name string, ours bool) {
	name, bot, directed := strings.Cut(strings.TrimPrefix(word, "/"), "@")
	return strings.ToLower(name), name != "" && (!directed || r.isSelf(bot))
}

// isSelf compares user names, which have no upper and lower case.
func (r reader) isSelf(name string) bool {
	return r.self.Username != "" && strings.EqualFold(name, r.self.Username)
}

// mediaOf reads the file of a message; nil when it has none. An animation comes
// with a document that is the same file.
func mediaOf(m *message) *core.Media {
	switch {
	case len(m.Photo) > 0:
		largest := slices.MaxFunc(m.Photo, func(a, b file) int { return a.Width*a.Height - b.Width*b.Height })
		return largest.media(core.Image, "image/jpeg")
	case m.Voice != nil:
		return m.Voice.media(core.Voice, "audio/ogg")
	case m.Audio != nil:
		return m.Audio.media(core.Audio, "")
	case m.Video != nil:
		return m.Video.media(core.Video, "")
	case m.VideoNote != nil:
		v := *m.VideoNote
		v.Width, v.Height = v.Length, v.Length
		return v.media(core.Video, "video/mp4")
	case m.Animation != nil:
		return m.Animation.media(core.Video, "")
	case m.Document != nil:
		return m.Document.media(core.Document, "")
	case m.Sticker != nil:
		return m.Sticker.media(core.Sticker, "")
	default:
		return nil
	}
}

// media makes the part; mime is the type of kinds that do not tell theirs.
func (f file) media(kind core.MediaKind, mime string) *core.Media {
	m := &core.Media{
		Kind: kind, File: mintFile(f.FileID, f.FileUniqueID), Name: f.FileName, MIME: f.MIMEType, Size: f.FileSize,
		Width: f.Width, Height: f.Height, Seconds: f.Duration, Emoji: f.Emoji,
	}
	if m.MIME == "" {
		m.MIME = mime
	}
	if m.Name == "" {
		m.Name = f.Title
	}
	return m
}

// frame are the fields of a message that are not its content.
var frame = map[string]bool{
	"message_id": true, "message_thread_id": true, "is_topic_message": true, "from": true, "sender_chat": true,
	"sender_boost_count": true, "sender_business_bot": true, "sender_tag": true, "date": true, "edit_date": true,
	"chat": true, "business_connection_id": true, "forward_origin": true, "forward_from": true,
	"forward_from_chat": true, "forward_date": true, "forward_sender_name": true, "forward_signature": true,
	"forward_from_message_id": true, "is_automatic_forward": true, "reply_to_message": true, "external_reply": true,
	"quote": true, "reply_to_story": true, "via_bot": true, "has_protected_content": true, "is_from_offline": true,
	"media_group_id": true, "author_signature": true, "link_preview_options": true, "effect_id": true,
	"reply_markup": true, "has_media_spoiler": true, "show_caption_above_media": true, "is_paid_post": true,
	"text": true, "entities": true, "caption": true, "caption_entities": true,
}

// contentName names what a message holds by its first field that is not part of
// the frame ("poll", "dice", "story").
func contentName(m *message) string {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(m.raw, &fields); err != nil {
		return "unreadable message"
	}
	name := ""
	for field := range fields {
		if !frame[field] && (name == "" || field < name) {
			name = field
		}
	}
	if name == "" {
		return "empty message"
	}
	return name
}
