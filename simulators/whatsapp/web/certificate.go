//go:build !nowhatsmeow

package web

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waCert"
	"google.golang.org/protobuf/proto"
)

const (
	rootSerial         = 0 // clients insist on it
	intermediateSerial = 1
	leafSerial         = 2
	validity           = 10 * 365 * 24 * time.Hour
)

// rootKey signs the certificates of all simulators. It is public knowledge and worth nothing.
func rootKey() *ecc.ECKeyPair {
	secret := sha256.Sum256([]byte("root key of the simulators of WhatsApp-web"))
	return ecc.CreateKeyPair(secret[:])
}

// RootKey is the public key that a client has to trust instead of the real one
// (whatsmeow.WACertPubKey, which holds for a whole process). All simulators share it.
func RootKey() [32]byte { return rootKey().PublicKey().PublicKey() }

// certify makes the chain for a static key: the root signs an intermediate, which signs the leaf.
func certify(static *ecdh.PublicKey, now time.Time) ([]byte, error) {
	intermediate, err := ecc.GenerateKeyPair()
	if err != nil {
		return nil, err
	}
	key := intermediate.PublicKey().PublicKey()
	middle, err := certificate(intermediateSerial, rootSerial, key[:], now, rootKey())
	if err != nil {
		return nil, err
	}
	leaf, err := certificate(leafSerial, intermediateSerial, static.Bytes(), now, intermediate)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(&waCert.CertChain{Intermediate: middle, Leaf: leaf})
}

func certificate(serial, issuer uint32, key []byte, now time.Time, by *ecc.ECKeyPair) (*waCert.CertChain_NoiseCertificate, error) {
	details, err := proto.Marshal(&waCert.CertChain_NoiseCertificate_Details{
		Serial: proto.Uint32(serial), IssuerSerial: proto.Uint32(issuer), Key: key,
		NotBefore: proto.Uint64(uint64(now.Add(-time.Hour).Unix())),
		NotAfter:  proto.Uint64(uint64(now.Add(validity).Unix())),
	})
	if err != nil {
		return nil, err
	}
	signature := ecc.CalculateSignature(by.PrivateKey(), details)
	return &waCert.CertChain_NoiseCertificate{Details: details, Signature: signature[:]}, nil
}

// newStatic makes a server's static key.
func newStatic() (*ecdh.PrivateKey, error) { return ecdh.X25519().GenerateKey(rand.Reader) }
