//go:build !nowhatsmeow

package web

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// onlyKeys tells whether a message has nothing to show: it distributes a sender key.
func onlyKeys(msg *waE2E.Message) bool {
	return msg.GetSenderKeyDistributionMessage() != nil && msg.Conversation == nil && msg.ExtendedTextMessage == nil &&
		fileOf(msg) == nil && msg.LocationMessage == nil && msg.ContactMessage == nil
}

// describe puts what a message says into a post. Server.mu is held.
func (s *Server) describe(p *Posted, msg *waE2E.Message) {
	var ctx *waE2E.ContextInfo
	switch {
	case msg.Conversation != nil:
		p.Type, p.Text = "text", msg.GetConversation()
	case msg.ExtendedTextMessage != nil:
		p.Type, p.Text = "text", msg.GetExtendedTextMessage().GetText()
		ctx = msg.GetExtendedTextMessage().GetContextInfo()
	case msg.LocationMessage != nil:
		m := msg.GetLocationMessage()
		p.Type, p.Text, ctx = "location", m.GetComment(), m.GetContextInfo()
		p.Location = &Location{
			Latitude: m.GetDegreesLatitude(), Longitude: m.GetDegreesLongitude(), Name: m.GetName(), Address: m.GetAddress(),
		}
	case msg.ContactMessage != nil:
		m := msg.GetContactMessage()
		p.Type, ctx = "contact", m.GetContextInfo()
		p.Contact = &Contact{Name: m.GetDisplayName(), VCard: m.GetVcard()}
	default:
		f := fileOf(msg)
		if f == nil {
			p.Type = "other"
			return
		}
		p.Type, p.Text, ctx = f.kind, f.caption, f.GetContextInfo()
		p.Media = s.openFile(f)
	}
	p.ReplyTo = ctx.GetStanzaID()
	for _, mention := range ctx.GetMentionedJID() {
		p.Mentions = append(p.Mentions, s.mentioned(mention))
	}
}

// mentioned gives the number of who is mentioned.
func (s *Server) mentioned(jid string) string {
	if j, err := types.ParseJID(jid); err == nil {
		if a := s.account(j); a != nil {
			return a.phoneNumber
		}
	}
	return jid
}

// fileMessage is what the messages with a file have in common.
type fileMessage interface {
	GetURL() string
	GetDirectPath() string
	GetMediaKey() []byte
	GetFileSHA256() []byte
	GetFileEncSHA256() []byte
	GetFileLength() uint64
	GetMimetype() string
	GetContextInfo() *waE2E.ContextInfo
}

// file is the file of a message.
type file struct {
	fileMessage
	kind, keys, caption, name string
}

// fileOf finds the file of a message; nil when it has none.
func fileOf(msg *waE2E.Message) *file {
	var f file
	switch {
	case msg.GetImageMessage() != nil:
		f = file{fileMessage: msg.GetImageMessage(), kind: "image", keys: imageKeys, caption: msg.GetImageMessage().GetCaption()}
	case msg.GetVideoMessage() != nil:
		f = file{fileMessage: msg.GetVideoMessage(), kind: "video", keys: videoKeys, caption: msg.GetVideoMessage().GetCaption()}
	case msg.GetAudioMessage() != nil:
		f = file{fileMessage: msg.GetAudioMessage(), kind: "audio", keys: audioKeys}
		if msg.GetAudioMessage().GetPTT() {
			f.kind = "voice"
		}
	case msg.GetDocumentMessage() != nil:
		m := msg.GetDocumentMessage()
		f = file{fileMessage: m, kind: "document", keys: documentKeys, caption: m.GetCaption(), name: m.GetFileName()}
	case msg.GetStickerMessage() != nil:
		f = file{fileMessage: msg.GetStickerMessage(), kind: "sticker", keys: imageKeys}
	default:
		return nil
	}
	return &f
}

// Types of stanzas.
const (
	kindText     = "text"
	kindMedia    = "media"
	kindReaction = "reaction"
)

// stanzaType is what a stanza says of the message in it: its type, and of what kind a file is.
func stanzaType(msg *waE2E.Message) (kind, media string) {
	if unwrap(msg).GetReactionMessage() != nil {
		return kindReaction, ""
	}
	switch m := unwrap(msg); {
	case m.GetContactMessage() != nil:
		return kindMedia, "vcard"
	case m.GetLocationMessage() != nil:
		return kindMedia, "location"
	}
	if f := fileOf(unwrap(msg)); f != nil {
		return kindMedia, strings.Replace(f.kind, "voice", "ptt", 1)
	}
	return kindText, ""
}
