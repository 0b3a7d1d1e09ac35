//go:build !nowhatsmeow

package web

import (
	"encoding/binary"
	"errors"
	"maps"

	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/whatsmeow/types"
)

// window is how many stanzas a device may hold without acking them. Known clients have a
// queue of 2,048, behind which they forget the order.
const window = 1000

// maxRetries is how often somebody asks for a message that cannot be decrypted.
const maxRetries = 5

// queue gives a device a stanza, which stays until it is acked. It tells false when the
// device has too many already. Server.mu is held.
func (s *Server) queue(d *device, chat string, n node) bool {
	if d.waiting.order.Len() >= s.opts.MaxPending {
		return false
	}
	d.waiting.add(&pending{key: keyOf(&n), node: n, chat: chat})
	s.pump(d)
	return true
}

// pump sends what a device has not got yet. Server.mu is held.
func (s *Server) pump(d *device) {
	c, q := d.conn, &d.waiting
	if c == nil || !c.active {
		return
	}
	for q.next != nil && q.flying < window {
		p := q.next.Value.(*pending)
		p.sent = true
		q.flying++
		q.next = q.next.Next()
		if !s.transmit(c, p) {
			return
		}
	}
}

// transmit sends a stanza, as far as no fault meets it. It tells false when the connection
// was cut. Server.mu is held.
func (s *Server) transmit(c *conn, p *pending) bool {
	var kind FaultKind
	if p.node.Tag == tagMessage {
		if h := s.take(atDelivery, c.device.owner.phoneNumber, p.chat); h != nil {
			kind = h.Fault.Kind
		}
	}
	switch kind {
	case FaultDropBefore:
		c.cut()
		return false
	case FaultIgnore:
		return true
	case FaultReorder:
		c.held = &p.node
		return true
	case FaultDuplicate:
		c.send(p.node)
	case FaultGarble:
		c.send(garbledNode(p.node))
		return true
	}
	c.send(p.node)
	if c.held != nil {
		c.send(*c.held)
		c.held = nil
	}
	if kind == FaultDropAfter {
		c.finish(0)
		return false
	}
	return true
}

// garbledNode is a copy of a message with other ciphertexts.
func garbledNode(n node) node {
	children := append([]node{}, n.GetChildren()...)
	for i, child := range children {
		if data, ok := child.Content.([]byte); ok && child.Tag == "enc" {
			children[i].Content = garbled(data)
		}
	}
	n.Content = children
	return n
}

// forward gives another linked device its ciphertext, which the server cannot open.
func (s *Server) forward(r *request, m outbound, d *device, part *sealed) {
	n := s.relayed(r, m, d)
	n.Content = append(n.GetChildren(), part.node)
	if m.group != nil {
		n.Content = append(n.GetChildren(), m.group.node)
	}
	if proof, ok := r.n.GetOptionalChildByTag("device-identity"); ok {
		n.Content = append(n.GetChildren(), proof)
	}
	s.queue(d, m.place.chat(r.device.owner), n)
}

// forwardGroup gives a group's message to the devices that have the sender key already.
func (s *Server) forwardGroup(r *request, m outbound) {
	addressed := map[*device]bool{r.device: true}
	for _, part := range m.parts {
		if d := s.account(part.to).devices[part.to.Device]; d != nil {
			addressed[d] = true
		}
	}
	for _, a := range m.place.group.members {
		for _, d := range a.sorted() {
			if !addressed[d] {
				n := s.relayed(r, m, d)
				n.Content = []node{m.group.node}
				s.queue(d, m.place.group.ID, n)
			}
		}
	}
}

// relayed is the stanza of a device's message for another device.
func (s *Server) relayed(r *request, m outbound, to *device) node {
	own := r.device.owner
	n := s.stanza(outgoing{place: m.place, from: own, device: r.device.id, id: m.id, kind: m.kind, at: m.at}, to.owner)
	if edit := r.n.Attrs["edit"]; edit != nil {
		n.Attrs["edit"] = edit
	}
	return n
}

// stanza is a message for the devices of somebody, without its ciphertexts. Server.mu is held.
func (s *Server) stanza(out outgoing, to *account) node {
	name, alt := out.place.of(out.from), out.place.alt(out.from)
	if out.place.group == nil && out.from.byLID {
		name, alt = out.from.hidden(), out.from.jid()
	}
	sender := name
	sender.Device = out.device
	a := attrs{"id": out.id, "t": out.at.Unix(), "type": out.kind, "notify": out.from.name}
	if out.edit != "" {
		a["edit"] = out.edit
	}
	if g := out.place.group; g != nil {
		a["from"], a["participant"], a["addressing_mode"] = g.jid(), sender, g.addressing()
		a["participant_"+altName(alt)] = alt
		return node{Tag: tagMessage, Attrs: a}
	}
	a["from"] = sender
	if to == out.from && out.place.other != to {
		a["recipient"] = out.place.of(out.place.other)
		a["peer_recipient_"+altName(out.place.alt(out.place.other))] = out.place.alt(out.place.other)
		return node{Tag: tagMessage, Attrs: a}
	}
	a["sender_"+altName(alt)] = alt
	return node{Tag: tagMessage, Attrs: a}
}

