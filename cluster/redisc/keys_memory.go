package redisc

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/parley-hub/parley/core"
)

// noteKey is where a note is kept. What it is about, such as a phone number, cannot be
// read in it.
func noteKey(prefix string, n core.Note) string {
	h := sha256.New()
	for _, part := range []string{string(n.Account), n.Kind, n.Key} {
		var length [8]byte
		for i, rest := 0, uint64(len(part)); i < len(length); i, rest = i+1, rest>>8 {
			length[i] = byte(rest)
		}
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return prefix + ":note:" + n.Kind + ":{" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]) + "}"
}
