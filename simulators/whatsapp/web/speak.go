//go:build !nowhatsmeow

package web

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// outgoing is a message of somebody's phone.
type outgoing struct {
	place  place
	from   *account
	device uint16 // 0, but for a relayed message
	id     string
	kind   string // of the stanza
	media  string // what kind of file it has
	edit   string
	msg    *waE2E.Message
	key    []byte // the sender key, as it was before the message, for a group
	at     time.Time
}

// newID makes an id as a phone does.
func newID() string {
	var random [9]byte
	_, _ = rand.Read(random[:]) // it never fails
	return "3A" + strings.ToUpper(hex.EncodeToString(random[:]))
}

// serverID makes an id of a stanza of the server itself.
func (s *Server) serverID() string { return rand.Text()[:10] }

// Say lets a person write a text to a number. It gives the message's id.
func (s *Server) Say(number, person, text string) (string, error) {
	return s.Speak(Utterance{Number: number, Person: person, Text: text})
}

// Speak lets a person do something in a chat. It gives the message's id. An error for a
// device for which too much waits comes after the chat shows the message.
func (s *Server) Speak(u Utterance) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := s.compose(u)
	if err != nil {
		return "", err
	}
	s.arrive(arrived{place: out.place, from: out.from, id: out.id, msg: out.msg, at: out.at})
	return out.id, s.emit(out)
}

// compose makes the message of an utterance. Server.mu is held.
func (s *Server) compose(u Utterance) (out outgoing, err error) {
	number, err := s.number(u.Number)
	if err != nil {
		return out, err
	}
	person := s.accounts[u.Person]
	if person == nil && (u.Group == "" || !u.ByOwner) {
		return out, errNoPerson
	}
	out = outgoing{from: person, place: place{other: number}, id: u.ID, at: s.opts.Now()}
	if u.ByOwner {
		out.from, out.place.other = number, person
	}
	if u.Group != "" {
		g := s.groups[u.Group]
		switch {
		case g == nil:
			return out, errNoGroup
		case !g.has(out.from):
			return out, errNoPerson
		}
		out.place = g.place()
	}
	if out.id == "" {
		out.id = newID()
	}
	if out.msg, err = s.content(u, out); err != nil {
		return out, err
	}
	out.kind, out.media = stanzaType(out.msg)
	switch {
	case u.Edit != "":
		out.edit = "1"
	case u.Delete != "", u.Reaction == NoReaction:
		out.edit = "7"
	}
	return out, nil
}

// emit encrypts a message for all linked devices that are to get it. Server.mu is held.
func (s *Server) emit(out outgoing) error {
	out.from.remember(out, s.opts.MaxMessages)
	group, err := out.sealGroup()
	if err != nil {
		return err
	}
	for _, a := range out.place.audience(out.from) {
		for _, d := range a.sorted() {
			if err := s.address(out, d, group); err != nil {
				return err
			}
		}
	}
	return nil
}

// sealGroup encrypts a message to a group with the sender key, and keeps the key as it was
// before: with a later one the message cannot be opened.
func (out *outgoing) sealGroup() ([]byte, error) {
	if out.place.group == nil {
		return nil, nil
	}
	group, p := out.place.group.jid().String(), out.from.phone
	plain, err := proto.Marshal(out.msg)
	if err != nil {
		return nil, err
	}
	if out.key, err = p.distribution(group, out.from.address()); err != nil {
		return nil, err
	}
	return p.encryptGroup(group, out.from.address(), plain)
}

var errFull = errors.New("whatsapp web simulator: too much waits for a device")

// address gives a device its copy of a message.
func (s *Server) address(out outgoing, d *device, group []byte) error {
	n := s.stanza(out, d.owner)
	var content []node
	p := out.from.phone
	switch {
	case out.place.group == nil:
		enc, err := s.seal(out, d, copyFor(out, d), nil)
		if err != nil {
			return err
		}
		content = append(content, enc)
	case !p.knows[out.place.group.ID][d]:
		enc, err := s.sealKey(out, d)
		if err != nil {
			return err
		}
		content = append(content, enc)
		fallthrough
	default:
		content = append(content, out.enc(encSender, group))
	}
	n.Content = content
	if !s.queue(d, out.place.chat(out.from), n) {
		return errFull
	}
	return nil
}