// altName is how attributes call the other name of somebody.
func altName(j types.JID) string {
	if j.Server == types.HiddenUserServer {
		return "lid"
	}
	return "pn"
}

// receipt lets a phone say that it has a message of a device, or more by kind. Server.mu is held.
func (s *Server) receipt(d *device, in place, from *account, id, kind string, children ...node) {
	a := attrs{"id": id, "t": s.opts.Now().Unix()}
	if in.group != nil {
		a["from"], a["participant"] = in.group.jid(), in.of(from)
	} else {
		a["from"] = in.of(from)
		if from == d.owner && in.other != from {
			a["recipient"] = in.of(in.other)
		}
	}
	if kind != "" {
		a["type"] = kind
	}
	n := node{Tag: tagReceipt, Attrs: a}
	if children != nil {
		n.Content = children
	}
	s.queue(d, in.chat(from), n)
}

// askAgain lets a phone ask a device for a message that it cannot decrypt.
func (s *Server) askAgain(r *request, m outbound, a *account, cause error) {
	c := s.chat(m.place.key(r.device.owner))
	p := s.post(c, r.device.owner, r.device.id, m.id, m.at)
	if errors.Is(cause, signalerror.ErrOldCounter) && p.filled {
		return // the same ciphertext again: the phone has it
	}
	p.waiting[a.phoneNumber]++
	count := p.waiting[a.phoneNumber]
	s.opts.Log.Debug("a phone cannot decrypt", "id", m.id, "count", count, "error", cause)
	if count > maxRetries {
		return
	}
	children := []node{
		{Tag: "retry", Attrs: attrs{"count": count, "id": m.id, "t": m.at.Unix(), "v": 1}},
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, a.phone.registration)},
	}
	if count > 1 || needsKeys(cause) {
		if b, err := a.phone.bundle(); err == nil {
			children = append(children, node{Tag: "keys", Content: b.nodes()[1:]})
		}
	}
	s.publish(Event{
		Kind: EventRetry, Number: r.call.Number, Device: r.call.Device, Chat: r.call.Chat, From: a.phoneNumber, MessageID: m.id,
	})
	s.receipt(r.device, m.place, a, m.id, "retry", children...)
}

// needsKeys tells whether a message failed because there is no session for it.
func needsKeys(err error) bool {
	return errors.Is(err, signalerror.ErrNoSessionForUser) || errors.Is(err, signalerror.ErrNoOneTimeKeyFound) ||
		errors.Is(err, signalerror.ErrNoSignedPreKey) || errors.Is(err, signalerror.ErrNoSenderKeyForUser) ||
		errors.Is(err, signalerror.ErrUninitializedSession)
}

// onReceipt takes what a device says about messages: that it has them, or more by type.
func (s *Server) onReceipt(r *request) {
	to, ok := r.n.Attrs["to"].(types.JID)
	kind, _ := r.n.Attrs["type"].(string)
	if r.call.ID == "" || !ok {
		s.invalid(r, "a receipt without id or address")
		return
	}
	r.answer(r.ack(attrs{}))
	ids := []string{r.call.ID}
	list := childOf(*r.n, "list")
	for _, item := range list.GetChildren() {
		if id, ok := item.Attrs["id"].(string); ok {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if kind == "retry" {
			s.resend(r, to, id)
			continue
		}
		r.device.waiting.ack(stanzaKey{class: tagMessage, id: id, from: to.ToNonAD().String()}, true)
		s.noted(r, to, id, kind)
	}
	s.feed.Touch()
}

// noted marks a message as delivered or read and tells its sender.
func (s *Server) noted(r *request, to types.JID, id, kind string) {
	where, problem := s.destination(r.device, to)
	if problem != "" || kind == "sender" || kind == "peer_msg" {
		return
	}
	var author *account
	if participant, ok := r.n.Attrs["participant"].(types.JID); ok {
		author = s.account(participant)
	} else if where.group == nil {
		author = where.other
	}
	c := s.chat(where.key(r.device.owner))
	p := c.find(id, author)
	if p == nil {
		return
	}
	own := r.device.owner.phoneNumber
	e := Event{Kind: EventDelivered, Number: own, Device: r.device.id, Chat: c.key.name(own), From: own, MessageID: id}
	p.got[own] = true
	if kind == "read" || kind == "read-self" || kind == "played" {
		e.Kind = EventRead
		p.seen[own] = true
	}
	s.publish(e)
	if author == nil || p.device == 0 {
		return
	}
	if d := author.devices[p.device]; d != nil {
		back := where
		back.other = author
		s.receipt(d, back, r.device.owner, id, kind, r.n.GetChildren()...)
	}
}

// onAck takes a stanza out of what waits for a device. Server.mu is held.
func (s *Server) onAck(r *request) {
	class, _ := r.n.Attrs["class"].(string)
	to, ok := r.n.Attrs["to"].(types.JID)
	if r.call.ID == "" || class == "" || !ok {
		s.invalid(r, "an ack without id, class or address")
		return
	}
	as := attrs{"id": r.call.ID, "from": to, "participant": r.n.Attrs["participant"], "type": r.n.Attrs["type"]}
	maps.DeleteFunc(as, func(_ string, v any) bool { return v == nil })
	r.device.waiting.ack(keyOf(&node{Tag: class, Attrs: as}), false)
	s.feed.Touch()
}
