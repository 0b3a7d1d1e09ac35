//go:build !nowhatsmeow

package web

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waWa6"
	"google.golang.org/protobuf/proto"
)

// noisePattern names the handshake; at 32 bytes it is the first hash itself.
const noisePattern = "Noise_XX_25519_AESGCM_SHA256\x00\x00\x00\x00"

// handshake is the server's side of a Noise XX handshake.
type handshake struct {
	hash, salt []byte
	key        []byte
	counter    uint32
	ephemeral  *ecdh.PrivateKey
}

func newHandshake() *handshake {
	h := &handshake{hash: []byte(noisePattern), salt: []byte(noisePattern), key: []byte(noisePattern)}
	h.authenticate(opening[:])
	return h
}

func (h *handshake) authenticate(data []byte) {
	sum := sha256.Sum256(append(h.hash[:len(h.hash):len(h.hash)], data...))
	h.hash = sum[:]
}

// mix takes a shared secret into the keys.
func (h *handshake) mix(own *ecdh.PrivateKey, theirs *ecdh.PublicKey) error {
	secret, err := own.ECDH(theirs)
	if err != nil {
		return err
	}
	h.salt, h.key, err = h.expand(secret)
	h.counter = 0
	return err
}

func (h *handshake) expand(secret []byte) (first, second []byte, err error) {
	out, err := hkdf.Key(sha256.New, secret, h.salt, "", 64)
	if err != nil {
		return nil, nil, err
	}
	return out[:32], out[32:], nil
}

func (h *handshake) seal(plain []byte) []byte {
	sealed := newCipher(h.key).Seal(nil, nonce(h.counter), plain, h.hash)
	h.counter++
	h.authenticate(sealed)
	return sealed
}

func (h *handshake) open(sealed []byte) ([]byte, error) {
	plain, err := newCipher(h.key).Open(nil, nonce(h.counter), sealed, h.hash)
	h.counter++
	h.authenticate(sealed)
	return plain, err
}

// hello reads the client's first message and makes the answer: ephemeral key, static key
// and certificates.
func (h *handshake) hello(frame []byte, static *ecdh.PrivateKey, certificates []byte) ([]byte, error) {
	var in waWa6.HandshakeMessage
	if err := proto.Unmarshal(frame, &in); err != nil {
		return nil, err
	}
	theirs, err := ecdh.X25519().NewPublicKey(in.GetClientHello().GetEphemeral())
	if err != nil {
		return nil, fmt.Errorf("client hello: %w", err)
	}
	h.authenticate(theirs.Bytes())
	if h.ephemeral, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	h.authenticate(h.ephemeral.PublicKey().Bytes())
	if err = h.mix(h.ephemeral, theirs); err != nil {
		return nil, err
	}
	sealedStatic := h.seal(static.PublicKey().Bytes())
	if err = h.mix(static, theirs); err != nil {
		return nil, err
	}
	return proto.Marshal(&waWa6.HandshakeMessage{ServerHello: &waWa6.HandshakeMessage_ServerHello{
		Ephemeral: h.ephemeral.PublicKey().Bytes(),
		Static:    sealedStatic,
		Payload:   h.seal(certificates),
	}})
}

// finish reads the client's second message: its static key and who it is.
func (h *handshake) finish(frame []byte) (noiseKey [32]byte, payload *waWa6.ClientPayload, err error) {
	var in waWa6.HandshakeMessage
	if err = proto.Unmarshal(frame, &in); err != nil {
		return noiseKey, nil, err
	}
	if in.GetClientFinish() == nil {
		return noiseKey, nil, errors.New("no client finish")
	}
	static, err := h.open(in.GetClientFinish().GetStatic())
	if err != nil {
		return noiseKey, nil, fmt.Errorf("client static key: %w", err)
	}
	theirs, err := ecdh.X25519().NewPublicKey(static)
	if err != nil {
		return noiseKey, nil, fmt.Errorf("client static key: %w", err)
	}
	if err = h.mix(h.ephemeral, theirs); err != nil {
		return noiseKey, nil, err
	}
	plain, err := h.open(in.GetClientFinish().GetPayload())
	if err != nil {
		return noiseKey, nil, fmt.Errorf("client payload: %w", err)
	}
	payload = &waWa6.ClientPayload{}
	return [32]byte(static), payload, proto.Unmarshal(plain, payload)
}

// split gives the keys of both directions.
func (h *handshake) split() (in, out *direction, err error) {
	first, second, err := h.expand(nil)
	if err != nil {
		return nil, nil, err
	}
	return &direction{cipher: newCipher(first)}, &direction{cipher: newCipher(second)}, nil
}

// direction encrypts or decrypts the frames of one direction, in their order.
type direction struct {
	cipher  cipher.AEAD
	counter uint32
}

func (d *direction) seal(plain []byte) []byte {
	d.counter++
	return d.cipher.Seal(nil, nonce(d.counter-1), plain, nil)
}

func (d *direction) open(sealed []byte) ([]byte, error) {
	d.counter++
	return d.cipher.Open(nil, nonce(d.counter-1), sealed, nil)
}

// nonce is 12 bytes with a big-endian counter in the last four.
func nonce(counter uint32) []byte {
	return binary.BigEndian.AppendUint32(make([]byte, 8, 12), counter)
}

func newCipher(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return aead
		}
	}
	panic("whatsapp web simulator: " + err.Error()) // only for keys of a wrong length
}
