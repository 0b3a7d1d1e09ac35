//go:build !nowhatsmeow

package web

import (
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// jidOf gives whatsmeow's form of an address.
func jidOf(a Address) (types.JID, error) {
	user, server, named := strings.Cut(string(a), "@")
	switch {
	case !a.Person() && !a.Group():
		return types.JID{}, fault.New(fault.Permanent, "send", fmt.Errorf("not an address of WhatsApp"))
	case named:
		return types.NewJID(user, server), nil
	default:
		return types.NewJID(user, types.DefaultUserServer), nil
	}
}

// write spells a message for the protocol, a new one each time: whatsmeow changes what
// it sends. to is the chat, own this account.
func write(o Outgoing, to types.JID, own identity) *waE2E.Message {
	if o.Revokes != "" {
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: ownKey(o.Revokes, to),
		}}
	}
	m := content(o, contextFor(o.Quote, own))
	if o.Edits == "" {
		return m
	}
	return &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{
		ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: ownKey(o.Edits, to), EditedMessage: m,
			TimestampMS: proto.Int64(time.Now().UnixMilli()),
		},
	}}}
}

func ownKey(id string, chat types.JID) *waCommon.MessageKey {
	return &waCommon.MessageKey{FromMe: proto.Bool(true), ID: proto.String(id), RemoteJID: proto.String(chat.String())}
}

// contextFor says what a message answers. Phones show the quoted words as they are sent
// along.
func contextFor(q *Quote, own identity) *waE2E.ContextInfo {
	if q == nil {
		return nil
	}
	author := own.number
	if !q.Own {
		jid, err := jidOf(q.Sender)
		if err != nil {
			return nil
		}
		author = jid
	}
	return &waE2E.ContextInfo{
		StanzaID: proto.String(q.ID), Participant: proto.String(author.String()),
		QuotedMessage: &waE2E.Message{Conversation: proto.String(q.Text)},
	}
}

func content(o Outgoing, context *waE2E.ContextInfo) *waE2E.Message {
	switch {
	case o.File != nil:
		return fileMessage(*o.File, context)
	case o.Location != nil:
		l := &waE2E.LocationMessage{
			DegreesLatitude: proto.Float64(o.Location.Latitude), DegreesLongitude: proto.Float64(o.Location.Longitude), ContextInfo: context,
		}
		if o.Location.Title != "" {
			l.Name = proto.String(o.Location.Title)
		}
		if o.Location.Address != "" {
			l.Address = proto.String(o.Location.Address)
		}
		return &waE2E.Message{LocationMessage: l}
	case o.Contact != nil:
		return &waE2E.Message{ContactMessage: &waE2E.ContactMessage{
			DisplayName: proto.String(o.Contact.Name), Vcard: proto.String(card(*o.Contact)), ContextInfo: context,
		}}
	case context == nil:
		return &waE2E.Message{Conversation: proto.String(o.Text)}
	default:
		return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String(o.Text), ContextInfo: context}}
	}
}

// card writes a contact as a vCard 3.0 (RFC 2426), with the attribute by which WhatsApp
// knows an account.
func card(c core.Contact) string {
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", "", ",", `\,`, ";", `\;`)
	tel := "TEL;type=CELL"
	if Address(c.User).Person() && !strings.Contains(string(c.User), "@") {
		tel += ";waid=" + string(c.User)
	}
	return "BEGIN:VCARD\nVERSION:3.0\nN:;" + escape.Replace(c.Name) + ";;;\nFN:" + escape.Replace(c.Name) + "\n" +
		tel + ":" + escape.Replace(c.Phone) + "\nEND:VCARD"
}

// fileMessage shows a file that lies on WhatsApp's servers.
func fileMessage(f File, context *waE2E.ContextInfo) *waE2E.Message {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	number := func(n uint32) *uint32 {
		if n == 0 {
			return nil
		}
		return &n
	}
	path, mime, size := &f.Path, text(f.MIME), &f.Size
	switch f.Kind {
	case core.Image:
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
			Caption: text(f.Caption), Mimetype: mime, DirectPath: path, MediaKey: f.Key, FileSHA256: f.Sum, FileEncSHA256: f.SealedSum,
			FileLength: size, Width: number(f.Width), Height: number(f.Height), ContextInfo: context,
		}}
	case core.Video:
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{
			Caption: text(f.Caption), Mimetype: mime, DirectPath: path, MediaKey: f.Key, FileSHA256: f.Sum, FileEncSHA256: f.SealedSum,
			FileLength: size, Width: number(f.Width), Height: number(f.Height), Seconds: number(f.Seconds), ContextInfo: context,
		}}
	case core.Audio, core.Voice:
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{
			PTT: proto.Bool(f.Kind == core.Voice), Mimetype: mime, DirectPath: path, MediaKey: f.Key, FileSHA256: f.Sum, FileEncSHA256: f.SealedSum,
			FileLength: size, Seconds: number(f.Seconds), ContextInfo: context,
		}}
	case core.Sticker:
		return &waE2E.Message{StickerMessage: &waE2E.StickerMessage{
			Mimetype: mime, DirectPath: path, MediaKey: f.Key, FileSHA256: f.Sum, FileEncSHA256: f.SealedSum,
			FileLength: size, Width: number(f.Width), Height: number(f.Height), ContextInfo: context,
		}}
	default:
		return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
			Caption: text(f.Caption), FileName: text(f.Name), Title: text(f.Name), Mimetype: mime, DirectPath: path, MediaKey: f.Key,
			FileSHA256: f.Sum, FileEncSHA256: f.SealedSum, FileLength: size, ContextInfo: context,
		}}
	}
}
