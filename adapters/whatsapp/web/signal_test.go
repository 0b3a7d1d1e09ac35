//go:build !nowhatsmeow

package web

import (
	"sync"
	"testing"

	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/whatsmeow/store"
)

var guard sync.Once

// openAll reads bytes as every kind of message that strangers can send.
func openAll(data []byte) (errs []error) {
	guard.Do(guardSignal)
	s := store.SignalProtobufSerializer
	_, err := protocol.NewSignalMessageFromBytes(data, s.SignalMessage)
	errs = append(errs, err)
	_, err = protocol.NewPreKeySignalMessageFromBytes(data, s.PreKeySignalMessage, s.SignalMessage)
	errs = append(errs, err)
	_, err = protocol.NewSenderKeyMessageFromBytes(data, s.SenderKeyMessage)
	errs = append(errs, err)
	_, err = protocol.NewSenderKeyDistributionMessageFromBytes(data, s.SenderKeyDistributionMessage)
	return append(errs, err)
}

var hostile = []string{
	"", "3", "\x33", "\x33\x0a\x00", "\x33\x0a\x01\x05\x22\x01x12345678", "\x33\x12\x00\x1a\x00\x22\x00",
	"\x33\x12\x01\x05\x1a\x01\x05\x22\x01\x33", "\x33\x08\x01\x10\x01\x1a\x00\x22\x00",
}

func TestHostileCiphertextsEndNothing(t *testing.T) {
	for _, data := range hostile {
		for i, err := range openAll([]byte(data)) {
			if err == nil {
				t.Errorf("%q was read as kind %d", data, i)
			}
		}
	}
}

func FuzzHostileCiphertexts(f *testing.F) {
	for _, data := range hostile {
		f.Add([]byte(data))
	}
	f.Fuzz(func(_ *testing.T, data []byte) { openAll(data) })
}
