//go:build !nowhatsmeow

package web

import (
	"strconv"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"
)

// login is who a client says it is.
type login struct {
	noiseKey [32]byte
	payload  *waWa6.ClientPayload
}

// The reasons of failed logins that the server has by itself.
const (
	reasonBadRequest = 400
	reasonLoggedOut  = 401
)

// admit logs a client in or lets it pair. It tells false when the connection is over.
func (s *Server) admit(c *conn, l login) bool {
	call := Call{Stanza: atLogin}
	if l.payload.GetDevicePairingData() != nil {
		call.Stanza = atPair
	} else {
		call.Number, call.Device = strconv.FormatUint(l.payload.GetUsername(), 10), uint16(l.payload.GetDevice())
	}
	if h := s.take(call.Stanza, call.Number, ""); h != nil {
		call.Fault = h.Fault.Kind
		if !s.meetLogin(c, h, &call) {
			s.record(call)
			return false
		}
	}
	if call.Stanza == atPair {
		call.Problem = s.beginPairing(c, l)
		call.Code = codeOf(call.Problem, reasonBadRequest)
	} else {
		call.Code = s.login(c, l, call.Number, call.Device)
	}
	if call.Code != 0 {
		c.fail(call.Code)
	}
	s.record(call)
	return call.Code == 0
}

// codeOf gives the code for a problem; zero when there is none.
func codeOf(problem string, code int) int {
	if problem == "" {
		return 0
	}
	return code
}

// meetLogin does what a fault does to a login. It tells false when that is all.
func (s *Server) meetLogin(c *conn, h *FaultHandle, call *Call) bool {
	switch h.Fault.Kind {
	case FaultRefuse:
		call.Code = h.Fault.Code
		c.fail(call.Code)
	case FaultStreamError:
		c.streamError(strconv.Itoa(h.Fault.Code), h.Fault.Conflict)
	case FaultDelay:
		return h.Hold(s.ctx, h.Fault.Delay)
	case FaultSilence:
		c.silence()
		<-c.dead
	default:
		c.cut()
	}
	return false
}

// fail tells the client that it may not log in.
func (c *conn) fail(reason int) {
	n := node{Tag: "failure", Attrs: attrs{"reason": reason, "location": "sim"}}
	if reason == reasonTemporaryBan {
		n.Attrs["code"], n.Attrs["expire"] = 101, 3600 // sent to too many people; an hour
	}
	c.send(n)
}

// reasonTemporaryBan is the reason of a login refused for a while.
const reasonTemporaryBan = 402

// login binds a connection to its device. It gives the reason for a refusal, or zero.
func (s *Server) login(c *conn, l login, number string, id uint16) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[number]
	if a == nil || a.devices[id] == nil || a.devices[id].noiseKey != l.noiseKey {
		return reasonLoggedOut
	}
	d := a.devices[id]
	if old := d.conn; old != nil {
		old.streamError("", "replaced")
	}
	d.conn, c.device = c, d
	c.send(node{Tag: "success", Attrs: attrs{
		"t": s.opts.Now().Unix(), "lid": d.hidden(), "display_name": a.name, "location": "sim", "props": 27,
	}})
	return 0
}

// activate gives a device what waited for it. Server.mu is held.
func (s *Server) activate(c *conn) {
	d := c.device
	if c.active || d == nil || d.conn != c {
		return
	}
	c.active = true
	n := d.waiting.order.Len()
	c.send(node{Tag: tagBroadcast, Attrs: fromServer(attrs{}), Content: []node{{Tag: "offline_preview", Attrs: attrs{
		"count": n, "appdata": 0, "message": n, "notification": 0, "receipt": 0,
	}}}})
	d.waiting.rewind()
	s.pump(d)
	c.send(node{Tag: tagBroadcast, Attrs: fromServer(attrs{}), Content: []node{{Tag: "offline", Attrs: attrs{"count": n}}}})
	s.publish(Event{Kind: EventConnected, Number: d.owner.phoneNumber, Device: d.id})
}

// readDevice reads the keys that a device brings to its pairing.
func readDevice(p *waWa6.ClientPayload_DevicePairingRegistrationData) (d device, problem string) {
	switch {
	case len(p.GetERegid()) != 4:
		return d, "eRegid has not 4 bytes"
	case len(p.GetEKeytype()) != 1 || p.GetEKeytype()[0] != ecc.DjbType:
		return d, "eKeytype is not 5"
	case len(p.GetEIdent()) != 32:
		return d, "eIdent has not 32 bytes"
	case len(p.GetESkeyID()) != 3:
		return d, "eSkeyID has not 3 bytes"
	case len(p.GetESkeyVal()) != 32:
		return d, "eSkeyVal has not 32 bytes"
	case len(p.GetESkeySig()) != 64:
		return d, "eSkeySig has not 64 bytes"
	case len(p.GetDeviceProps()) == 0:
		return d, "no deviceProps"
	}
	d.registration = uint32(bigEndian(p.GetERegid()))
	d.identity = [32]byte(p.GetEIdent())
	d.signed = publicKey{id: uint32(bigEndian(p.GetESkeyID())), key: [32]byte(p.GetESkeyVal()), signature: [64]byte(p.GetESkeySig())}
	if !d.signed.signedBy(d.identity) {
		return d, "the signature of the signed prekey is wrong"
	}
	return d, ""
}

// signedBy tells whether the prekey's signature is of that identity.
func (k publicKey) signedBy(identity [32]byte) bool {
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(identity), ecc.NewDjbECPublicKey(k.key).Serialize(), k.signature)
}

// bigEndian reads a number of up to eight bytes.
func bigEndian(data []byte) (n uint64) {
	for _, b := range data {
		n = n<<8 | uint64(b)
	}
	return n
}

// account finds whom a JID names. Server.mu is held.
func (s *Server) account(j types.JID) *account {
	switch j.Server {
	case types.DefaultUserServer, types.LegacyUserServer:
		return s.accounts[j.User]
	case types.HiddenUserServer:
		return s.hidden[j.User]
	default:
		return nil
	}
}
