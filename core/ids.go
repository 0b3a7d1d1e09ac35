package core

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"
)

// Opaque identifiers. Every one is minted, and where it has an inside taken
// apart, by the adapter it came from; everyone else compares and stores them.
type (
	// Account is the configured name of one bot account ("telegram", "support").
	Account string
	// Realm says whose user ids these are: two accounts of one realm see the same
	// person under the same UserID.
	Realm string
	// UserID is a person's or bot's id inside its realm.
	UserID string
	// ChatID is a chat's id inside its account.
	ChatID string
	// ThreadID is a thread's or topic's id inside its chat; empty for none.
	ThreadID string
	// MessageID is a platform message's id inside its chat.
	MessageID string
	// AlbumID groups messages that a person sent as one; empty for none.
	AlbumID string
	// FileRef lets the adapter that minted it fetch a file later.
	FileRef string
	// BlobRef names bytes that the hub keeps itself.
	BlobRef string
)

// Identifiers the hub derives or draws itself.
type (
	// EnvelopeID is the same for every delivery of the same native message.
	EnvelopeID string
	// ReplyID is an EnvelopeID with the reply's place in the turn.
	ReplyID string
	// PersonID is one human, however many accounts they write from.
	PersonID string
	// TraceID follows one message through every room.
	TraceID string
)

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// digest is an unambiguous short name for a list of strings: each is hashed with
// its length, so ("ab","c") and ("a","bc") differ. 128 bits, 26 characters.
func digest(parts ...string) string {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return idEncoding.EncodeToString(h.Sum(nil)[:16])
}

// NewEnvelopeID derives the id of what an account received. Only adapters call
// it; native must name the event so that a redelivery gives the same words and
// another event (an edit, a press of a button) does not.
func NewEnvelopeID(account Account, kind Kind, native ...string) EnvelopeID {
	return EnvelopeID(digest(append([]string{string(account), string(kind)}, native...)...))
}

// NewBlobRef derives the name of bytes that the hub keeps. The same owner, such as a
// turn or an account, and the same names give the same bytes.
func NewBlobRef(owner string, names ...string) BlobRef {
	return BlobRef(digest(append([]string{"blob", owner}, names...)...))
}

// ReplyTo derives the id of the index-th reply to an envelope.
func ReplyTo(id EnvelopeID, index int) ReplyID {
	return ReplyID(string(id) + "." + strconv.Itoa(index))
}

// Envelope gives back the envelope a reply answers, or "" when the id was not
// made by ReplyTo.
func (id ReplyID) Envelope() EnvelopeID {
	head, tail, ok := strings.Cut(string(id), ".")
	if _, err := strconv.Atoi(tail); !ok || err != nil {
		return ""
	}
	return EnvelopeID(head)
}

// PersonOf is the person behind an account nobody linked to another one. It is
// derived, so it needs no look-up and is the same on every node.
func PersonOf(realm Realm, user UserID) PersonID {
	return PersonID("p" + digest(string(realm), string(user)))
}

// NewPersonID draws the person of an account that can no longer be the one PersonOf
// derives, because others are that person now.
func NewPersonID() PersonID {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return PersonID("p" + idEncoding.EncodeToString(b[:]))
}

// NewTraceID draws a trace id: 16 random bytes in hexadecimal, the form W3C Trace
// Context uses.
func NewTraceID() TraceID {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 32)
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return TraceID(out)
}
