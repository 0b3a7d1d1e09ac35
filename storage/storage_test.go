package storage_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCheck(t *testing.T) {
	space := storage.Space{Skill: "notes"}
	for name, c := range map[string]struct {
		space storage.Space
		name  string
		value []byte
		want  error
	}{
		"fine":       {space, strings.Repeat("n", storage.MaxName), make([]byte, storage.MaxValue), nil},
		"no skill":   {storage.Space{}, "n", nil, storage.ErrSpace},
		"no name":    {space, "", nil, storage.ErrName},
		"long name":  {space, strings.Repeat("n", storage.MaxName+1), nil, storage.ErrName},
		"no UTF-8":   {space, "\xff", nil, storage.ErrName},
		"long value": {space, "n", make([]byte, storage.MaxValue+1), storage.ErrValue},
	} {
		if err := storage.Check(c.space, c.name, c.value); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := storage.Full(space); fault.ClassOf(err) != fault.Permanent || !errors.Is(err, storage.ErrFull) {
		t.Errorf("%v", err)
	}
}
