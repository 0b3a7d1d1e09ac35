//go:build !nowhatsmeow

package web

import (
	"errors"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

var errNothing = errors.New("whatsapp web simulator: an utterance that says nothing")

// content makes the message of an utterance. Server.mu is held.
func (s *Server) content(u Utterance, out outgoing) (*waE2E.Message, error) {
	c := s.chat(out.place.key(out.from))
	switch {
	case u.Reaction != "":
		key, err := s.keyTo(c, out, u.ReplyTo)
		if err != nil {
			return nil, err
		}
		if u.Reaction == NoReaction {
			u.Reaction = ""
		}
		return &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
			Key: key, Text: proto.String(u.Reaction), SenderTimestampMS: proto.Int64(out.at.UnixMilli()),
		}}, nil
	case u.Edit != "" || u.Delete != "":
		return s.revision(c, u, out)
	}
	ctx, err := s.context(c, u, out)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Media != nil:
		return s.attach(u, ctx)
	case u.Location != nil:
		l := u.Location
		return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{
			DegreesLatitude: &l.Latitude, DegreesLongitude: &l.Longitude, Name: orNil(l.Name), Address: orNil(l.Address),
			ContextInfo: ctx,
		}}, nil
	case u.Contact != nil:
		return &waE2E.Message{ContactMessage: &waE2E.ContactMessage{
			DisplayName: &u.Contact.Name, Vcard: &u.Contact.VCard, ContextInfo: ctx,
		}}, nil
	case u.Text == "":
		return nil, errNothing
	case ctx != nil:
		return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: &u.Text, ContextInfo: ctx}}, nil
	default:
		return &waE2E.Message{Conversation: &u.Text}, nil
	}
}

// orNil leaves an empty text out.
func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// keyTo names a message of the chat as its phone does.
func (s *Server) keyTo(c *chat, out outgoing, id string) (*waCommon.MessageKey, error) {
	p := c.find(id, nil)
	if p == nil {
		return nil, errNoMessage
	}
	key := &waCommon.MessageKey{ID: proto.String(id), FromMe: proto.Bool(p.From == out.from.phoneNumber)}
	if g := out.place.group; g != nil {
		key.RemoteJID = proto.String(g.jid().String())
		if author := s.accounts[p.From]; author != nil && !key.GetFromMe() {
			key.Participant = proto.String(g.name(author).String())
		}
		return key, nil
	}
	key.RemoteJID = proto.String(out.place.other.jid().String())
	return key, nil
}

// revision edits or deletes an own message.
func (s *Server) revision(c *chat, u Utterance, out outgoing) (*waE2E.Message, error) {
	id := u.Edit + u.Delete
	if c.find(id, out.from) == nil {
		return nil, errNoMessage
	}
	key, err := s.keyTo(c, out, id)
	if err != nil {
		return nil, err
	}
	m := &waE2E.ProtocolMessage{Key: key, Type: waE2E.ProtocolMessage_REVOKE.Enum()}
	if u.Edit != "" {
		m.Type = waE2E.ProtocolMessage_MESSAGE_EDIT.Enum()
		m.EditedMessage = &waE2E.Message{Conversation: &u.Text}
		m.TimestampMS = proto.Int64(out.at.UnixMilli())
		// Phones wrap an edit; a deletion comes as it is.
		return &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ProtocolMessage: m}}}, nil
	}
	return &waE2E.Message{ProtocolMessage: m}, nil
}

// context makes what a message says of the one it quotes and whom it mentions; nil for nothing.
func (s *Server) context(c *chat, u Utterance, out outgoing) (*waE2E.ContextInfo, error) {
	if u.ReplyTo == "" && len(u.Mention) == 0 {
		return nil, nil
	}
	ctx := &waE2E.ContextInfo{}
	if u.ReplyTo != "" {
		p := c.find(u.ReplyTo, nil)
		if p == nil || s.accounts[p.From] == nil {
			return nil, errNoMessage
		}
		ctx.StanzaID = &u.ReplyTo
		ctx.Participant = proto.String(out.place.of(s.accounts[p.From]).String())
		ctx.QuotedMessage = &waE2E.Message{Conversation: proto.String(p.Text)}
	}
	for _, number := range u.Mention {
		a := s.accounts[number]
		if a == nil {
			return nil, errNoPerson
		}
		ctx.MentionedJID = append(ctx.MentionedJID, out.place.of(a).String())
	}
	return ctx, nil
}

// attach encrypts a file, puts it on this server and makes its message.
func (s *Server) attach(u Utterance, ctx *waE2E.ContextInfo) (*waE2E.Message, error) {
	keys, ok := keysOfKind[u.Media.Kind]
	if !ok {
		return nil, errors.New("whatsapp web simulator: no such kind of file: " + u.Media.Kind)
	}
	f, err := s.files.seal(u.Media.Data, keys)
	if err != nil {
		return nil, err
	}
	url := "https://" + s.opts.MediaHost + f.path
	if u.Media.URL != "" {
		url = u.Media.URL
	}
	length := uint64(len(u.Media.Data))
	at := proto.Int64(s.opts.Now().Unix())
	mime, caption := &u.Media.MIME, orNil(u.Text)
	switch u.Media.Kind {
	case "image":
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
			URL: &url, DirectPath: &f.path, MediaKey: f.key, FileSHA256: f.plainHash, FileEncSHA256: f.hash, FileLength: &length,
			MediaKeyTimestamp: at, Mimetype: mime, Caption: caption, ContextInfo: ctx,
		}}, nil
	case "video":
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{
			URL: &url, DirectPath: &f.path, MediaKey: f.key, FileSHA256: f.plainHash, FileEncSHA256: f.hash, FileLength: &length,
			MediaKeyTimestamp: at, Mimetype: mime, Caption: caption, ContextInfo: ctx,
		}}, nil
	case "audio", "voice":
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{
			URL: &url, DirectPath: &f.path, MediaKey: f.key, FileSHA256: f.plainHash, FileEncSHA256: f.hash, FileLength: &length,
			MediaKeyTimestamp: at, Mimetype: mime, PTT: proto.Bool(u.Media.Kind == "voice"), ContextInfo: ctx,
		}}, nil
	case "sticker":
		return &waE2E.Message{StickerMessage: &waE2E.StickerMessage{
			URL: &url, DirectPath: &f.path, MediaKey: f.key, FileSHA256: f.plainHash, FileEncSHA256: f.hash, FileLength: &length,
			MediaKeyTimestamp: at, Mimetype: mime, ContextInfo: ctx,
		}}, nil
	default:
		return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
			URL: &url, DirectPath: &f.path, MediaKey: f.key, FileSHA256: f.plainHash, FileEncSHA256: f.hash, FileLength: &length,
			MediaKeyTimestamp: at, Mimetype: mime, Caption: caption, FileName: orNil(u.Media.Name), Title: orNil(u.Media.Name),
			ContextInfo: ctx,
		}}, nil
	}
}
