//go:build !nowhatsmeow

package web

import (
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// resend encrypts a message again for a device that could not decrypt it. Server.mu is held.
func (s *Server) resend(r *request, to types.JID, id string) {
	retry := childOf(*r.n, "retry")
	count := retry.AttrGetter().OptionalInt("count")
	sender := to
	if participant, ok := r.n.Attrs["participant"].(types.JID); ok {
		sender = participant
	}
	from := s.account(sender)
	if from == nil || count == 0 {
		s.invalid(r, "a retry receipt without count or sender")
		return
	}
	s.publish(Event{
		Kind: EventRetry, Number: r.call.Number, Device: r.call.Device, Chat: r.call.Chat, From: r.call.Number, MessageID: id,
	})
	if sender.Device != 0 {
		s.askDevice(r, from, sender.Device, id)
		return
	}
	out, known := from.sent[id]
	if !known || count > maxRetries {
		return
	}
	with, ok := s.retryKeys(r)
	if !ok {
		s.invalid(r, "a retry receipt with keys that are none")
		return
	}
	out.kind, out.media = stanzaType(out.msg)
	msg := copyFor(out, r.device)
	if out.place.group != nil {
		var err error
		if out.key, err = from.phone.distribution(out.place.group.jid().String(), from.address()); err != nil {
			return
		}
		msg = proto.CloneOf(msg)
		msg.SenderKeyDistributionMessage = out.distribution()
	}
	enc, err := s.seal(out, r.device, msg, with)
	if err != nil {
		s.opts.Log.Warn("not sent again", "error", err)
		return
	}
	enc.Attrs["count"] = count
	n := s.stanza(out, r.device.owner)
	n.Content = []node{enc}
	s.queue(r.device, out.place.chat(from), n)
}

// askDevice passes a retry receipt on to the linked device that sent the message.
func (s *Server) askDevice(r *request, from *account, id uint16, message string) {
	d := from.devices[id]
	where, problem := s.destination(r.device, r.n.Attrs["to"].(types.JID))
	if d == nil || problem != "" {
		return
	}
	sender := where.of(r.device.owner)
	sender.Device = r.device.id
	n := node{Tag: tagReceipt, Attrs: attrs{
		"id": message, "type": "retry", "t": s.opts.Now().Unix(), "from": sender,
	}, Content: r.n.GetChildren()}
	if g := where.group; g != nil {
		n.Attrs["from"], n.Attrs["participant"] = g.jid(), sender
	}
	s.queue(d, where.chat(r.device.owner), n)
}

// retryKeys reads the keys that a retry receipt brings; nil when it brings none.
func (s *Server) retryKeys(r *request) (*prekey.Bundle, bool) {
	keys, ok := r.n.GetOptionalChildByTag("keys")
	if !ok {
		return nil, true
	}
	identity, _ := childOf(keys, "identity").Content.([]byte)
	signed, ok := readKey(childOf(keys, "skey"), true)
	if !ok || string(identity) != string(r.device.identity[:]) || !signed.signedBy(r.device.identity) {
		return nil, false
	}
	b := bundle{registration: r.device.registration, identity: r.device.identity, signed: signed}
	if once, ok := readKey(childOf(keys, "key"), false); ok {
		b.once = &once
	}
	return b.signal(r.device.id), true
}
