//go:build !nowhatsmeow

package web

import (
	"container/list"

	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/whatsmeow/types"
)

// account is somebody: a phone, and the devices linked to it. Server.mu guards it.
type account struct {
	phoneNumber, lid, name string
	byLID                  bool
	phone                  *phone
	devices                map[uint16]*device
	lastDevice             uint16
	// sent are the last messages of the phone, for those who cannot decrypt them.
	sent     map[string]outgoing
	sentList []string
}

// jid is the account as its number, and hidden as its hidden id.
func (a *account) jid() types.JID    { return types.NewJID(a.phoneNumber, types.DefaultUserServer) }
func (a *account) hidden() types.JID { return types.NewJID(a.lid, types.HiddenUserServer) }

// address is the account's phone in Signal sessions.
func (a *account) address() *protocol.SignalAddress { return address(a.lid, 0) }

// remember keeps a message of the phone; most bounds how many are kept.
func (a *account) remember(out outgoing, most int) {
	if _, known := a.sent[out.id]; !known {
		a.sentList = append(a.sentList, out.id)
	}
	a.sent[out.id] = out
	for len(a.sentList) > most {
		delete(a.sent, a.sentList[0])
		a.sentList = a.sentList[1:]
	}
}

// device is a linked device. Server.mu guards it.
type device struct {
	owner        *account
	id           uint16
	noiseKey     [32]byte
	identity     [32]byte
	registration uint32
	signed       publicKey
	once         []publicKey // the prekeys that were not handed out yet
	told         bool        // that few are left
	// proof is the identity as the phone and the device signed it: what device-identity
	// must hold.
	proof deviceProof
	conn  *conn // nil while it is away
	// keyed are the accounts whose phones were sent the device's sender key, by group.
	keyed   map[string]map[*account]bool
	waiting queue
}

func (d *device) jid() types.JID {
	j := d.owner.jid()
	j.Device = d.id
	return j
}

func (d *device) hidden() types.JID {
	j := d.owner.hidden()
	j.Device = d.id
	return j
}

func (d *device) address() *protocol.SignalAddress { return address(d.owner.lid, d.id) }

// take gives the device's public keys, with a prekey that nobody else gets.
func (d *device) take() bundle {
	b := bundle{registration: d.registration, identity: d.identity, signed: d.signed}
	if len(d.once) > 0 {
		b.once = &d.once[0]
		d.once = d.once[1:]
	}
	return b
}

// stanzaKey names a stanza for the device until it is acked.
type stanzaKey struct {
	class, id, from, participant, kind string
}

// keyOf reads the key of a stanza that goes to a client.
func keyOf(n *node) stanzaKey {
	from, _ := n.Attrs["from"].(types.JID)
	k := stanzaKey{class: n.Tag, from: from.ToNonAD().String()}
	k.id, _ = n.Attrs["id"].(string)
	if n.Tag == tagMessage {
		return k // a receipt is an ack too, and says less than an ack does
	}
	if participant, ok := n.Attrs["participant"].(types.JID); ok {
		k.participant = participant.ToNonAD().String()
	}
	k.kind, _ = n.Attrs["type"].(string)
	return k
}

// pending is a stanza that the device has not acked.
type pending struct {
	key  stanzaKey
	node node
	// chat is whom or what group it comes from, for faults.
	chat string
	// skip counts the acks that still belong to an earlier copy with the same key.
	skip int
	// sent tells whether it went out on the present connection.
	sent bool
}

// queue holds what a device has not acked, in order.
type queue struct {
	order  *list.List
	byKey  map[stanzaKey]*list.Element
	next   *list.Element // the first that did not go out on the present connection
	flying int           // how many went out and are not acked
}

func newQueue() queue { return queue{order: list.New(), byKey: map[stanzaKey]*list.Element{}} }

// add appends a stanza. One with the same key is replaced: it is an older copy.
func (q *queue) add(p *pending) {
	if old := q.byKey[p.key]; old != nil {
		p.skip += old.Value.(*pending).skip
		if old.Value.(*pending).sent {
			p.skip++
		}
		q.remove(old)
	}
	e := q.order.PushBack(p)
	q.byKey[p.key] = e
	if q.next == nil {
		q.next = e
	}
}

// ack takes a stanza out, if it waits. An outright receipt belongs to the newest copy.
func (q *queue) ack(key stanzaKey, receipt bool) {
	e := q.byKey[key]
	if e == nil {
		return
	}
	if p := e.Value.(*pending); p.skip > 0 && !receipt {
		p.skip--
		return
	}
	q.remove(e)
}

func (q *queue) remove(e *list.Element) {
	p := e.Value.(*pending)
	if p.sent {
		q.flying--
	}
	if q.next == e {
		q.next = e.Next()
	}
	q.order.Remove(e)
	delete(q.byKey, p.key)
}

// rewind makes everything go out again: the connection is another one.
func (q *queue) rewind() {
	for e := q.order.Front(); e != nil; e = e.Next() {
		p := e.Value.(*pending)
		p.sent, p.skip = false, 0
	}
	q.next, q.flying = q.order.Front(), 0
}
