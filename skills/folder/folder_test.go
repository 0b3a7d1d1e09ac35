package folder_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/skills/folder"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a folder whose skills are text files: "bad" ones are refused.
type shelf struct {
	*folder.Watch
	t     *testing.T
	log   bytes.Buffer
	has   map[string]string
	story []string
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{t: t, has: map[string]string{}}
	s.Watch = &folder.Watch{
		Dir: t.TempDir(), Every: time.Second, Log: zerolog.New(&s.log),
		Stamp: func(path string) (string, bool) {
			data, err := os.ReadFile(path)
			return string(data), err == nil
		},
		Take: func(_ context.Context, name string) error {
			data, err := os.ReadFile(filepath.Join(s.Dir, name))
			if err != nil {
				return err
			}
			if string(data) == "bad" {
				return errors.New("it is bad")
			}
			s.has[name] = string(data)
			s.story = append(s.story, "took "+name)
			return nil
		},
		Refused: func(name string) { s.story = append(s.story, "refused "+name) },
		Has:     func(name string) bool { return s.has[name] != "" },
		Drop: func(name string) {
			delete(s.has, name)
			s.story = append(s.story, "dropped "+name)
		},
	}
	return s
}

func (s *shelf) put(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// looks once, and tells what happened.
func (s *shelf) looks(want ...string) {
	s.t.Helper()
	s.Look(s.t.Context())
	if diff := cmp.Diff(want, s.story); diff != "" {
		s.t.Error(diff)
	}
	s.story = nil
}

func TestLooks(t *testing.T) {
	s := newShelf(t)
	s.put("b", "1")
	s.put("a", "bad")
	s.put(".c", "1")
	s.put("b.sig", "signature")
	if refused := s.Load(t.Context()); len(refused) != 1 || refused[0].Error() != filepath.Join(s.Dir, "a")+": it is bad" {
		t.Errorf("refused: %v", refused)
	}
	if want := []string{"refused a", "took b"}; !slices.Equal(s.story, want) {
		t.Errorf("%q, want %q", s.story, want)
	}
	s.story = nil
	s.looks()
	s.put("b", "2") // half written
	s.looks()
	s.put("b", "3")
	s.looks()
	s.looks("took b")
	s.put("b", "bad")
	s.looks()
	s.looks("refused b")
	s.looks()
	if s.has["b"] != "3" || !strings.Contains(s.log.String(), "the old one goes on") {
		t.Errorf("the old one is %q\n%s", s.has["b"], &s.log)
	}
	if err := os.Chtimes(filepath.Join(s.Dir, "b.sig"), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.looks()
	s.looks("refused b") // it is signed anew
}

// Between an old version and a new one there may be none.
func TestGone(t *testing.T) {
	s := newShelf(t)
	s.put("a", "1")
	s.put("b", "1")
	s.put("c", "bad")
	s.Load(t.Context())
	s.story = nil
	for _, name := range []string{"a", "b", "c"} {
		if err := os.Remove(filepath.Join(s.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.looks()
	s.put("b", "2")
	s.looks("dropped a") // c never was there
	s.looks("took b")
	s.put("a", "1")
	s.put("c", "bad")
	s.looks()
	s.looks("took a", "refused c")
	// One that cannot be read leaves all as it is; one that is not there has none.
	dir := s.Dir
	s.Dir = filepath.Join(dir, "a")
	s.looks()
	s.looks()
	if !strings.Contains(s.log.String(), "cannot be read") {
		t.Errorf("log: %s", &s.log)
	}
	s.Dir = filepath.Join(dir, "none")
	s.looks()
	s.looks("dropped a", "dropped b")
}

// What was not looked at to its end is looked at again.
func TestEnds(t *testing.T) {
	s := newShelf(t)
	s.put("a", "1")
	take := s.Take
	ctx, cancel := context.WithCancel(t.Context())
	s.Take = func(ctx context.Context, _ string) error {
		cancel()
		return ctx.Err()
	}
	if refused := s.Load(ctx); len(refused) != 1 || !errors.Is(refused[0], context.Canceled) || len(s.story) != 0 {
		t.Errorf("%v, %q", refused, s.story)
	}
	s.Take = take
	s.looks("took a")
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t)
		s.put("a", "1")
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		if want := []string{"took a"}; !slices.Equal(s.story, want) {
			t.Errorf("%q, want %q", s.story, want)
		}
	})
}
