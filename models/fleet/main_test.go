package fleet_test

import (
	"context"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heard is one thing that a source told.
type heard struct {
	set []fleet.Address
	err error
}

// listener follows a source.
type listener struct {
	t    *testing.T
	told chan heard
}

func follow(t *testing.T, s fleet.Source) *listener {
	t.Helper()
	l := &listener{t: t, told: make(chan heard)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for set, err := range s.Watch(ctx) {
			select {
			case l.told <- heard{set, err}:
			case <-ctx.Done():
				return
			}
		}
		close(l.told)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return l
}

// next is what the source tells next.
func (l *listener) next(class fault.Class, want ...string) []fleet.Address {
	l.t.Helper()
	h, ok := <-l.told
	if !ok {
		l.t.Fatal("it ended")
	}
	if got := names(h.set); !slices.Equal(got, want) || fault.ClassOf(h.err) != class {
		l.t.Fatalf("told %q, %v; want %q, %v", got, h.err, want, class)
	}
	return h.set
}

// names of addresses end with "!" where they are draining.
func names(set []fleet.Address) []string {
	var out []string
	for _, a := range set {
		name := a.HostPort
		if a.Draining {
			name += "!"
		}
		out = append(out, name)
	}
	return out
}
