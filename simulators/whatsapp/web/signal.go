//go:build !nowhatsmeow

package web

import (
	"context"

	"go.mau.fi/libsignal/ecc"
	groupRecord "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/logger"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/state/store"
)

// A phone is its own store. Records are kept as bytes, since the library changes the ones it
// is given even when it fails afterwards.
var _ store.SignalProtocol = (*phone)(nil)

// silence is a log that keeps nothing.
type silence struct{}

func (silence) Debug(string, string)   {}
func (silence) Info(string, string)    {}
func (silence) Warning(string, string) {}
func (silence) Error(string, string)   {}
func (silence) Configure(string)       {}

// The library makes its logger on first use, without a lock, and lets it print to the
// standard output. One that was made before anything runs is neither raced for nor heard.
func init() { logger.Logger = silence{} }

func (p *phone) GetIdentityKeyPair() *identity.KeyPair { return p.identity }
func (p *phone) GetLocalRegistrationID() uint32        { return p.registration }

// SaveIdentity and IsTrustedIdentity trust everybody, as phones do: they show a notice.
func (p *phone) SaveIdentity(context.Context, *protocol.SignalAddress, *identity.Key) error {
	return nil
}

func (p *phone) IsTrustedIdentity(context.Context, *protocol.SignalAddress, *identity.Key) (bool, error) {
	return true, nil
}

func (p *phone) LoadPreKey(_ context.Context, id uint32) (*record.PreKey, error) {
	if pair := p.preKeys[id]; pair != nil {
		return record.NewPreKey(id, pair, wire.PreKeyRecord), nil
	}
	return nil, nil
}

func (p *phone) StorePreKey(_ context.Context, id uint32, key *record.PreKey) error {
	p.preKeys[id] = key.KeyPair()
	return nil
}

func (p *phone) ContainsPreKey(_ context.Context, id uint32) (bool, error) {
	return p.preKeys[id] != nil, nil
}

func (p *phone) RemovePreKey(_ context.Context, id uint32) error {
	delete(p.preKeys, id)
	return nil
}

func (p *phone) LoadSession(_ context.Context, of *protocol.SignalAddress) (*record.Session, error) {
	if data := p.sessions[of.String()]; data != nil {
		return record.NewSessionFromBytes(data, wire.Session, wire.State)
	}
	return record.NewSession(wire.Session, wire.State), nil
}

// GetSubDeviceSessions is part of the interface; the library does not call it.
func (p *phone) GetSubDeviceSessions(context.Context, string) ([]uint32, error) { return nil, nil }

func (p *phone) StoreSession(_ context.Context, of *protocol.SignalAddress, s *record.Session) error {
	p.sessions[of.String()] = s.Serialize()
	return nil
}

func (p *phone) ContainsSession(_ context.Context, of *protocol.SignalAddress) (bool, error) {
	return p.sessions[of.String()] != nil, nil
}

func (p *phone) DeleteSession(_ context.Context, of *protocol.SignalAddress) error {
	delete(p.sessions, of.String())
	return nil
}

func (p *phone) DeleteAllSessions(context.Context) error {
	clear(p.sessions)
	return nil
}

func (p *phone) LoadSignedPreKey(_ context.Context, id uint32) (*record.SignedPreKey, error) {
	if id != signedPreKeyID {
		return nil, nil
	}
	pair := ecc.NewECKeyPair(p.signed.PublicKey(), p.signed.PrivateKey())
	return record.NewSignedPreKey(id, 0, pair, p.signature, wire.SignedPreKeyRecord), nil
}

func (p *phone) LoadSignedPreKeys(ctx context.Context) ([]*record.SignedPreKey, error) {
	key, err := p.LoadSignedPreKey(ctx, signedPreKeyID)
	return []*record.SignedPreKey{key}, err
}

// StoreSignedPreKey and RemoveSignedPreKey are part of the interface: a phone keeps its one key.
func (p *phone) StoreSignedPreKey(context.Context, uint32, *record.SignedPreKey) error { return nil }

func (p *phone) ContainsSignedPreKey(_ context.Context, id uint32) (bool, error) {
	return id == signedPreKeyID, nil
}

func (p *phone) RemoveSignedPreKey(context.Context, uint32) error { return nil }

func senderKey(of *protocol.SenderKeyName) string { return of.GroupID() + " " + of.Sender().String() }

func (p *phone) StoreSenderKey(_ context.Context, of *protocol.SenderKeyName, key *groupRecord.SenderKey) error {
	p.senderKeys[senderKey(of)] = key.Serialize()
	return nil
}

func (p *phone) LoadSenderKey(_ context.Context, of *protocol.SenderKeyName) (*groupRecord.SenderKey, error) {
	if data := p.senderKeys[senderKey(of)]; data != nil {
		return groupRecord.NewSenderKeyFromBytes(data, wire.SenderKeyRecord, wire.SenderKeyState)
	}
	return groupRecord.NewSenderKey(wire.SenderKeyRecord, wire.SenderKeyState), nil
}
