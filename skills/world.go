package skills

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
)

// World is what a skill reaches beyond the conversation, through the hub. Each call is
// checked against the skill's manifest: what it does not name is refused with a Permanent
// fault that has ErrDenied in it. It belongs to one turn and is safe for concurrent use.
type World interface {
	// HTTP calls the hosts of the manifest.
	HTTP() HTTP
	// Secret gives a secret that the configuration has for this skill. One that it does
	// not have is a NeedsHuman fault.
	Secret(name string) (secret.String, error)
	// Chat asks a pool of models; empty for the default one. Who is charged is filled in:
	// the person who speaks, with this skill's name.
	Chat(ctx context.Context, pool string, r models.Request) iter.Seq2[models.Delta, error]
	// Storage is the skill's own.
	Storage() Storage
	// PersonStorage is the skill's for the person who speaks, the same on all their
	// accounts. It is erased with the person.
	PersonStorage() Storage
	// Tell adds a reply in the private chats where the person who speaks wants to be
	// reached. It is stored and sent as the turn's own replies are; none is added where
	// the person never wrote in private, which told says.
	Tell(ctx context.Context, parts ...core.Part) (told bool, err error)
}

// HTTP makes calls, as http.Client does: the body of the answer is the caller's to close.
// A redirection is followed only to where the skill may call. An answer longer than the
// hub allows ends with a Permanent fault. Errors do not tell the URL, which may hold a key.
type HTTP interface {
	Do(r *http.Request) (*http.Response, error)
}

// ErrFull is in the Permanent fault of a value that does not fit into a skill's quota.
var ErrFull = errors.New("the skill's storage is full")

// The bounds of Storage.
const (
	// MaxStorageName is the longest name, in bytes.
	MaxStorageName = 256
	// MaxStorageValue is the longest value, in bytes.
	MaxStorageValue = 1 << 20
)

// Storage keeps values under names, durably and not as part of the turn: what was kept
// stays when the turn fails, so a rerun must bear it. Names and values count for the
// quota. A name that is empty or longer than MaxStorageName, or no UTF-8, and a value longer
// than MaxStorageValue are Permanent faults.
type Storage interface {
	// Get gives a value; ok is false for none.
	Get(ctx context.Context, name string) (value []byte, ok bool, err error)
	// Set keeps a value in place of what was there.
	Set(ctx context.Context, name string, value []byte) error
	// Swap keeps a value if what is there is was, nil for nothing; swapped is false, and
	// nothing changed, if it is not. A value of nil takes it away.
	Swap(ctx context.Context, name string, was, value []byte) (swapped bool, err error)
	// Delete takes a value away. There may be none.
	Delete(ctx context.Context, name string) error
	// Names lists those that begin with prefix, in order of their bytes.
	Names(ctx context.Context, prefix string) ([]string, error)
}
