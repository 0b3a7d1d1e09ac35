package adapters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// FilesOptions are what Files is made from. All are required.
type FilesOptions struct {
	Store    blobs.Store
	Adapters map[core.Account]Adapter
	// MaxSize bounds a file in bytes.
	MaxSize int64
}

// Files moves media through the hub: from the platform that has them into the blob
// store, and from there to whoever asks. Nothing is fetched before somebody asks.
type Files struct{ o FilesOptions }

// NewFiles makes Files.
func NewFiles(o FilesOptions) *Files { return &Files{o} }

// slowLine is how many bytes a second a file is given time for.
const slowLine = 256 << 10

// FileTime is how long a file of so many bytes may be on its way, besides the time that
// any call has.
func FileTime(size int64) time.Duration {
	return time.Duration(max(size, 0)) * time.Second / slowLine
}

// For gives the files as one turn sees them: what its envelope brought, and what it
// keeps itself.
func (f *Files) For(e core.Envelope) *TurnFiles {
	return &TurnFiles{files: f, account: e.In.Account, turn: e.ID}
}

// TurnFiles are the files of one turn. It is used by one goroutine at a time.
type TurnFiles struct {
	files   *Files
	account core.Account
	turn    core.EnvelopeID
	kept    int
}

// errNoFile is in the fault for a media that says nowhere where its bytes are.
var errNoFile = errors.New("the media has no file")

// BlobOf names what the hub has of an account's media, once it was asked for.
func BlobOf(account core.Account, m core.Media) core.BlobRef {
	if m.Blob != "" || m.File == "" {
		return m.Blob
	}
	return core.NewBlobRef("account", string(account), string(m.File))
}

// Open reads a media of the turn's account. The bytes come from the blob store; the
// first time they are fetched from the platform into it. A file that is gone or larger
// than the hub takes is a Permanent fault.
func (t *TurnFiles) Open(ctx context.Context, m core.Media) (io.ReadCloser, error) {
	ref := BlobOf(t.account, m)
	if m.Blob == "" {
		if m.File == "" {
			return nil, fault.New(fault.Permanent, "open file", errNoFile)
		}
		if err := t.files.fetch(ctx, t.account, m.File, ref); err != nil {
			return nil, err
		}
	}
	r, _, err := t.files.o.Store.Open(ctx, ref)
	return r, err
}

// fetch makes sure that a platform's file is in the store.
func (f *Files) fetch(ctx context.Context, account core.Account, file core.FileRef, ref core.BlobRef) error {
	_, err := f.o.Store.Stat(ctx, ref)
	if !errors.Is(err, blobs.ErrNotFound) {
		return err
	}
	fetcher, ok := f.o.Adapters[account].(Fetcher)
	if !ok {
		return fault.New(fault.Permanent, "fetch", fmt.Errorf("account %q gives no files", account))
	}
	r, err := fetcher.Fetch(ctx, file, f.o.MaxSize)
	if err != nil {
		return err
	}
	_, err = f.o.Store.Put(ctx, ref, r, f.o.MaxSize)
	return errors.Join(err, r.Close())
}

// Keep stores what r gives, to be sent with a reply of this turn: it gives the media
// back with its Blob and Size. When the turn is run again, its first file takes the
// place of its first file, and so on.
func (t *TurnFiles) Keep(ctx context.Context, m core.Media, r io.Reader) (core.Media, error) {
	ref := core.NewBlobRef("turn", string(t.turn), strconv.Itoa(t.kept))
	info, err := t.files.o.Store.Put(ctx, ref, r, t.files.o.MaxSize)
	if err != nil {
		return core.Media{}, err
	}
	t.kept++
	m.File, m.Blob, m.Size = "", ref, info.Size
	return m, nil
}
