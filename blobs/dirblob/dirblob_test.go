package dirblob_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/blobs/blobtest"
	"github.com/parley-hub/parley/blobs/dirblob"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *dirblob.Store {
	t.Helper()
	s, err := dirblob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobs.Store { return open(t, filepath.Join(t.TempDir(), "media")) })
}

func TestStaysOnDiskForItsUserOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "media")
	ref := core.NewBlobRef("test")
	if _, err := open(t, dir).Put(t.Context(), ref, strings.NewReader("bytes"), 5); err != nil {
		t.Fatal(err)
	}
	if info, err := open(t, dir).Stat(t.Context(), ref); err != nil || info.Size != 5 {
		t.Errorf("%+v, %v", info, err)
	}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestUnfinishedFilesAreSwept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "aa"), 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "aa", "put-left-behind")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("%d blobs swept, %v; there was none", n, err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a crash left is still there: %v", err)
	}
}

func TestDirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dirblob.Open(file); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("%v", err)
	}
}
