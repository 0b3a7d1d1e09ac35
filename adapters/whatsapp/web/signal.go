//go:build !nowhatsmeow

package web

import (
	"crypto/aes"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/logger"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/whatsmeow/store"
)

// pointSize is the length of a public key with the byte that tells its type.
const pointSize = 33

var errMalformed = errors.New("the ciphertext has parts of a wrong length")

// serializer reads and writes one kind of Signal's messages.
type serializer[T any] interface {
	Serialize(message *T) []byte
	Deserialize(serialized []byte) (*T, error)
}

// careful reads what strangers send. libsignal trusts the lengths of what it is given and
// panics where they are wrong, on a goroutine of whatsmeow's: anybody who can write to
// the account could end the process.
type careful[T any] struct {
	serializer[T]
	fits func(*T) bool
}

// Deserialize implements serializer.
func (c careful[T]) Deserialize(serialized []byte) (message *T, err error) {
	defer func() {
		if p := recover(); p != nil {
			message, err = nil, fmt.Errorf("%w: %v", errMalformed, p)
		}
	}()
	message, err = c.serializer.Deserialize(serialized)
	if err == nil && !c.fits(message) {
		return nil, errMalformed
	}
	return message, err
}

// blocks tells whether a ciphertext can be one of AES in CBC mode.
func blocks(ciphertext []byte) bool { return len(ciphertext) > 0 && len(ciphertext)%aes.BlockSize == 0 }

// guardSignal makes the process's Signal library careful, and silent: its own log goes to
// standard output. It is called before anything connects.
func guardSignal() {
	if logger.Logger == nil {
		logger.Logger = unheard{}
	}
	s := store.SignalProtobufSerializer
	s.SignalMessage = careful[protocol.SignalMessageStructure]{s.SignalMessage, func(m *protocol.SignalMessageStructure) bool {
		return len(m.RatchetKey) == pointSize && blocks(m.CipherText)
	}}
	s.PreKeySignalMessage = careful[protocol.PreKeySignalMessageStructure]{s.PreKeySignalMessage, func(m *protocol.PreKeySignalMessageStructure) bool {
		return len(m.BaseKey) == pointSize && len(m.IdentityKey) == pointSize
	}}
	s.SenderKeyMessage = careful[protocol.SenderKeyMessageStructure]{s.SenderKeyMessage, func(m *protocol.SenderKeyMessageStructure) bool {
		return blocks(m.CipherText)
	}}
	s.SenderKeyDistributionMessage = careful[protocol.SenderKeyDistributionMessageStructure]{
		s.SenderKeyDistributionMessage, func(m *protocol.SenderKeyDistributionMessageStructure) bool {
			return len(m.SigningKey) == pointSize && len(m.ChainKey) > 0
		},
	}
}

// unheard is a log that nobody reads.
type unheard struct{}

// Debug implements logger.Loggable.
func (unheard) Debug(string, string) {}

// Info implements logger.Loggable.
func (unheard) Info(string, string) {}

// Warning implements logger.Loggable.
func (unheard) Warning(string, string) {}

// Error implements logger.Loggable.
func (unheard) Error(string, string) {}

// Configure implements logger.Loggable.
func (unheard) Configure(string) {}
