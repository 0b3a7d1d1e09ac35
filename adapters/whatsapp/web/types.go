package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
)

// Options make a Device.
type Options struct {
	// Account names the account in errors and in what a human is told to do. Required.
	Account string
	// Dir is the data directory; the device's store is a file in it. Required without a
	// Database.
	Dir string
	// Database is a PostgreSQL database for the store, in which the account has a schema
	// of its own; empty for a file.
	Database secret.String
	// Endpoint is the address of a simulator, RootKey the key its certificates are
	// signed with; nil for WhatsApp itself.
	Endpoint *url.URL
	RootKey  []byte
	// Sent gives a message again that somebody's phone could not read; false when it is
	// not known. Required.
	Sent func(ctx context.Context, chat Address, id string) (Outgoing, bool)
	// Revoked is told that one of the account's messages was taken back from another of
	// its devices. Required.
	Revoked func(ctx context.Context, id string)
	// Gone tells whether Revoked was told so. Required.
	Gone func(id string) bool
	Log  zerolog.Logger
}

// Errors behind faults that callers tell apart.
var (
	// ErrNotPaired: no account is linked to this device.
	ErrNotPaired = errors.New("not linked")
	// ErrPaired: one already is.
	ErrPaired = errors.New("already linked")
	// ErrGone: the message that is to be edited was taken back.
	ErrGone = errors.New("the message was taken back")
	// ErrUnread: all codes expired before one was scanned.
	ErrUnread = errors.New("no code was scanned in time")
)

// Code is what the account's phone scans to link the device.
type Code struct {
	// Text is what the QR code holds. It is a secret while it is valid.
	Text string
	// For is how long it is valid.
	For time.Duration
}

// Address is a chat or a person: the digits of a phone number, a hidden identity
// ("…@lid") of somebody whose number is not told, or a group ("…@g.us").
type Address string

var (
	numberShape = regexp.MustCompile(`^[0-9]{5,20}$`)
	hiddenShape = regexp.MustCompile(`^[0-9]{1,24}@lid$`)
	groupShape  = regexp.MustCompile(`^[0-9]{1,32}(-[0-9]{1,16})?@g\.us$`)
)

// Person tells whether the address is somebody's.
func (a Address) Person() bool {
	return numberShape.MatchString(string(a)) || hiddenShape.MatchString(string(a))
}

// Group tells whether the address is a group's.
func (a Address) Group() bool { return groupShape.MatchString(string(a)) }

// Key names a message.
type Key struct {
	ID string
	// Sender is who wrote it, Own is true when this account did.
	Sender Address
	Own    bool
}

// Quote is the message that another answers.
type Quote struct {
	Key
	// Text is what was said, as far as the answer repeats it.
	Text string
}

// Message is something that happened in a chat.
type Message struct {
	Key
	// Kind is what it is: a message, an edit, a delete, a reaction, membership, other.
	Kind core.Kind
	Chat Address
	// Name is how the sender calls themselves.
	Name string
	At   time.Time
	// About is the message that an edit, a delete or a reaction is about.
	About Key
	Quote *Quote
	// Mentions are the people named in the text as @ and the user part of an address;
	// Self is true when this account is one of them.
	Mentions []Mention
	Self     bool
	// Parts are what was said, a text as it was written.
	Parts []core.Part
}

// Mention is somebody who is named in a text.
type Mention struct {
	// Written is how the text has it, with the @.
	Written string
	Address Address
	Self    bool
}

// Handler takes what comes in. Its methods are called one at a time.
type Handler interface {
	// Connected: the device is logged in.
	Connected()
	// Take stores a message. On an error the connection ends and the message comes again.
	Take(ctx context.Context, m Message) error
	// Unreadable: a message could not be decrypted; its sender was asked for it again.
	Unreadable()
}

// Outgoing is a message to be sent: words, or one of the others.
type Outgoing struct {
	Text     string
	File     *File
	Location *core.Location
	Contact  *core.Contact
	Quote    *Quote
	// Edits is the id of the own message that this takes the place of; Revokes of the
	// one that is taken back, and then nothing else is set.
	Edits, Revokes string
}

