package skilltest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// Files are skills.Files in memory.
type Files struct {
	// Sent are the files of the envelope.
	Sent map[core.FileRef][]byte
	// Kept are those that the skill kept, in order.
	Kept [][]byte
	// Err is what Open fails with; nil for not at all.
	Err error
}

var (
	_ skills.Files = (*Files)(nil)

	errGone = errors.New("the file is gone")
)

// Open implements skills.Files.
func (f *Files) Open(_ context.Context, m core.Media) (io.ReadCloser, error) {
	data, ok := f.Sent[m.File]
	switch {
	case f.Err != nil:
		return nil, f.Err
	case !ok:
		return nil, fault.New(fault.Permanent, "open file", errGone)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Keep implements skills.Files.
func (f *Files) Keep(_ context.Context, m core.Media, r io.Reader) (core.Media, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return core.Media{}, err
	}
	m.Blob, m.Size = core.NewBlobRef("turn", strconv.Itoa(len(f.Kept))), int64(len(data))
	f.Kept = append(f.Kept, data)
	return m, nil
}
