//go:build !nowhatsmeow

package web

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/groups"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/util/keyhelper"
	"go.mau.fi/libsignal/util/optional"
	"go.mau.fi/whatsmeow/types"
)

var wire = serialize.NewProtoBufSerializer()

// phone is the Signal state of somebody's phone: device 0 of their account. It talks to linked
// devices and to other phones alike. Server.mu guards it.
type phone struct {
	identity     *identity.KeyPair
	registration uint32
	signed       *ecc.ECKeyPair
	signature    [64]byte
	lastPreKey   uint32
	preKeys      map[uint32]*ecc.ECKeyPair
	sessions     map[string][]byte // by address
	senderKeys   map[string][]byte // by group and address
	// knows are the devices that have this phone's sender key, by group.
	knows map[string]map[*device]bool
}

// signedPreKeyID is the id of the one signed prekey that a phone has.
const signedPreKeyID = 1

func newPhone() (*phone, error) {
	keys, err := keyhelper.GenerateIdentityKeyPair()
	if err != nil {
		return nil, err
	}
	signed, err := ecc.GenerateKeyPair()
	if err != nil {
		return nil, err
	}
	return &phone{
		identity:     keys,
		registration: rand.Uint32N(16380) + 1,
		signed:       signed,
		signature:    ecc.CalculateSignature(keys.PrivateKey(), signed.PublicKey().Serialize()),
		preKeys:      map[uint32]*ecc.ECKeyPair{},
		sessions:     map[string][]byte{},
		senderKeys:   map[string][]byte{},
		knows:        map[string]map[*device]bool{},
	}, nil
}

// bundle gives what others need to begin a session, with a prekey that is used once.
func (p *phone) bundle() (bundle, error) {
	pair, err := ecc.GenerateKeyPair()
	if err != nil {
		return bundle{}, err
	}
	p.lastPreKey = p.lastPreKey%(1<<24-1) + 1 // ids have three bytes
	p.preKeys[p.lastPreKey] = pair
	return bundle{
		registration: p.registration,
		identity:     p.identity.PublicKey().PublicKey().PublicKey(),
		signed:       publicKey{id: signedPreKeyID, key: p.signed.PublicKey().PublicKey(), signature: p.signature},
		once:         &publicKey{id: p.lastPreKey, key: pair.PublicKey().PublicKey()},
	}, nil
}

// bundle is the public keys of a device.
type bundle struct {
	registration uint32
	identity     [32]byte
	signed       publicKey
	once         *publicKey // nil when there is none left
}

// publicKey is a prekey as others get it.
type publicKey struct {
	id        uint32
	key       [32]byte
	signature [64]byte // of a signed one
}

func (b bundle) signal(device uint16) *prekey.Bundle {
	id, key := optional.NewEmptyUint32(), ecc.ECPublicKeyable(nil)
	if b.once != nil {
		id, key = optional.NewOptionalUint32(b.once.id), ecc.NewDjbECPublicKey(b.once.key)
	}
	return prekey.NewBundle(b.registration, uint32(device), id, b.signed.id, key,
		ecc.NewDjbECPublicKey(b.signed.key), b.signed.signature, identity.NewKey(ecc.NewDjbECPublicKey(b.identity)))
}

// address names a device in Signal sessions: always by the hidden id.
func address(lid string, device uint16) *protocol.SignalAddress {
	return types.JID{User: lid, Device: device, Server: types.HiddenUserServer}.SignalAddress()
}

// The kinds of ciphertexts, as stanzas call them.
const (
	encFirst  = "pkmsg" // begins a session
	encNext   = "msg"
	encSender = "skmsg" // with a sender key, in a group
)

// encrypt makes a ciphertext for a device. With a bundle a new session begins.
func (p *phone) encrypt(to *protocol.SignalAddress, plain []byte, with *prekey.Bundle) (kind string, sealed []byte, err error) {
	ctx := context.Background()
	builder := session.NewBuilderFromSignal(p, to, wire)
	if with != nil {
		if err = builder.ProcessBundle(ctx, with); err != nil {
			return "", nil, fmt.Errorf("begin a session with %s: %w", to, err)
		}
	}
	out, err := session.NewCipher(builder, to).Encrypt(ctx, pad(plain))
	if err != nil {
		return "", nil, err
	}
	kind = encNext
	if out.Type() == protocol.PREKEY_TYPE {
		kind = encFirst
	}
	return kind, out.Serialize(), nil
}

