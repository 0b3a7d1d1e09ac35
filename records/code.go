package records

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/parley-hub/parley/core"
)

// codeAlphabet leaves out everything that looks like something else: of each such
// group one is in, or none (0 O D, 1 I L, 2 Z, 5 S, 8 B, U V).
const codeAlphabet = "23456789ACEFGHJKMNPQRTVWXY"

// codeLength gives 26^8 codes, some 38 bits: with MaxWrong tries in CodeLife nobody
// guesses one.
const codeLength = 8

// lookAlikes are what people write for a character of the alphabet.
var lookAlikes = strings.NewReplacer("Z", "2", "S", "5", "B", "8", "U", "V")

// newCode derives the code of a turn: the rerun of the turn shows the same.
func newCode(key []byte, turn core.EnvelopeID) string {
	n := binary.BigEndian.Uint64(keyed(key, "code", string(turn)))
	out := make([]byte, codeLength)
	for i := range out { // 26^8 is so far below 2^64 that no code is likelier than another
		out[i] = codeAlphabet[n%uint64(len(codeAlphabet))]
		n /= uint64(len(codeAlphabet))
	}
	return string(out)
}

// hashCode is how a code is stored; empty for what can be no code. Case, blanks and
// hyphens make no difference, nor do look-alikes.
func hashCode(key []byte, written string) string {
	folded := lookAlikes.Replace(strings.ToUpper(strings.Map(func(r rune) rune {
		if r <= ' ' || r == '-' || r == '\u00a0' || r == '\u2010' || r == '\u2011' || r == '\u2013' {
			return -1
		}
		return r
	}, written)))
	if len(folded) != codeLength || strings.Trim(folded, codeAlphabet) != "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(keyed(key, "hash", folded))
}

func keyed(key []byte, purpose, what string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write([]byte(what))
	return h.Sum(nil)
}
