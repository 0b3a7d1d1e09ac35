//go:build !nowhatsmeow

package web

import (
	"strconv"

	"go.mau.fi/whatsmeow/types"
)

// smaxInvalid is the error for a stanza that is not as the protocol has it.
const smaxInvalid = 479

// request is one stanza of a logged-in device on its way through the server.
type request struct {
	conn   *conn
	device *device
	n      *node
	call   Call
	handle *FaultHandle // the fault that meets it, or nil
}

// fault is the kind of fault that meets the request, or "".
func (r *request) fault() FaultKind { return r.call.Fault }

// refused tells whether an injected fault refuses the request.
func (r *request) refused() bool { return r.fault() == FaultRefuse }

// answer sends the client what became of its stanza, unless a fault loses it.
func (r *request) answer(n node) {
	if r.fault() != FaultNoAnswer {
		r.conn.send(n)
	}
}

// handle executes a stanza. It tells false when the connection is over.
func (s *Server) handle(c *conn, n *node) bool {
	if c.pairing != nil {
		return s.onPairing(c, n)
	}
	r := s.newRequest(c, n)
	if r.handle = s.take(r.call.Stanza, r.call.Number, r.call.Chat); r.handle != nil {
		r.call.Fault = r.handle.Fault.Kind
	}
	goOn, execute := s.meet(r)
	if execute {
		s.mu.Lock()
		if c.device.conn == c { // else another connection took its place, or it was unlinked
			s.execute(r)
		}
		s.mu.Unlock()
	}
	if r.fault() == FaultDropAfter {
		c.cut()
		goOn = false
	}
	s.record(r.call)
	return goOn
}

func (s *Server) newRequest(c *conn, n *node) *request {
	r := &request{conn: c, device: c.device, n: n}
	r.call = Call{Stanza: n.Tag, Number: c.device.owner.phoneNumber, Device: c.device.id}
	if n.Tag == tagIQ {
		namespace, _ := n.Attrs["xmlns"].(string)
		r.call.Stanza += " " + namespace
	}
	r.call.ID, _ = n.Attrs["id"].(string)
	if to, ok := n.Attrs["to"].(types.JID); ok {
		r.call.Chat = s.chatName(to)
	}
	return r
}

// chatName is how the Go API calls a chat: a number, or the id of a group.
func (s *Server) chatName(j types.JID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.account(j); a != nil {
		return a.phoneNumber
	}
	return j.User
}

// meet does what a fault does before a stanza is executed.
func (s *Server) meet(r *request) (goOn, execute bool) {
	c := r.conn
	switch r.fault() {
	case FaultDropBefore:
		c.cut()
		return false, false
	case FaultIgnore:
		return true, false
	case FaultSilence:
		c.silence()
		return true, false
	case FaultDropAfter:
		c.silence() // what follows from the stanza is not to get out before the cut
	case FaultStreamError:
		f := r.handle.Fault
		code := ""
		if f.Code != 0 {
			code = strconv.Itoa(f.Code)
		}
		c.streamError(code, f.Conflict)
		return false, false
	case FaultDelay:
		ok := r.handle.Hold(s.ctx, r.handle.Fault.Delay)
		return ok, ok
	}
	return true, true
}

// execute does what a stanza asks for. Server.mu is held.
func (s *Server) execute(r *request) {
	switch r.n.Tag {
	case tagIQ:
		if t := r.n.Attrs["type"]; t == "get" || t == "set" {
			s.onQuery(r)
		}
	case tagMessage:
		s.onMessage(r)
	case tagReceipt:
		s.onReceipt(r)
	case tagAck:
		s.onAck(r)
	case tagPresence:
		s.onPresence(r)
	case tagChatState:
		s.onChatState(r)
	case tagBroadcast:
		// What a client tells the server about itself; nothing follows from it.
	default:
		s.invalid(r, "a stanza that the server does not know")
	}
	s.pump(r.device)
}

// invalid notes that a stanza breaks the protocol and tells the client.
func (s *Server) invalid(r *request, problem string) {
	r.call.Problem, r.call.Code = problem, smaxInvalid
	n := node{Tag: "error", Attrs: fromServer(attrs{"code": smaxInvalid, "text": "smax-invalid"})}
	if r.n.Tag == tagMessage || r.n.Tag == tagReceipt {
		n = r.ack(attrs{"error": smaxInvalid})
	}
	r.answer(n)
}

// ack makes the ack of a stanza.
func (r *request) ack(more attrs) node {
	more["class"], more["id"], more["from"] = r.n.Tag, r.n.Attrs["id"], r.n.Attrs["to"]
	for _, name := range []string{"participant", "recipient"} {
		if v := r.n.Attrs[name]; v != nil {
			more[name] = v
		}
	}
	if v := r.n.Attrs["type"]; v != nil && r.n.Tag != tagMessage {
		more["type"] = v
	}
	return node{Tag: tagAck, Attrs: more}
}

// onPresence notes that a device comes or goes.
func (s *Server) onPresence(r *request) {
	kind, _ := r.n.Attrs["type"].(string)
	switch kind {
	case "available", "unavailable":
		s.publish(Event{Kind: EventPresence, Number: r.call.Number, Device: r.call.Device, Text: kind})
	case "subscribe", "unsubscribe":
		if r.call.Chat == "" {
			s.invalid(r, "a presence of nobody")
		}
	default:
		s.invalid(r, "a presence of type "+strconv.Quote(kind))
	}
}

// onChatState notes that a device types.
func (s *Server) onChatState(r *request) {
	children := r.n.GetChildren()
	to, _ := r.n.Attrs["to"].(types.JID)
	_, problem := s.destination(r.device, to)
	switch {
	case len(children) != 1 || children[0].Tag != "composing" && children[0].Tag != "paused":
		s.invalid(r, "a chatstate that is neither composing nor paused")
		return
	case problem != "":
		s.invalid(r, problem)
		return
	}
	state := children[0].Tag
	if children[0].Attrs["media"] == "audio" {
		state = "recording"
	}
	s.publish(Event{
		Kind: EventTyping, Number: r.call.Number, Device: r.call.Device, Chat: r.call.Chat,
		From: r.device.owner.phoneNumber, Text: state,
	})
}
