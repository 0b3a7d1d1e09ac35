package whatsapp

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// A device is connected from one node at a time. What follows is what the next one has to
// know when that one is gone, or the next life of it.

// The kinds of notes, and how long they are kept.
const (
	// draftKind are messages that show a growing answer, kept for editWindow.
	draftKind = "draft"
	// offerKind are the choices that the last message of a chat offers.
	offerKind = "offer"
	offerLife = 48 * time.Hour
	// saidKind are people's words that an answer may quote.
	saidKind = "said"
	saidLife = time.Hour
)

// progress is what is known of a message that shows a growing answer.
type progress struct {
	At    time.Time `json:"at"`
	Edits int       `json:"edits"`
	// Shown is a digest of the words.
	Shown string `json:"shown"`
	// Gone is true when it was taken back from another of the account's devices.
	Gone bool `json:"gone,omitempty"`
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

var errOddWebNote = errors.New("a note of a linked device cannot be read")

func (a *Web) note(kind, key string) core.Note {
	return core.Note{Account: a.account, Kind: kind, Key: key}
}

// progressOf is false for a message that is too old, or shows no growing answer.
func (a *Web) progressOf(ctx context.Context, id core.MessageID) (p progress, known bool, err error) {
	value, known, err := a.memory.Get(ctx, a.note(draftKind, string(id)))
	if err != nil || !known {
		return p, false, err
	}
	if json.Unmarshal(value, &p) != nil {
		return p, false, fault.New(fault.Bug, "edit", errOddWebNote)
	}
	return p, true, nil
}

// keep remembers a message. Failing costs its form: it is taken back, and its final is a
// message of its own.
func (p progress) keep(ctx context.Context, a *Web, id core.MessageID) {
	value, err := json.Marshal(p)
	if err == nil {
		err = a.memory.Put(ctx, a.note(draftKind, string(id)), value, editWindow)
	}
	if err != nil {
		a.log.Debug().Err(err).Msg("a growing answer is not remembered")
	}
}

// offers remembers the choices of a chat's last message, or that it has none.
func (a *Web) offers(ctx context.Context, chat core.ChatID, choices []core.Button) {
	n := a.note(offerKind, string(chat))
	value, err := json.Marshal(choices)
	switch {
	case len(choices) == 0:
		err = a.memory.Delete(ctx, n)
	case err == nil:
		err = a.memory.Put(ctx, n, value, offerLife)
	}
	if err != nil {
		a.log.Debug().Err(err).Msg("what a chat was offered is not remembered")
	}
}

// offeredIn are the choices of a chat's last message.
func (a *Web) offeredIn(ctx context.Context, chat core.ChatID) (choices []core.Button) {
	value, ok, err := a.memory.Get(ctx, a.note(offerKind, string(chat)))
	if ok {
		err = json.Unmarshal(value, &choices)
	}
	if err != nil {
		a.log.Debug().Err(err).Msg("nobody knows what a chat was offered")
	}
	return choices
}

// heard remembers words that an answer may quote. Only in groups an answer says which
// message it is for.
func (a *Web) heard(ctx context.Context, e core.Envelope, at spoken, words string) {
	a.said.Set(at, words)
	if e.In.Place != core.Group || !e.Addressed {
		return
	}
	if err := a.memory.Put(ctx, a.note(saidKind, at.key()), []byte(words), saidLife); err != nil {
		a.log.Debug().Err(err).Msg("words that an answer quotes are not remembered")
	}
}

// words are those of a message that an answer quotes; "" when they are not known.
func (a *Web) words(ctx context.Context, at spoken) string {
	words, known := a.said.Get(at)
	if known {
		return words
	}
	value, _, err := a.memory.Get(ctx, a.note(saidKind, at.key()))
	if err != nil {
		a.log.Debug().Err(err).Msg("nobody knows the words that an answer quotes")
	}
	return string(value)
}

// key names a message among notes; an id of a chat has no blank.
func (s spoken) key() string { return string(s.chat) + " " + string(s.message) }