// copyFor is the message as it is encrypted for a device: own devices are told where it went.
func copyFor(out outgoing, d *device) *waE2E.Message {
	if d.owner != out.from || out.place.group != nil || out.place.other == out.from {
		return out.msg
	}
	return &waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{
		DestinationJID: proto.String(out.place.of(out.place.other).String()), Message: out.msg,
	}}
}

// enc makes the node of a ciphertext.
func (out outgoing) enc(kind string, data []byte) node {
	n := node{Tag: "enc", Attrs: attrs{"v": "2", "type": kind}, Content: data}
	if out.media != "" {
		n.Attrs["mediatype"] = out.media
	}
	if out.edit != "" || out.kind == kindReaction {
		n.Attrs["decrypt-fail"] = "hide"
	}
	return n
}

// seal encrypts a message for a device. Without a session, or with keys, one is begun.
func (s *Server) seal(out outgoing, d *device, msg *waE2E.Message, with *prekey.Bundle) (node, error) {
	plain, err := proto.Marshal(msg)
	if err != nil {
		return node{}, err
	}
	p := out.from.phone
	if with == nil && p.sessions[d.address().String()] == nil {
		with = d.take().signal(d.id)
		defer s.preKeysLow(d)
	}
	kind, data, err := p.encrypt(d.address(), plain, with)
	if err != nil {
		return node{}, fmt.Errorf("whatsapp web simulator: %w", err)
	}
	return out.enc(kind, data), nil
}

// sealKey encrypts a phone's sender key for a device.
func (s *Server) sealKey(out outgoing, d *device) (node, error) {
	p, g := out.from.phone, out.place.group
	if p.knows[g.ID] == nil {
		p.knows[g.ID] = map[*device]bool{}
	}
	p.knows[g.ID][d] = true
	return s.seal(out, d, &waE2E.Message{SenderKeyDistributionMessage: out.distribution()}, nil)
}

// distribution tells the sender key of a message to a group.
func (out outgoing) distribution() *waE2E.SenderKeyDistributionMessage {
	return &waE2E.SenderKeyDistributionMessage{
		GroupID: proto.String(out.place.group.jid().String()), AxolotlSenderKeyDistributionMessage: out.key,
	}
}

// Read lets a person read everything in their chat with a number, or in a group with it.
func (s *Server) Read(number, chat, person string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.number(number)
	if err != nil {
		return err
	}
	who := s.accounts[person]
	if who == nil {
		return errNoPerson
	}
	where := place{other: who}
	if g := s.groups[chat]; g != nil {
		where = g.place()
	}
	for _, p := range s.chat(where.key(a)).posts {
		d := a.devices[p.device]
		if p.From != a.phoneNumber || d == nil || p.seen[person] || p.waiting[person] > 0 {
			continue
		}
		p.seen[person] = true
		s.receipt(d, where, who, p.ID, "read")
	}
	return nil
}

// Type lets a person begin or stop typing in their chat with a number, or in a group with
// it. Devices that are away do not learn of it.
func (s *Server) Type(number, chat, person string, typing bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.number(number)
	if err != nil {
		return err
	}
	who := s.accounts[person]
	if who == nil {
		return errNoPerson
	}
	at := attrs{"from": who.jid()}
	if g := s.groups[chat]; g != nil {
		at = attrs{"from": g.jid(), "participant": g.name(who)}
	}
	state := "paused"
	if typing {
		state = "composing"
	}
	for _, d := range a.sorted() {
		if d.conn != nil && d.conn.active {
			d.conn.send(node{Tag: tagChatState, Attrs: at, Content: []node{{Tag: state}}})
		}
	}
	return nil
}
