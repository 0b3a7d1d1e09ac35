//go:build !nowhatsmeow

package web

import (
	"math"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/parley-hub/parley/core"
)

// reader makes messages of whatsmeow's events. It is pure, as phone is.
type reader struct {
	own identity
	// phone gives the number behind a hidden identity; empty when it is not known.
	phone func(hidden types.JID) types.JID
}

// address is a person's or a group's one address, however they are addressed: the number
// where it is known. alt is another address that came with the first; empty for none.
func (r reader) address(jid, alt types.JID) Address {
	switch {
	case jid.Server == types.DefaultUserServer, jid.Server == types.HostedServer:
		return Address(jid.User)
	case jid.Server == types.GroupServer:
		return Address(jid.User + "@" + types.GroupServer)
	case jid.Server != types.HiddenUserServer && jid.Server != types.HostedLIDServer:
		return ""
	case alt.Server == types.DefaultUserServer && alt.User != "":
		return Address(alt.User)
	}
	if known := r.phone(types.NewJID(jid.User, types.HiddenUserServer)); known.User != "" {
		return Address(known.User)
	}
	return Address(jid.User + "@" + types.HiddenUserServer)
}

// parse is address for a text; Own tells whether it is this account's.
func (r reader) parse(text string) (a Address, own bool) {
	jid, err := types.ParseJID(text)
	if err != nil || jid.User == "" {
		return "", false
	}
	return r.address(jid, types.EmptyJID), r.own.is(jid)
}

// message reads a message of somebody else; false for one that means nothing here: what
// goes to everybody who has a number (status, channels), and parts of the protocol.
func (r reader) message(e *events.Message) (Message, bool) {
	info := e.Info
	switch {
	case info.Chat.Server == types.NewsletterServer, info.Chat == types.StatusBroadcastJID, info.Sender.IsBot(),
		info.Sender.Server == types.NewsletterServer, silent(e.Message):
		return Message{}, false
	}
	m := Message{
		Key:  Key{ID: info.ID, Sender: r.address(info.Sender, info.SenderAlt)},
		Kind: core.KindMessage, Name: info.PushName, At: info.Timestamp.UTC(),
	}
	m.Chat = m.Sender // a broadcast list of somebody's comes as their own words
	if info.Chat.Server == types.GroupServer {
		m.Chat = r.address(info.Chat, types.EmptyJID)
	}
	if m.Sender == "" || m.Chat == "" || info.ID == "" {
		return Message{}, false
	}
	r.content(&m, e.Message)
	return m, true
}

// silent tells whether a message holds nothing that anybody said: a key for a group
// comes as a message before the first one that it opens.
func silent(m *waE2E.Message) bool { return contentName(m) == "" }

// contentName is the name of what a message holds; empty for nothing.
func contentName(m *waE2E.Message) string {
	name := ""
	if m == nil {
		return ""
	}
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		switch f.Name() {
		case "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage", "messageContextInfo":
			return true
		}
		name = string(f.Name())
		return false
	})
	return name
}

// content reads what was said.
func (r reader) content(m *Message, said *waE2E.Message) {
	switch {
	case said.GetProtocolMessage() != nil:
		r.protocol(m, said.GetProtocolMessage())
		return
	case said.GetReactionMessage() != nil:
		emoji := said.GetReactionMessage().GetText()
		m.Kind, m.About = core.KindReaction, r.key(m, said.GetReactionMessage().GetKey())
		m.Parts = []core.Part{core.Reaction{Emoji: emoji, Removed: emoji == ""}}
		return
	case said.GetPollUpdateMessage() != nil, said.GetPinInChatMessage() != nil, said.GetKeepInChatMessage() != nil,
		said.GetEncReactionMessage() != nil, said.GetPlaceholderMessage() != nil, said.GetAlbumMessage() != nil:
		m.Kind = core.KindOther
		m.Parts = []core.Part{core.Unsupported{What: contentName(said)}}
		return
	}
	m.Parts = parts(said)
	if len(m.Parts) == 0 {
		m.Parts = []core.Part{core.Unsupported{What: contentName(said)}}
	}
	r.context(m, contextOf(said))
}

// protocol reads what is about an earlier message.
func (r reader) protocol(m *Message, p *waE2E.ProtocolMessage) {
	switch p.GetType() {
	case waE2E.ProtocolMessage_REVOKE:
		m.Kind, m.About = core.KindDelete, r.key(m, p.GetKey())
	case waE2E.ProtocolMessage_MESSAGE_EDIT:
		m.Kind, m.About = core.KindEdit, r.key(m, p.GetKey())
		m.Parts = parts(p.GetEditedMessage())
		r.context(m, contextOf(p.GetEditedMessage()))
		if len(m.Parts) == 0 {
			m.Parts = []core.Part{core.Unsupported{What: contentName(p.GetEditedMessage())}}
		}
	default:
		m.Kind = core.KindOther
		m.Parts = []core.Part{core.Unsupported{What: "protocol message " + p.GetType().String()}}
	}
}

// key reads which message another is about. "From me" is said by the sender.
func (r reader) key(m *Message, k *waCommon.MessageKey) Key {
	out := Key{ID: k.GetID()}
	switch {
	case k.GetFromMe():
		out.Sender = m.Sender
	case k.GetParticipant() != "":
		out.Sender, out.Own = r.parse(k.GetParticipant())
	case m.Chat.Group(): // said of an own message without naming anybody
		out.Sender = m.Sender
	default:
		out.Sender, out.Own = Address(r.own.number.User), true
	}
	return out
}

