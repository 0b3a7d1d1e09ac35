//go:build !nowhatsmeow

package web

import (
	"bytes"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// sealed is a ciphertext of a message.
type sealed struct {
	to   types.JID // a device; nobody for a sender key's
	kind string
	data []byte
	node node // as it came
}

// outbound is a message of a device as its stanza has it.
type outbound struct {
	id, kind string
	place    place
	// parts are for single devices; group is for all that have the sender key.
	parts []sealed
	group *sealed
	// peer is set for what a device tells its own phone, again for an answer to a retry.
	peer, again bool
	at          time.Time
}

// onMessage takes a message of a device. Server.mu is held.
func (s *Server) onMessage(r *request) {
	m, problem := s.readMessage(r)
	if problem != "" {
		s.invalid(r, problem)
		return
	}
	if r.refused() {
		r.call.Code = r.handle.Fault.Code
		r.answer(r.ack(attrs{"error": r.call.Code, "t": m.at.Unix()}))
		return
	}
	answer := attrs{"t": m.at.Unix()}
	if missing := s.missing(r.device, m); missing != "" {
		r.call.Problem = missing
		answer["phash"] = participantHash(m.place.addressed(r.device))
	}
	r.answer(r.ack(answer))
	if r.fault() == FaultGarble {
		m.garble()
	}
	s.relay(r, m)
}

// readMessage checks a message and reads it. Server.mu is held.
func (s *Server) readMessage(r *request) (m outbound, problem string) {
	to, _ := r.n.Attrs["to"].(types.JID)
	m.id, m.at = r.call.ID, s.opts.Now()
	m.kind, _ = r.n.Attrs["type"].(string)
	m.peer = r.n.Attrs["category"] == "peer"
	if m.id == "" {
		return m, "a message without id"
	}
	switch m.kind {
	case kindText, kindMedia, kindReaction, "poll":
	default:
		return m, "a message of type " + strconv.Quote(m.kind)
	}
	chat := to
	if recipient, ok := r.n.Attrs["recipient"].(types.JID); ok && s.account(to) == r.device.owner {
		chat = recipient // the own phone asked for its copy again
	}
	if m.place, problem = s.destination(r.device, chat); problem != "" {
		return m, "a message to " + problem
	}
	if m.peer && m.place.other != r.device.owner {
		return m, "a peer message to somebody else"
	}
	if problem = m.read(r.n, to); problem != "" {
		return m, problem
	}
	return m, s.check(r, m)
}

// read collects the ciphertexts of a message.
func (m *outbound) read(n *node, to types.JID) (problem string) {
	for _, child := range n.GetChildren() {
		switch child.Tag {
		case "participants":
			for _, part := range child.GetChildren() {
				j, ok := part.Attrs["jid"].(types.JID)
				encs := part.GetChildrenByTag("enc")
				if part.Tag != "to" || !ok || len(encs) != 1 {
					return "participants that are not devices with one ciphertext each"
				}
				if problem = m.add(encs[0], j); problem != "" {
					return problem
				}
			}
		case "enc":
			j := to
			if participant, ok := n.Attrs["participant"].(types.JID); ok {
				j = participant
			}
			m.again = child.Attrs["count"] != nil
			if problem = m.add(child, j); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// add takes a ciphertext in.
func (m *outbound) add(enc node, to types.JID) (problem string) {
	s := sealed{to: to, node: enc}
	s.kind, _ = enc.Attrs["type"].(string)
	s.data, _ = enc.Content.([]byte)
	switch {
	case enc.Attrs["v"] != "2":
		return "a ciphertext that is not of version 2"
	case len(s.data) == 0:
		return "an empty ciphertext"
	case s.kind == encFirst || s.kind == encNext:
		m.parts = append(m.parts, s)
	case s.kind == encSender && m.place.group != nil && m.group == nil:
		m.group = &s
	default:
		return "a ciphertext of type " + strconv.Quote(s.kind)
	}
	return ""
}

// check finds what is wrong with a message as a whole. Server.mu is held.
func (s *Server) check(r *request, m outbound) (problem string) {
	seen, first := map[types.JID]bool{}, false
	audience := m.place.audience(r.device.owner)
	for _, part := range m.parts {
		a := s.account(part.to)
		switch {
		case a == nil || !contains(audience, a):
			return "a ciphertext for somebody who is not in the chat"
		case a == r.device.owner && part.to.Device == r.device.id:
			return "a ciphertext for the device itself"
		case seen[part.to]:
			return "two ciphertexts for one device"
		}
		seen[part.to] = true
		first = first || part.kind == encFirst
	}
	switch {
	case m.place.group != nil && m.group == nil && !m.again:
		return "a message to a group without a ciphertext for it"
	case len(m.parts) == 0 && m.group == nil && childOf(*r.n, "participants").Tag == "":
		return "a message without ciphertexts"
	}
	if first {
		return r.device.proof.check(childOf(*r.n, "device-identity"))
	}
	return ""
}

func contains(list []*account, a *account) bool {
	for _, o := range list {
		if o == a {
			return true
		}
	}
	return false
}

// check compares the identity that a message brings along with the one of the pairing.
func (p deviceProof) check(n node) (problem string) {
	data, _ := n.Content.([]byte)
	var got waAdv.ADVSignedDeviceIdentity
	if data == nil {
		return "a first ciphertext for a device, but no device-identity"
	}
	if err := proto.Unmarshal(data, &got); err != nil {
		return "a device-identity that cannot be parsed"
	}
	if !bytes.Equal(got.GetDetails(), p.details) || !bytes.Equal(got.GetAccountSignature(), p.byAccount) ||
		!bytes.Equal(got.GetDeviceSignature(), p.byDevice) {
		return "a device-identity other than the one of the pairing"
	}
	return ""
}

// missing tells which devices a message forgets. It is no error: the client's list was old,
// and it learns from the ack that it was. Server.mu is held.
func (s *Server) missing(d *device, m outbound) string {
	if m.peer || m.again {
		return ""
	}
	got := map[stanzaKey]bool{}
	for _, part := range m.parts {
		got[stanzaKey{id: s.account(part.to).phoneNumber, kind: strconv.Itoa(int(part.to.Device))}] = true
	}
	for j := range m.place.addressed(d) {
		a := s.account(j)
		if got[stanzaKey{id: a.phoneNumber, kind: strconv.Itoa(int(j.Device))}] {
			continue
		}
		if m.place.group != nil && j.Device == 0 && d.keyed[m.place.group.ID][a] {
			continue // it was sent the sender key with an earlier message
		}
		if m.place.group != nil && j.Device != 0 {
			continue // only the device itself knows
		}
		return "not encrypted for " + j.String()
	}
	return ""
}

// garble changes a byte of each ciphertext.
func (m *outbound) garble() {
	for i := range m.parts {
		m.parts[i].data = garbled(m.parts[i].data)
	}
	if m.group != nil {
		m.group.data = garbled(m.group.data)
	}
}

// garbledAt is how far from the end a byte is changed: there a first ciphertext has its mac,
// a later one its body, and one with a sender key its signature.
const garbledAt = 12

// garbled is a copy that cannot be decrypted.
func garbled(data []byte) []byte {
	out := bytes.Clone(data)
	out[max(len(out)-garbledAt, 0)] ^= 0x55
	return out
}

// relay gives a message to the phones and devices it is for. Server.mu is held.
func (s *Server) relay(r *request, m outbound) {
	byPhone := map[*account]*sealed{}
	for i := range m.parts {
		part := &m.parts[i]
		a := s.account(part.to)
		if part.to.Device == 0 {
			byPhone[a] = part
			r.device.sentKey(m.place.group, a)
		} else if d := a.devices[part.to.Device]; d != nil {
			s.forward(r, m, d, part)
		}
	}
	if m.group != nil {
		s.forwardGroup(r, m)
	}
	for _, a := range m.place.audience(r.device.owner) {
		part := byPhone[a]
		switch {
		case m.place.group != nil && (part != nil || m.group != nil && r.device.keyed[m.place.group.ID][a]):
			s.groupPhone(r, m, a, part)
		case m.place.group == nil && part != nil:
			s.phone(r, m, a, part)
		}
	}
}

// sentKey notes that a device sent a phone its sender key, whether the phone can read it or not.
func (d *device) sentKey(g *group, a *account) {
	if g == nil {
		return
	}
	if d.keyed[g.ID] == nil {
		d.keyed[g.ID] = map[*account]bool{}
	}
	d.keyed[g.ID][a] = true
}

// phone lets somebody's phone open what is for it in a chat of two.
func (s *Server) phone(r *request, m outbound, a *account, part *sealed) {
	msg, err := openMessage(a.phone.decrypt(r.device.address(), part.kind, part.data))
	if err != nil {
		s.askAgain(r, m, a, err)
		return
	}
	own := r.device.owner
	if a == own && m.place.other != own {
		if !m.peer && msg.GetDeviceSentMessage() == nil {
			r.call.Problem = "the own phone gets a message that does not say where it was sent"
		}
		if p := s.chat(m.place.key(own)).find(m.id, own); p != nil {
			delete(p.waiting, own.phoneNumber)
		}
		return
	}
	if m.peer {
		return
	}
	s.show(r, m, a, msg)
}

// groupPhone lets a member's phone open a message to the group.
func (s *Server) groupPhone(r *request, m outbound, a *account, part *sealed) {
	group := m.place.group.jid().String()
	var msg *waE2E.Message
	if part != nil {
		own, err := openMessage(a.phone.decrypt(r.device.address(), part.kind, part.data))
		if err == nil && own.GetSenderKeyDistributionMessage() != nil {
			err = a.phone.learn(group, r.device.address(), own.GetSenderKeyDistributionMessage().GetAxolotlSenderKeyDistributionMessage())
		}
		if err != nil {
			s.askAgain(r, m, a, err)
			return
		}
		msg = own
	}
	if m.group != nil {
		var err error
		if msg, err = openMessage(a.phone.decryptGroup(group, r.device.address(), m.group.data)); err != nil {
			s.askAgain(r, m, a, err)
			return
		}
	}
	s.show(r, m, a, msg)
}

// show puts a message that a phone could read into the chat, and lets the phone say so.
func (s *Server) show(r *request, m outbound, a *account, msg *waE2E.Message) {
	own := r.device.owner
	p := s.arrive(arrived{place: m.place, from: own, device: r.device.id, id: m.id, msg: msg, at: m.at})
	delete(p.waiting, a.phoneNumber)
	if a == own {
		return
	}
	p.got[a.phoneNumber] = true
	if !s.opts.NoReceipts {
		s.receipt(r.device, m.place, a, m.id, "")
	}
}

// openMessage parses a decrypted message.
func openMessage(plain []byte, err error) (*waE2E.Message, error) {
	if err != nil {
		return nil, err
	}
	var msg waE2E.Message
	return &msg, proto.Unmarshal(plain, &msg)
}
