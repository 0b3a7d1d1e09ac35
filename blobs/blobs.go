// Package blobs is the port for the bytes of files: pictures, voice notes, documents.
//
// A Store keeps bytes under names that the hub derives itself (core.NewBlobRef), so
// that doing the same again writes the same blob once more and not another one. Bytes
// go in and out as they are, never re-encoded, and always as a stream.
//
// Blobs are a store for what is on its way and a while longer; what is older than the
// hub wants to keep is dropped with Sweep.
package blobs

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// The reasons inside the faults of a Store.
var (
	// ErrNotFound means that there is no such blob (any more).
	ErrNotFound = errors.New("no such file")
	// ErrTooLarge means that more came than was allowed.
	ErrTooLarge = errors.New("the file is larger than it may be")
	// ErrName means that a name was not made by core.NewBlobRef.
	ErrName = errors.New("not the name of a file of this hub")
)

// Info is what is known of a blob.
type Info struct {
	// Size is in bytes.
	Size int64
	// At is when it was last put.
	At time.Time
}

// Opener reads blobs.
type Opener interface {
	// Open reads a blob. The reader lives no longer than ctx; the caller closes it.
	Open(ctx context.Context, ref core.BlobRef) (io.ReadCloser, Info, error)
}

// Store keeps blobs. It is safe for concurrent use. Its errors are faults: a missing
// blob, a foreign name and too many bytes are Permanent, trouble with the disk or the
// network is Retryable, a store that refuses its credentials NeedsHuman.
type Store interface {
	// Put stores what r gives under ref, in place of what was there; on nil it is
	// durable. More than limit bytes, or an error of r, store nothing and leave what
	// was there. An error of r that is a fault is given back as it is.
	Put(ctx context.Context, ref core.BlobRef, r io.Reader, limit int64) (Info, error)
	Opener
	// Stat tells whether a blob is there, without reading it.
	Stat(ctx context.Context, ref core.BlobRef) (Info, error)
	// Delete takes a blob away. Deleting what is not there is a success.
	Delete(ctx context.Context, ref core.BlobRef) error
	// Sweep deletes the blobs that were last put before the given time, and tells how
	// many it deleted.
	Sweep(ctx context.Context, before time.Time) (int, error)
}

// Check is nil for a name made by core.NewBlobRef. Engines use names as paths, so
// nothing else may come through.
func Check(ref core.BlobRef) error {
	ok := len(ref) >= 16 && len(ref) <= 64
	for _, c := range []byte(ref) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9')
	}
	if !ok {
		return fault.New(fault.Permanent, "blob", ErrName)
	}
	return nil
}

// Limit reads at most limit bytes from r; more is a Permanent fault with ErrTooLarge,
// where a plain io.LimitReader would cut the file in silence.
func Limit(r io.Reader, limit int64) io.Reader { return &limited{r: r, left: limit} }

type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		return int(l.left), fault.New(fault.Permanent, "read file", ErrTooLarge)
	}
	l.left -= int64(n)
	return n, err
}