// context reads what a message answers and whom it names.
func (r reader) context(m *Message, c *waE2E.ContextInfo) {
	if c.GetStanzaID() != "" {
		q := &Quote{Key: Key{ID: c.GetStanzaID()}, Text: quoted(c.GetQuotedMessage())}
		q.Sender, q.Own = r.parse(c.GetParticipant())
		m.Quote = q
	}
	for _, text := range c.GetMentionedJID() {
		a, own := r.parse(text)
		jid, err := types.ParseJID(text)
		if a == "" || err != nil {
			continue
		}
		m.Mentions = append(m.Mentions, Mention{Written: "@" + jid.User, Address: a, Self: own})
		m.Self = m.Self || own
	}
}

// contextOf finds the context wherever a message has it.
func contextOf(m *waE2E.Message) *waE2E.ContextInfo {
	var out *waE2E.ContextInfo
	if m == nil {
		return nil
	}
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() == nil || f.IsList() || f.IsMap() {
			return true
		}
		if with, ok := v.Message().Interface().(interface{ GetContextInfo() *waE2E.ContextInfo }); ok {
			out = with.GetContextInfo()
		}
		return out == nil
	})
	return out
}

// quoted are the words of a quoted message.
func quoted(m *waE2E.Message) string { return core.JoinText(parts(m)) }

// parts reads what a message shows.
func parts(m *waE2E.Message) []core.Part {
	switch {
	case m.GetConversation() != "":
		return []core.Part{core.Text{Text: m.GetConversation()}}
	case m.GetExtendedTextMessage() != nil:
		return textPart(m.GetExtendedTextMessage().GetText())
	case m.GetLocationMessage() != nil:
		l := m.GetLocationMessage()
		return locationPart(l.GetDegreesLatitude(), l.GetDegreesLongitude(), l.GetName(), l.GetAddress())
	case m.GetLiveLocationMessage() != nil:
		l := m.GetLiveLocationMessage()
		return locationPart(l.GetDegreesLatitude(), l.GetDegreesLongitude(), l.GetCaption(), "")
	case m.GetContactMessage() != nil:
		return []core.Part{contactPart(m.GetContactMessage())}
	case m.GetContactsArrayMessage() != nil:
		var out []core.Part
		for _, c := range m.GetContactsArrayMessage().GetContacts() {
			out = append(out, contactPart(c))
		}
		return out
	case m.GetButtonsResponseMessage() != nil:
		return textPart(m.GetButtonsResponseMessage().GetSelectedDisplayText())
	case m.GetListResponseMessage() != nil:
		return textPart(m.GetListResponseMessage().GetTitle())
	case m.GetTemplateButtonReplyMessage() != nil:
		return textPart(m.GetTemplateButtonReplyMessage().GetSelectedDisplayText())
	default:
		return filePart(m)
	}
}

func textPart(text string) []core.Part {
	if text == "" {
		return nil
	}
	return []core.Part{core.Text{Text: text}}
}

func locationPart(latitude, longitude float64, title, address string) []core.Part {
	if !(math.Abs(latitude) <= 90 && math.Abs(longitude) <= 180) { // nor when it is no number
		return nil
	}
	return []core.Part{core.Location{Latitude: latitude, Longitude: longitude, Title: title, Address: address}}
}

// contactPart reads a vCard as far as it is needed: the first number, and whose it is.
func contactPart(c *waE2E.ContactMessage) core.Part {
	out := core.Contact{Name: c.GetDisplayName()}
	for line := range strings.Lines(c.GetVcard()) {
		head, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		name, attributes, _ := strings.Cut(head, ";")
		switch _, name, _ := cutGroup(name); {
		case strings.EqualFold(name, "FN") && out.Name == "":
			out.Name = value
		case strings.EqualFold(name, "TEL") && out.Phone == "":
			out.Phone = value
			for attribute := range strings.SplitSeq(attributes, ";") {
				if id, ok := strings.CutPrefix(attribute, "waid="); ok && Address(id).Person() {
					out.User = core.UserID(id)
				}
			}
		}
	}
	return out
}

// cutGroup takes a vCard's group ("item1.TEL") off a name.
func cutGroup(name string) (group, rest string, ok bool) {
	if group, rest, ok = strings.Cut(name, "."); ok {
		return group, rest, true
	}
	return "", name, false
}

// membership reads who came to a group and who went; false for other changes.
func (r reader) membership(e *events.GroupInfo) (Message, bool) {
	if len(e.Join)+len(e.Leave) == 0 {
		return Message{}, false
	}
	var change core.Change
	people := func(jids []types.JID) (out []core.Sender) {
		for _, jid := range jids {
			change.Self = change.Self || r.own.is(jid)
			out = append(out, core.Sender{ID: core.UserID(r.address(jid, types.EmptyJID))})
		}
		return out
	}
	change.Joined, change.Left = people(e.Join), people(e.Leave)
	m := Message{
		Kind: core.KindMembership, Chat: r.address(e.JID, types.EmptyJID), At: e.Timestamp.UTC(),
		Key: Key{ID: "members " + strconv.FormatInt(e.Timestamp.Unix(), 10) + " " + e.ParticipantVersionID},
	}
	if e.Sender != nil {
		var number types.JID
		if e.SenderPN != nil {
			number = *e.SenderPN
		}
		m.Sender = r.address(*e.Sender, number)
	}
	m.Parts = []core.Part{change}
	return m, m.Chat != ""
}

// revoked is the message that another device of this account took back; empty for none.
func revoked(e *events.Message) string {
	p := e.Message.GetProtocolMessage()
	if p.GetType() != waE2E.ProtocolMessage_REVOKE || p == nil {
		return ""
	}
	return p.GetKey().GetID()
}
