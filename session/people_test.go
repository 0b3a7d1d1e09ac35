package session_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

func TestLabel(t *testing.T) {
	for want, i := range map[string]session.Identity{
		"Ann B (@ann) – home":             {Who: core.Sender{Realm: "r", ID: "1", Name: "Ann\n B", Handle: "@ann"}, Home: core.Conversation{Account: "home"}},
		"ann – r":                         {Who: core.Sender{Realm: "r", ID: "1", Name: "ann", Handle: "ann"}},
		"(@ann) – r":                      {Who: core.Sender{Realm: "r", ID: "1", Handle: "ann"}},
		"1 – r":                           {Who: core.Sender{Realm: "r", ID: "1"}},
		strings.Repeat("ä", 39) + "… – r": {Who: core.Sender{Realm: "r", ID: "1", Name: strings.Repeat("ä", 400)}},
	} {
		if got := i.Label(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReachOf(t *testing.T) {
	at := func(base core.PersonID, account core.Account) session.Address {
		return session.Address{Base: base, In: core.Conversation{Account: account}}
	}
	all := []session.Address{at("one", "first"), at("one", "second"), at("two", "first")}
	for name, c := range map[string]struct {
		r    session.Reach
		want []session.Address
	}{
		"no wish":     {session.Reach{}, all[:1]},
		"last":        {session.Reach{Mode: session.ReachLast}, all[:1]},
		"all":         {session.Reach{Mode: session.ReachAll}, []session.Address{all[0], all[2]}},
		"one":         {session.Reach{Mode: session.ReachOne, Base: "two"}, all[2:]},
		"one of gone": {session.Reach{Mode: session.ReachOne, Base: "gone"}, all[:1]},
	} {
		if got := c.r.Of(all); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := (session.Reach{Mode: session.ReachAll}).Of(nil); got != nil {
		t.Errorf("nowhere: %v", got)
	}
}
