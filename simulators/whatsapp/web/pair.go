//go:build !nowhatsmeow

package web

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"google.golang.org/protobuf/proto"
)

const (
	refCount = 6
	// maxDevices is how many devices a phone links at most.
	maxDevices = 4
	// linkAddress is what newer clients put before the parts of a QR code.
	linkAddress = "https://wa.me/settings/linked_devices#"
)

// What a phone and a device sign of an identity begins with these.
var (
	accountSignature = []byte{6, 0}
	deviceSignature  = []byte{6, 1}
)

// deviceProof is a device identity as both sides signed it.
type deviceProof struct {
	details, byAccount, byDevice []byte
}

// pairing is a connection that waits to be linked.
type pairing struct {
	device device // as far as it is known
	// scan is set once a phone scanned: the iq's id, what it signed, and who waits.
	scanID   string
	identity *waAdv.ADVSignedDeviceIdentity
	done     chan error
}

// beginPairing offers codes to a new device. It gives what is wrong with it, or "".
func (s *Server) beginPairing(c *conn, l login) (problem string) {
	d, problem := readDevice(l.payload.GetDevicePairingData())
	if problem != "" {
		return problem
	}
	d.noiseKey = l.noiseKey
	s.mu.Lock()
	defer s.mu.Unlock()
	c.pairing = &pairing{device: d}
	refs := make([]node, refCount)
	for i := range refs {
		ref := "2@" + rand.Text()
		c.refs = append(c.refs, ref)
		s.refs[ref] = c
		refs[i] = node{Tag: "ref", Content: []byte(ref)}
	}
	c.send(node{Tag: tagIQ, Attrs: fromServer(attrs{"type": "set", "id": rand.Text(), "xmlns": "md"}),
		Content: []node{{Tag: "pair-device", Content: refs}}})
	return ""
}

// Scan lets a number's phone scan the code that a client shows, and links the client. It
// returns when the client has confirmed, or with what went wrong.
func (s *Server) Scan(ctx context.Context, number, qr string) error {
	done, err := s.scan(number, qr)
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scan sends the client what it needs to be linked.
func (s *Server) scan(number, qr string) (<-chan error, error) {
	parts := strings.Split(strings.TrimPrefix(qr, linkAddress), ",")
	if len(parts) < 4 {
		return nil, errors.New("whatsapp web simulator: the code has not four parts")
	}
	var keys [3][]byte
	for i := range keys {
		key, err := base64.StdEncoding.DecodeString(parts[i+1])
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("whatsapp web simulator: part %d of the code is not a key", i+2)
		}
		keys[i] = key
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.number(number)
	if err != nil {
		return nil, err
	}
	c := s.refs[parts[0]]
	switch {
	case c == nil:
		return nil, errors.New("whatsapp web simulator: nobody shows this code any more")
	case !bytes.Equal(keys[0], c.pairing.device.noiseKey[:]) || !bytes.Equal(keys[1], c.pairing.device.identity[:]):
		return nil, errors.New("whatsapp web simulator: the code has other keys than the one who shows it")
	case len(a.devices) >= maxDevices:
		return nil, errors.New("whatsapp web simulator: the phone has four linked devices already")
	}
	for _, ref := range c.refs {
		delete(s.refs, ref)
	}
	return s.link(c, a, keys[2])
}

// link signs the device's identity and tells the device. Server.mu is held.
func (s *Server) link(c *conn, a *account, secret []byte) (<-chan error, error) {
	p := c.pairing
	a.lastDevice++
	p.device.owner, p.device.id = a, a.lastDevice
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID: proto.Uint32(a.phone.registration), Timestamp: proto.Uint64(uint64(s.opts.Now().Unix())),
		KeyIndex: proto.Uint32(uint32(p.device.id)),
	})
	if err != nil {
		return nil, err
	}
	key := a.phone.identity.PublicKey().PublicKey().PublicKey()
	signature := ecc.CalculateSignature(a.phone.identity.PrivateKey(), bytes.Join([][]byte{accountSignature, details, p.device.identity[:]}, nil))
	p.identity = &waAdv.ADVSignedDeviceIdentity{Details: details, AccountSignatureKey: key[:], AccountSignature: signature[:]}
	signed, err := proto.Marshal(p.identity)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(signed)
	sealed, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: signed, HMAC: mac.Sum(nil)})
	if err != nil {
		return nil, err
	}
	p.scanID, p.done = rand.Text(), make(chan error, 1)
	c.send(node{Tag: tagIQ, Attrs: fromServer(attrs{"type": "set", "id": p.scanID, "xmlns": "md", "t": s.opts.Now().Unix()}),
		Content: []node{{Tag: "pair-success", Content: []node{
			{Tag: "device-identity", Content: sealed},
			{Tag: "device", Attrs: attrs{"jid": p.device.jid(), "lid": p.device.hidden()}},
			{Tag: "platform", Attrs: attrs{"name": "android"}},
		}}}})
	return p.done, nil
}

// onPairing takes what a client says while it is paired. It tells false when the connection
// is over.
func (s *Server) onPairing(c *conn, n *node) bool {
	id, _ := n.Attrs["id"].(string)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := c.pairing
	if n.Tag != tagIQ || p.done == nil || id != p.scanID {
		if n.Tag != tagIQ {
			s.record(Call{Stanza: atPair, Problem: "a " + n.Tag + " before the device is linked"})
			c.streamError("", "")
			return false
		}
		return true // the client took the codes, or asks something that can wait
	}
	call := Call{Stanza: atPair, Number: p.device.owner.phoneNumber, Device: p.device.id}
	if err := p.confirm(n); err != nil {
		call.Problem, call.Code = err.Error(), reasonLoggedOut
		s.record(call)
		p.done <- fmt.Errorf("whatsapp web simulator: %w", err)
		return false
	}
	d := p.device
	d.waiting, d.keyed = newQueue(), map[string]map[*account]bool{}
	d.owner.devices[d.id] = &d
	s.record(call)
	s.publish(Event{Kind: EventLinked, Number: call.Number, Device: d.id})
	c.streamError("515", "")
	p.done <- nil
	return false
}

// confirm checks the device's own signature under its identity.
func (p *pairing) confirm(n *node) error {
	if n.Attrs["type"] == "error" {
		e := childOf(*n, "error")
		return fmt.Errorf("the client refuses to be linked: %v %v", e.Attrs["code"], e.Attrs["text"])
	}
	child, ok := n.GetOptionalChildByTag("pair-device-sign", "device-identity")
	content, _ := child.Content.([]byte)
	if !ok || content == nil {
		return errors.New("no pair-device-sign")
	}
	var signed waAdv.ADVSignedDeviceIdentity
	if err := proto.Unmarshal(content, &signed); err != nil {
		return err
	}
	if child.AttrGetter().Int("key-index") != int(p.device.id) {
		return errors.New("pair-device-sign has another key-index")
	}
	if !bytes.Equal(signed.GetDetails(), p.identity.GetDetails()) || len(signed.GetDeviceSignature()) != 64 {
		return errors.New("pair-device-sign is not about this device")
	}
	message := bytes.Join([][]byte{deviceSignature, p.identity.GetDetails(), p.device.identity[:], p.identity.GetAccountSignatureKey()}, nil)
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(p.device.identity), message, [64]byte(signed.GetDeviceSignature())) {
		return errors.New("the device's signature is wrong")
	}
	p.device.proof = deviceProof{
		details: p.identity.GetDetails(), byAccount: p.identity.GetAccountSignature(), byDevice: signed.GetDeviceSignature(),
	}
	return nil
}
