package session_test

import (
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
