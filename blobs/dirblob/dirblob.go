// Package dirblob keeps blobs as files of one directory: the embedded default.
package dirblob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// unfinished begins the names of files that are being written. One that stays behind
// after a crash is swept.
const unfinished = "put-"

// Store is a directory of blobs. Make it with Open.
type Store struct{ root *os.Root }

var _ blobs.Store = (*Store)(nil)

// Open opens the directory, and makes it where it is missing; only this user can read
// it. A directory that cannot be used is a NeedsHuman fault.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.NeedsHuman, "open the files' directory", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "open the files' directory", err)
	}
	return &Store{root: root}, nil
}

// Close gives the directory back.
func (s *Store) Close() error { return s.root.Close() }

// path spreads the blobs over folders, so that none grows too long to list.
func path(ref core.BlobRef) string { return filepath.Join(string(ref[:2]), string(ref)) }

// Put implements blobs.Store: the bytes are written beside the blob, synced, and then
// take its name.
func (s *Store) Put(ctx context.Context, ref core.BlobRef, r io.Reader, limit int64) (blobs.Info, error) {
	if err := blobs.Check(ref); err != nil {
		return blobs.Info{}, err
	}
	if err := s.root.Mkdir(string(ref[:2]), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return blobs.Info{}, failed("store file", err)
	}
	// Each its own: two who put the same blob at once must not share a file.
	temporary := filepath.Join(string(ref[:2]), unfinished+string(core.NewTraceID())+"-"+string(ref))
	info, err := s.write(ctx, temporary, r, limit)
	if err == nil {
		if err = s.root.Rename(temporary, path(ref)); err == nil {
			err = s.sync(string(ref[:2]))
		}
		err = failed("store file", err)
	}
	if err != nil {
		_ = s.root.Remove(temporary) // it may have its name already
		return blobs.Info{}, err
	}
	return info, nil
}

func (s *Store) write(ctx context.Context, name string, r io.Reader, limit int64) (info blobs.Info, err error) {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return info, failed("store file", err)
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = failed("store file", closed)
		}
	}()
	if info.Size, err = io.Copy(f, blobs.Limit(&cancelled{ctx, r}, limit)); err != nil {
		return info, failed("store file", err)
	}
	if err := f.Sync(); err != nil {
		return info, failed("store file", err)
	}
	stat, err := f.Stat()
	if err != nil {
		return info, failed("store file", err)
	}
	info.At = stat.ModTime()
	return info, nil
}

// sync makes a name durable.
func (s *Store) sync(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// cancelled is a reader that ends with its context.
type cancelled struct {
	ctx context.Context //nolint:containedctx // lives as long as the call
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Open implements blobs.Store.
func (s *Store) Open(ctx context.Context, ref core.BlobRef) (io.ReadCloser, blobs.Info, error) {
	if err := blobs.Check(ref); err != nil {
		return nil, blobs.Info{}, err
	}
	f, err := s.root.Open(path(ref))
	if err != nil {
		return nil, blobs.Info{}, failed("open file", err)
	}
	stat, err := f.Stat()
	if err != nil {
		return nil, blobs.Info{}, failed("open file", errors.Join(err, f.Close()))
	}
	return &file{cancelled{ctx, f}, f}, blobs.Info{Size: stat.Size(), At: stat.ModTime()}, nil
}

// file is a blob that is being read.
type file struct {
	cancelled
	io.Closer
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.cancelled.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = failed("read file", err)
	}
	return n, err
}

// Stat implements blobs.Store.
func (s *Store) Stat(_ context.Context, ref core.BlobRef) (blobs.Info, error) {
	if err := blobs.Check(ref); err != nil {
		return blobs.Info{}, err
	}
	stat, err := s.root.Stat(path(ref))
	if err != nil {
		return blobs.Info{}, failed("look for file", err)
	}
	return blobs.Info{Size: stat.Size(), At: stat.ModTime()}, nil
}

// Delete implements blobs.Store.
func (s *Store) Delete(_ context.Context, ref core.BlobRef) error {
	if err := blobs.Check(ref); err != nil {
		return err
	}
	if err := s.root.Remove(path(ref)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed("delete file", err)
	}
	return nil
}

// Sweep implements blobs.Store. Files that were never finished go with the others.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	swept := 0
	err := fs.WalkDir(s.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.ModTime().Before(before) {
			return ctx.Err() // somebody else took it away, or it is young
		}
		if err == nil {
			err = s.root.Remove(name)
		}
		if err == nil && !strings.HasPrefix(filepath.Base(name), unfinished) {
			swept++
		}
		return errors.Join(err, ctx.Err())
	})
	return swept, failed("sweep files", err)
}

// failed classifies an error; one that is a fault already stays as it is.
func failed(op string, err error) error {
	switch {
	case err == nil || errors.As(err, new(*fault.Error)):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Permanent, op, blobs.ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.NeedsHuman, op, err)
	default:
		return fault.New(fault.Retryable, op, err)
	}
}