// decrypt opens a ciphertext of a device.
func (p *phone) decrypt(from *protocol.SignalAddress, kind string, sealed []byte) (plain []byte, err error) {
	defer func() { // the library trusts the lengths in what it parses
		if r := recover(); r != nil {
			plain, err = nil, fmt.Errorf("the ciphertext cannot be parsed: %v", r)
		}
	}()
	ctx := context.Background()
	cipher := session.NewCipher(session.NewBuilderFromSignal(p, from, wire), from)
	switch kind {
	case encFirst:
		var in *protocol.PreKeySignalMessage
		if in, err = protocol.NewPreKeySignalMessageFromBytes(sealed, wire.PreKeySignalMessage, wire.SignalMessage); err == nil {
			plain, err = cipher.DecryptMessage(ctx, in)
		}
	case encNext:
		var in *protocol.SignalMessage
		if in, err = protocol.NewSignalMessageFromBytes(sealed, wire.SignalMessage); err == nil {
			plain, err = cipher.Decrypt(ctx, in)
		}
	default:
		err = fmt.Errorf("a ciphertext of type %q", kind)
	}
	if err != nil {
		return nil, err
	}
	return unpad(plain)
}

// encryptGroup makes a ciphertext with the phone's sender key.
func (p *phone) encryptGroup(group string, own *protocol.SignalAddress, plain []byte) ([]byte, error) {
	builder := groups.NewGroupSessionBuilder(p, wire)
	out, err := groups.NewGroupCipher(builder, protocol.NewSenderKeyName(group, own), p).Encrypt(context.Background(), pad(plain))
	if err != nil {
		return nil, err
	}
	return out.SignedSerialize(), nil
}

// distribution gives the phone's sender key in the form that others take it in.
func (p *phone) distribution(group string, own *protocol.SignalAddress) ([]byte, error) {
	out, err := groups.NewGroupSessionBuilder(p, wire).Create(context.Background(), protocol.NewSenderKeyName(group, own))
	if err != nil {
		return nil, err
	}
	return out.Serialize(), nil
}

// learn takes a device's sender key in.
func (p *phone) learn(group string, from *protocol.SignalAddress, distribution []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the sender key cannot be parsed: %v", r)
		}
	}()
	in, err := protocol.NewSenderKeyDistributionMessageFromBytes(distribution, wire.SenderKeyDistributionMessage)
	if err != nil {
		return err
	}
	return groups.NewGroupSessionBuilder(p, wire).Process(context.Background(), protocol.NewSenderKeyName(group, from), in)
}

// decryptGroup opens a ciphertext with a device's sender key.
func (p *phone) decryptGroup(group string, from *protocol.SignalAddress, sealed []byte) (plain []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			plain, err = nil, fmt.Errorf("the ciphertext cannot be parsed: %v", r)
		}
	}()
	in, err := protocol.NewSenderKeyMessageFromBytes(sealed, wire.SenderKeyMessage)
	if err != nil {
		return nil, err
	}
	builder := groups.NewGroupSessionBuilder(p, wire)
	plain, err = groups.NewGroupCipher(builder, protocol.NewSenderKeyName(group, from), p).Decrypt(context.Background(), in)
	if err != nil {
		return nil, err
	}
	return unpad(plain)
}

// maxPad is how many bytes of padding there are at most.
const maxPad = 15

// pad appends one to fifteen bytes, each of which is their number.
func pad(plain []byte) []byte {
	n := byte(rand.IntN(maxPad) + 1)
	out := append(make([]byte, 0, len(plain)+int(n)), plain...)
	for range n {
		out = append(out, n)
	}
	return out
}

var errPadding = errors.New("the plaintext is not padded as it should be")

func unpad(plain []byte) ([]byte, error) {
	if len(plain) == 0 {
		return nil, errPadding
	}
	n := int(plain[len(plain)-1])
	if n == 0 || n > maxPad+1 || n > len(plain) { // some clients go up to sixteen
		return nil, errPadding
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return nil, errPadding
		}
	}
	return plain[:len(plain)-n], nil
}
