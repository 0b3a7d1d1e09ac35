package adapters_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/blobs/dirblob"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// shelf is an account with files; it counts who fetches.
type shelf struct {
	adapters.Adapter
	files   map[core.FileRef]string
	fetches int
	broken  error
}

func (s *shelf) Fetch(_ context.Context, f core.FileRef, limit int64) (io.ReadCloser, error) {
	s.fetches++
	content, ok := s.files[f]
	switch {
	case !ok:
		return nil, fault.New(fault.Permanent, "fetch", errors.New("gone"))
	case int64(len(content)) > limit:
		return nil, fault.New(fault.Permanent, "fetch", blobs.ErrTooLarge)
	case s.broken != nil:
		return io.NopCloser(io.MultiReader(strings.NewReader(content[:1]), failing{s.broken})), nil //nolint:nilerr // it breaks while it is read
	}
	return io.NopCloser(strings.NewReader(content)), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func newFiles(t *testing.T, s *shelf) *adapters.Files {
	t.Helper()
	store, err := dirblob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return adapters.NewFiles(adapters.FilesOptions{
		Store: store, Adapters: map[core.Account]adapters.Adapter{"a": s, "mute": struct{ adapters.Adapter }{}}, MaxSize: 10,
	})
}

func from(account core.Account, id string) core.Envelope {
	return core.Envelope{ID: core.EnvelopeID(id), In: core.Conversation{Account: account}}
}

func read(t *testing.T, f *adapters.TurnFiles, m core.Media) (string, error) {
	t.Helper()
	r, err := f.Open(t.Context(), m)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(r)
	return string(content), errors.Join(err, r.Close())
}

func TestFilesAreFetchedOnce(t *testing.T) {
	s := &shelf{files: map[core.FileRef]string{"f": "picture", "large": "eleven byte"}}
	files := newFiles(t, s)
	for _, turn := range []string{"one", "two"} {
		if got, err := read(t, files.For(from("a", turn)), core.Media{File: "f"}); got != "picture" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if s.fetches != 1 {
		t.Errorf("fetched %d times", s.fetches)
	}
	for name, test := range map[string]struct {
		account core.Account
		media   core.Media
	}{
		"gone": {"a", core.Media{File: "x"}}, "too large": {"a", core.Media{File: "large"}},
		"nowhere": {"a", core.Media{}}, "other account": {"mute", core.Media{File: "f"}},
		"no such blob": {"a", core.Media{Blob: core.NewBlobRef("x")}}, "foreign blob": {"a", core.Media{Blob: "../../f"}},
	} {
		if got, err := read(t, files.For(from(test.account, "one")), test.media); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A download that breaks off is no file, and is tried again.
func TestBrokenFetchKeepsNothing(t *testing.T) {
	s := &shelf{files: map[core.FileRef]string{"f": "picture"}, broken: fault.New(fault.Retryable, "fetch", io.ErrUnexpectedEOF)}
	files := newFiles(t, s)
	if got, err := read(t, files.For(from("a", "one")), core.Media{File: "f"}); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("%q, %v", got, err)
	}
	s.broken = nil
	if got, err := read(t, files.For(from("a", "one")), core.Media{File: "f"}); got != "picture" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestKeptFiles(t *testing.T) {
	files := newFiles(t, &shelf{})
	keep := func(f *adapters.TurnFiles, content string) core.Media {
		t.Helper()
		m, err := f.Keep(t.Context(), core.Media{Kind: core.Image, Name: "n.png"}, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind != core.Image || m.Name != "n.png" || m.Blob == "" || m.Size != int64(len(content)) {
			t.Errorf("%+v", m)
		}
		return m
	}
	turn := files.For(from("a", "one"))
	first, second := keep(turn, "first"), keep(turn, "second")
	again := keep(files.For(from("a", "one")), "again")
	other := keep(files.For(from("a", "two")), "other")
	if first.Blob != again.Blob || first.Blob == second.Blob || first.Blob == other.Blob {
		t.Errorf("names %q, %q, again %q, other %q", first.Blob, second.Blob, again.Blob, other.Blob)
	}
	if got, err := read(t, turn, second); got != "second" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := turn.Keep(t.Context(), core.Media{}, strings.NewReader("eleven byte")); !errors.Is(err, blobs.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}
