package session_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

var (
	here  = core.Conversation{Account: "a", Place: core.Private, Chat: "1"}
	there = core.Conversation{Account: "b", Place: core.Private, Chat: "9"}
	crowd = core.Conversation{Account: "a", Place: core.Group, Chat: "-1"}
	ann   = core.Sender{Realm: "r", ID: "1"}
	bert  = core.Sender{Realm: "r", ID: "2"}
)

func question(skill string) session.Asked {
	return session.Asked{Skill: skill, Turn: "t", State: json.RawMessage(`{"n":1}`), Until: at(30)}
}

// again is a session as the next turn loads it.
func again(t *testing.T, s *session.Session, fields map[string][]byte) (*session.Session, map[string][]byte) {
	t.Helper()
	fields, _ = apply(fields, nil, s.Changes())
	return load(t, fields, nil), fields
}

func TestAskedIsRemembered(t *testing.T) {
	s, fields := again(t, load(t, nil, nil), nil)
	if _, ok := s.Asked(here, ann); ok {
		t.Error("a question that nobody asked")
	}
	s.Ask(here, ann, question("poll"))
	s, fields = again(t, s, fields)
	got, ok := s.Asked(there, bert) // one person's, whatever the account
	if diff := cmp.Diff(question("poll"), got); diff != "" || !ok {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
	if !got.Waits(at(30)) || got.Waits(at(30).Add(time.Nanosecond)) || !got.Waits(time.Time{}) {
		t.Error("it waits for another time")
	}
	s.Ask(here, ann, question("notes"))
	s, fields = again(t, s, fields)
	if got, _ := s.Asked(here, ann); got.Skill != "notes" {
		t.Errorf("the question of %s waits", got.Skill)
	}
	s.Unask(there, bert)
	s.Unask(there, bert)
	s, fields = again(t, s, fields)
	if _, ok := s.Asked(here, ann); ok || fields["asked"] != nil {
		t.Errorf("it still waits: %s", fields["asked"])
	}
}

func TestAskedInAGroupIsEachOnesOwn(t *testing.T) {
	s := load(t, nil, nil)
	s.Ask(crowd, ann, question("poll"))
	s.Ask(crowd, bert, question("notes"))
	s, _ = again(t, s, nil)
	for who, want := range map[core.Sender]string{ann: "poll", bert: "notes", {Realm: "r", ID: "3"}: ""} {
		if got, _ := s.Asked(crowd, who); got.Skill != want {
			t.Errorf("%s: %q", who.ID, got.Skill)
		}
	}
	s.Unask(crowd, ann)
	s, _ = again(t, s, nil)
	_, first := s.Asked(crowd, ann)
	if _, second := s.Asked(crowd, bert); first || !second {
		t.Errorf("ann is asked: %v, bert: %v", first, second)
	}
	for i := range 40 {
		s.Ask(crowd, core.Sender{Realm: "r", ID: core.UserID(fmt.Sprint("x", i))}, question("poll"))
	}
	_, first = s.Asked(crowd, bert)
	if _, last := s.Asked(crowd, core.Sender{Realm: "r", ID: "x39"}); first || !last {
		t.Errorf("of many questions the oldest waits: %v, the newest: %v", first, last)
	}
}

func TestAskedIsForgotten(t *testing.T) {
	for name, forget := range map[string]func(*session.Session){"clear": (*session.Session).Clear, "forget": (*session.Session).Forget} {
		s := load(t, nil, nil)
		s.Ask(here, ann, question("poll"))
		s, fields := again(t, s, nil)
		forget(s)
		if _, ok := s.Asked(here, ann); ok {
			t.Errorf("%s: it waits in the same turn", name)
		}
		if s, _ = again(t, s, fields); s != nil {
			if _, ok := s.Asked(here, ann); ok {
				t.Errorf("%s: it waits in the next turn", name)
			}
		}
	}
}

// Two memories that become one keep the question of the one that stays, else the other's.
func TestAskedIsMerged(t *testing.T) {
	memory := func(skill string) map[string][]byte {
		s := load(t, nil, nil)
		s.Ask(here, ann, question(skill))
		_, fields := again(t, s, nil)
		return fields
	}
	for _, c := range []struct {
		own  map[string][]byte
		want string
	}{{memory("own"), "own"}, {map[string][]byte{}, "other"}} {
		fields, log := session.Merge(c.own, nil, memory("other"), nil).Apply(c.own, nil)
		if got, _ := load(t, fields, log).Asked(here, ann); got.Skill != c.want {
			t.Errorf("%s waits, want %s", got.Skill, c.want)
		}
	}
}
