package blobs_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNames(t *testing.T) {
	ref := core.NewBlobRef("owner", "name")
	if err := blobs.Check(ref); err != nil {
		t.Errorf("%q: %v", ref, err)
	}
	if ref == core.NewBlobRef("owne", "rname") || ref != core.NewBlobRef("owner", "name") {
		t.Error("names do not follow from what they are made of")
	}
	for _, bad := range []core.BlobRef{"", "short", "../../../../etc/passwd", "aaaaaaaaaaaaaaaa/aaaa", "AAAAAAAAAAAAAAAAAAAA", core.BlobRef(strings.Repeat("a", 65))} {
		if err := blobs.Check(bad); !errors.Is(err, blobs.ErrName) || fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestLimit(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit int64
		want  string
		err   error
	}{
		{"", 0, "", nil}, {"abc", 3, "abc", nil}, {"abc", 4, "abc", nil},
		{"abc", 2, "ab", blobs.ErrTooLarge}, {"abc", 0, "", blobs.ErrTooLarge},
	} {
		for _, r := range []io.Reader{strings.NewReader(test.text), iotest.OneByteReader(strings.NewReader(test.text))} {
			got, err := io.ReadAll(blobs.Limit(r, test.limit))
			if string(got) != test.want || !errors.Is(err, test.err) {
				t.Errorf("%q within %d: %q, %v", test.text, test.limit, got, err)
			}
		}
	}
}