// File is a file on WhatsApp's servers, encrypted there.
type File struct {
	// Kind decides the keys; Caption, Name and MIME are for those who see it.
	Kind    core.MediaKind `json:"kind"`
	Caption string         `json:"-"`
	Name    string         `json:"-"`
	MIME    string         `json:"mime,omitempty"`
	// Path is where it lies on any of the servers, Key opens it, Sum and SealedSum are
	// the hashes of its bytes and of those on the server.
	Path      string `json:"path"`
	Key       []byte `json:"key"`
	Sum       []byte `json:"sum"`
	SealedSum []byte `json:"sealed"`
	Size      uint64 `json:"size,omitempty"`
	Width     uint32 `json:"width,omitempty"`
	Height    uint32 `json:"height,omitempty"`
	Seconds   uint32 `json:"seconds,omitempty"`
}

// idPrefix begins the ids of messages written in a linked browser.
const idPrefix = "3EB0"

// The last two digits of the ids made here: the message itself, and the edit that makes
// it final. Edits before that count from one to the other.
const (
	stepMessage = 0x00
	stepFinal   = 0xff
)

var ownIDShape = regexp.MustCompile(`^3EB0[0-9A-F]{18}$`)

// NewID derives a message's id from names of it, so that the same message sent again
// has the same id and the phones show it once.
func NewID(names ...string) string {
	h := sha256.New()
	for _, n := range names {
		h.Write([]byte{byte(len(n) >> 8), byte(len(n))})
		h.Write([]byte(n))
	}
	return withStep(strings.ToUpper(hex.EncodeToString(h.Sum(nil)[:8])), stepMessage)
}

func withStep(name string, step byte) string {
	return idPrefix + name + strings.ToUpper(hex.EncodeToString([]byte{step}))
}

// EditID is the id of an edit of a message that NewID named: the nth before the final
// one, from 1, or the final one for 0. An edit is a message of its own to the protocol.
func EditID(id string, nth int) string {
	step := byte(stepFinal)
	if nth > 0 {
		step = byte(min(nth, stepFinal-1))
	}
	if !ownIDShape.MatchString(id) {
		id = NewID(id)
	}
	return withStep(id[len(idPrefix):len(id)-2], step)
}

// Edited gives the message that an id made by EditID is the final edit of; false for
// any other id.
func Edited(id string) (message string, ok bool) {
	name, ok := strings.CutSuffix(id, "FF")
	if !ok || !ownIDShape.MatchString(id) {
		return "", false
	}
	return withStep(name[len(idPrefix):], stepMessage), true
}

// refPrefix tells a file of this mode from one of the Cloud API.
const refPrefix = "web."

// ErrForeignFile is returned for a reference that was not made here.
var ErrForeignFile = errors.New("not a file of this platform")

// Ref is all that is needed to get the file again.
func (f File) Ref() core.FileRef {
	f.Caption, f.Name = "", ""
	data, err := json.Marshal(f)
	if err != nil {
		panic(err) // a File always has a form
	}
	return core.FileRef(refPrefix + base64.RawURLEncoding.EncodeToString(data))
}

// ParseFile reads what Ref made.
func ParseFile(ref core.FileRef) (File, error) {
	text, ok := strings.CutPrefix(string(ref), refPrefix)
	if !ok {
		return File{}, ErrForeignFile
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return File{}, ErrForeignFile
	}
	var f File
	if err := json.Unmarshal(data, &f); err != nil || !strings.HasPrefix(f.Path, "/") {
		return File{}, ErrForeignFile
	}
	return f, nil
}

// Media is the file as a part of what was said.
func (f File) Media() core.Media {
	m := core.Media{
		Kind: f.Kind, File: f.Ref(), Caption: f.Caption, Name: f.Name, MIME: f.MIME,
		Width: int(f.Width), Height: int(f.Height), Seconds: int(f.Seconds),
	}
	if f.Size < 1<<62 {
		m.Size = int64(f.Size)
	}
	return m
}
