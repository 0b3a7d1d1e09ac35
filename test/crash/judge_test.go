package crash

import (
	"slices"
	"testing"
)

// retold is a platform that tells some words once more.
type retold struct {
	platform
	again map[string]bool
}

func (r retold) retold(int) map[string]bool { return r.again }

// TestTold: what was told once more is judged by when it was told, and nothing else is.
func TestTold(t *testing.T) {
	said := []string{"a", "b", "c", "d", "e"}
	answers := []string{"a after nothing", "c after a", "d after c", "b after d", "e after b"}
	c := newCrowd(t, "test", retold{again: map[string]bool{"b": true}}, 0, 1, 1)
	if got, want := c.told(0, said, answers), []string{"a", "c", "d", "b", "e"}; !slices.Equal(got, want) || c.late != 1 {
		t.Errorf("%q, %d late", got, c.late)
	}
	c = newCrowd(t, "test", retold{again: map[string]bool{"e": true}}, 0, 1, 1)
	if got := c.told(0, said, answers); !slices.Equal(got, said) || c.late != 0 {
		t.Errorf("%q, %d late", got, c.late)
	}
	if v := judge(t, "somebody", "", said, answers); v.reordered != 1 || v.wrongContext != 3 {
		t.Errorf("%+v", v)
	}
}
