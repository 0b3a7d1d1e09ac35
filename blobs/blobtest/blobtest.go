// Package blobtest proves that a blob store keeps the contract of package blobs.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// limit is more than any file of the suite that may be stored.
const limit = 32 << 20

// Run proves the contract for the stores that open makes, each fresh and empty. They
// end with their test.
func Run(t *testing.T, open func(t *testing.T) blobs.Store) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, blobs.Store)
	}{
		{"BytesComeBack", bytesComeBack},
		{"PutReplaces", putReplaces},
		{"Missing", missing},
		{"ForeignNames", foreignNames},
		{"TooLarge", tooLarge},
		{"FailingReader", failingReader},
		{"CancelledPut", cancelledPut},
		{"Delete", deletes},
		{"Sweep", sweeps},
		{"ManyAtOnce", manyAtOnce},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func put(t *testing.T, s blobs.Store, ref core.BlobRef, content string) blobs.Info {
	t.Helper()
	info, err := s.Put(t.Context(), ref, strings.NewReader(content), limit)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// holds compares a blob with what should be there.
func holds(t *testing.T, s blobs.Store, ref core.BlobRef, want string) {
	t.Helper()
	r, info, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Errorf("read: %v", err)
	}
	if sha256.Sum256(got) != sha256.Sum256([]byte(want)) {
		t.Errorf("%d bytes came back, not the %d that were put", len(got), len(want))
	}
	stat, err := s.Stat(t.Context(), ref)
	if err != nil || stat.Size != int64(len(want)) || info.Size != stat.Size || stat.At.IsZero() {
		t.Errorf("stat %+v (%v), open %+v, want %d bytes", stat, err, info, len(want))
	}
}

func absent(t *testing.T, s blobs.Store, ref core.BlobRef) {
	t.Helper()
	if _, err := s.Stat(t.Context(), ref); !errors.Is(err, blobs.ErrNotFound) || fault.ClassOf(err) != fault.Permanent {
		t.Errorf("stat: %v, want a permanent ErrNotFound", err)
	}
	r, _, err := s.Open(t.Context(), ref)
	if err == nil {
		// A store may find out on the first read.
		_, err = r.Read(make([]byte, 1))
		_ = r.Close()
	}
	if !errors.Is(err, blobs.ErrNotFound) || fault.ClassOf(err) != fault.Permanent {
		t.Errorf("open: %v, want a permanent ErrNotFound", err)
	}
}

func bytesComeBack(t *testing.T, s blobs.Store) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 4096, 5<<20 + 1, 17 << 20} {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(rng.Uint32())
		}
		ref := core.NewBlobRef("size", strconv.Itoa(size))
		if info := put(t, s, ref, string(content)); info.Size != int64(size) || info.At.IsZero() {
			t.Errorf("%d bytes: %+v", size, info)
		}
		holds(t, s, ref, string(content))
	}
}

func putReplaces(t *testing.T, s blobs.Store) {
	ref := core.NewBlobRef("blob")
	put(t, s, ref, "a long first content")
	put(t, s, ref, "second")
	holds(t, s, ref, "second")
}

func missing(t *testing.T, s blobs.Store) { absent(t, s, core.NewBlobRef("missing")) }

func foreignNames(t *testing.T, s blobs.Store) {
	for _, ref := range []core.BlobRef{"", "..", "../../../../../../tmp/x", "/etc/passwd-of-this-host", "aaaaaaaaaaaaaaaaaaaa\x00"} {
		_, putErr := s.Put(t.Context(), ref, strings.NewReader("x"), limit)
		_, _, openErr := s.Open(t.Context(), ref)
		_, statErr := s.Stat(t.Context(), ref)
		for _, err := range []error{putErr, openErr, statErr, s.Delete(t.Context(), ref)} {
			if !errors.Is(err, blobs.ErrName) || fault.ClassOf(err) != fault.Permanent {
				t.Errorf("%q: %v, want a permanent ErrName", ref, err)
			}
		}
	}
}

func tooLarge(t *testing.T, s blobs.Store) {
	ref, fresh := core.NewBlobRef("kept"), core.NewBlobRef("fresh")
	put(t, s, ref, "before")
	for _, size := range []int{8, 6 << 20} {
		for _, r := range []core.BlobRef{ref, fresh} {
			_, err := s.Put(t.Context(), r, bytes.NewReader(make([]byte, size)), int64(size-1))
			if !errors.Is(err, blobs.ErrTooLarge) || fault.ClassOf(err) != fault.Permanent {
				t.Errorf("%d bytes: %v, want a permanent ErrTooLarge", size, err)
			}
		}
	}
	holds(t, s, ref, "before")
	absent(t, s, fresh)
}

var errReader = errors.New("the source broke")

func failingReader(t *testing.T, s blobs.Store) {
	ref := core.NewBlobRef("broken")
	for _, cause := range []error{errReader, fault.New(fault.RateLimited, "fetch", errReader, fault.WithWait(time.Minute))} {
		_, err := s.Put(t.Context(), ref, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(cause)), limit)
		if !errors.Is(err, errReader) {
			t.Errorf("%v, want the reader's own error", err)
		}
		if class := fault.ClassOf(cause); errors.As(cause, new(*fault.Error)) && fault.ClassOf(err) != class {
			t.Errorf("class %v, want the reader's %v", fault.ClassOf(err), class)
		}
	}
	absent(t, s, ref)
}

func cancelledPut(t *testing.T, s blobs.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ref := core.NewBlobRef("cancelled")
	if _, err := s.Put(ctx, ref, strings.NewReader("bytes"), limit); err == nil {
		t.Error("stored although the caller had gone")
	}
	absent(t, s, ref)
}

func deletes(t *testing.T, s blobs.Store) {
	ref, other := core.NewBlobRef("one"), core.NewBlobRef("two")
	put(t, s, ref, "one")
	put(t, s, other, "two")
	for range 2 {
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Error(err)
		}
	}
	absent(t, s, ref)
	holds(t, s, other, "two")
}

func sweeps(t *testing.T, s blobs.Store) {
	one, two := core.NewBlobRef("one"), core.NewBlobRef("two")
	oldest := put(t, s, one, "one").At
	put(t, s, two, "two")
	if n, err := s.Sweep(t.Context(), oldest.Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("%d swept, %v; all were young", n, err)
	}
	holds(t, s, one, "one")
	if n, err := s.Sweep(t.Context(), oldest.Add(time.Hour)); n != 2 || err != nil {
		t.Errorf("%d swept, %v; both were old", n, err)
	}
	absent(t, s, one)
	absent(t, s, two)
}

// manyAtOnce: who reads while others write the same blob sees one content, whole.
func manyAtOnce(t *testing.T, s blobs.Store) {
	ref := core.NewBlobRef("shared")
	contents := map[string]bool{}
	for _, c := range "abcd" {
		contents[strings.Repeat(string(c), 100_000)] = true
	}
	put(t, s, ref, strings.Repeat("a", 100_000))
	var wg sync.WaitGroup
	for content := range contents {
		wg.Go(func() {
			for range 5 {
				if _, err := s.Put(t.Context(), ref, strings.NewReader(content), limit); err != nil {
					t.Errorf("put: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				r, _, err := s.Open(t.Context(), ref)
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				got, err := io.ReadAll(r)
				if err = errors.Join(err, r.Close()); err != nil || !contents[string(got)] {
					t.Errorf("read %d bytes that nobody put, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}
