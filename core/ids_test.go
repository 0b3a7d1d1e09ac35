package core_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core"
)

// Gluing names together must never make two things one.
func TestEnvelopeIDsTellEverythingApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"", "a", "b", "ab", "a.b", "\x00", "1", "11"})
		draw := func(name string) [4]string {
			return [4]string{word.Draw(t, name), word.Draw(t, name), word.Draw(t, name), word.Draw(t, name)}
		}
		id := func(p [4]string) core.EnvelopeID {
			return core.NewEnvelopeID(core.Account(p[0]), core.Kind(p[1]), p[2], p[3])
		}
		a, b := draw("a"), draw("b")
		if (a == b) != (id(a) == id(b)) {
			t.Fatalf("%q and %q: %s, %s", a, b, id(a), id(b))
		}
	})
	if core.NewEnvelopeID("a", "k", "x") == core.NewEnvelopeID("a", "k", "x", "") {
		t.Error("a missing word and an empty one are the same id")
	}
}

func TestReplyIDKnowsItsEnvelope(t *testing.T) {
	e := core.NewEnvelopeID("a", core.KindMessage, "1")
	for _, i := range []int{-1, 0, 1, 12} {
		if got := core.ReplyTo(e, i).Envelope(); got != e {
			t.Errorf("reply %d: %q", i, got)
		}
	}
	for _, other := range []core.ReplyID{"", "x", "x.", "x.y"} {
		if got := other.Envelope(); got != "" {
			t.Errorf("%q belongs to %q", other, got)
		}
	}
}

func TestPersonsAreApartByRealm(t *testing.T) {
	if here, there := core.PersonOf("a", "1"), core.PersonOf("b", "1"); here == there || here != core.PersonOf("a", "1") {
		t.Error("a person is a realm and an id")
	}
}

func TestEstimateTokens(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abcd": 1, "abcde": 2, "日本": 2, "é1": 2} {
		if got := core.EstimateTokens(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
