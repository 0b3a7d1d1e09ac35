package adaptertest

import (
	"context"
	"io"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
)

// Shelf is a store that has one file under every name: as many x as it is large. Reading
// it fails with Err, where there is one.
type Shelf struct {
	Size int64
	Err  error
}

// Open implements blobs.Opener.
func (s Shelf) Open(context.Context, core.BlobRef) (io.ReadCloser, blobs.Info, error) {
	return io.NopCloser(io.LimitReader(xs{s.Err}, s.Size)), blobs.Info{Size: s.Size}, nil
}

type xs struct{ err error }

func (x xs) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), x.err
}
