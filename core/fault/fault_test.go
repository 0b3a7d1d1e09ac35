package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

func TestClassOf(t *testing.T) {
	limited := fault.New(fault.RateLimited, "send", errors.New("429"), fault.WithWait(time.Second), fault.WithScope(fault.ScopeChat))
	for name, c := range map[string]struct {
		err  error
		want fault.Class
	}{
		"nil":          {nil, 0},
		"unclassified": {errors.New("x"), fault.Bug},
		"cancelled":    {fmt.Errorf("x: %w", context.Canceled), fault.Retryable},
		"expired":      {context.DeadlineExceeded, fault.Retryable},
		"wrapped":      {fmt.Errorf("outer: %w", limited), fault.RateLimited},
		"outermost":    {fault.New(fault.Permanent, "turn", limited), fault.Permanent},
	} {
		if got := fault.ClassOf(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if fault.Wait(limited) != time.Second || fault.ScopeOf(limited) != fault.ScopeChat {
		t.Error("wait or scope lost")
	}
}

func TestInnerWordsAreFound(t *testing.T) {
	inner := fault.New(fault.Retryable, "worker", errors.New("refused"), fault.WithPublic("busy"), fault.WithRef("ab12"), fault.Unsure())
	outer := fault.New(fault.Permanent, "turn", fmt.Errorf("x: %w", inner))
	if fault.Public(outer) != "busy" || fault.Ref(outer) != "ab12" || !fault.IsUnsure(outer) {
		t.Errorf("%q %q %v", fault.Public(outer), fault.Ref(outer), fault.IsUnsure(outer))
	}
	if outer.Error() != "turn: x: worker: refused" {
		t.Error(outer.Error())
	}
	if !errors.Is(outer, inner) {
		t.Error("the chain is broken")
	}
}

func TestRefsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		ref := fault.NewRef()
		if len(ref) != 8 || seen[ref] {
			t.Fatalf("ref %q", ref)
		}
		seen[ref] = true
	}
}
