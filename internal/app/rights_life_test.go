//go:build !nowhatsmeow

package app

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/redistest"
)

// live is a hub's life. Whatever it does, nothing is refused.
func (e *estate) live() {
	e.t.Helper()
	for _, part := range []struct {
		name string
		do   func()
	}{
		{"start", func() { e.with("telegram", true); e.with("wa-web", true) }},
		{"talk", e.talk},
		{"one person", e.onePerson},
		{"drafts", e.drafts},
		{"learning", e.learn},
		{"put away", e.putAway},
		{"dead letters", e.bury},
		{"commands", e.command},
	} {
		part.do()
		e.guard.nothing(part.name)
	}
}

// talk is answered by the model, an album when all of it is there.
func (e *estate) talk() {
	e.t.Helper()
	e.told("How do I log in?", "answer ")
	e.answers("answer ", func() {
		photo := telegram.Media{Kind: "photo", Bytes: []byte("photo")}
		if _, err := e.telegram.SpeakAlbum(telegram.Utterance{Bot: annsBot, From: annsID, Text: "our holidays"}, photo, photo); err != nil {
			e.t.Fatal(err)
		}
	})
}

// obey waits as long as a platform says.
func (e *estate) obey() {
	e.t.Helper()
	e.telegram.Inject(telegram.Fault{Method: "sendMessage", Kind: telegram.FaultTooManyRequests, Count: 1})
	e.told("/keep seed", "keep [seed]")
	e.guard.nothing("a platform slows down")
}

// onePerson links, is reached, and forgets.
func (e *estate) onePerson() {
	e.t.Helper()
	e.told("/keep tulip", "tulip")
	e.written("/keep rose", "keep [rose]")
	code := codeInText.FindStringSubmatch(e.told("/link", "/link "))
	if code == nil {
		e.t.Fatal("no code")
	}
	e.written("/link "+code[1], "are one person")
	e.written("/names", "names [rose")
	e.told("/reach_me_on telegram", "I send to ")
	e.told("/unlink 2", "Done: ")
	e.told("/drop tulip", "drop [")
	e.written("/keep rose", "keep [rose]")
	e.written("/drop rose", "drop []")
	e.told("/forget everything", "Erased: ")
	e.told("/names", "names []")
}

// drafts are shown by the node that has the connection, whoever answers.
func (e *estate) drafts() {
	e.t.Helper()
	e.written("/grow", "grown")
	e.answers("grown", e.grow)
}

// learn has one node give what the other was answered, in other words, until it is forgotten.
func (e *estate) learn() {
	e.t.Helper()
	a, b := e.nodes[0], e.nodes[1]
	for n, q := range []string{"How do I log in?", "Room 101"} {
		told := a.learning().Told
		a.wants(e.t, meant("ann", q), false, "new")
		redistest.WaitFor(e.t, "it is told", func() error {
			if a.learning().Told == told {
				return errors.New("not yet")
			}
			return nil
		})
		b.wants(e.t, meant("ann", []string{"How can I sign in", "room 101."}[n]), true, "in other words")
	}
	if err := b.people.forgetAnswers(e.t.Context(), []core.PersonID{"ann"}); err != nil {
		e.t.Fatal(err)
	}
	a.wants(e.t, meant("ann", "room  101"), false, "forgotten")
}

// putAway waits until memories are in the archive, and brings one back.
func (e *estate) putAway() {
	e.t.Helper()
	e.told("How are you?", "answer ")
	db := e.postgres.Open()
	count := func() (n int) {
		if err := db.QueryRowContext(e.t.Context(), "SELECT count(*) FROM memories").Scan(&n); err != nil {
			e.t.Fatal(err)
		}
		return n
	}
	redistest.WaitFor(e.t, "a memory is put away", func() error {
		if count() == 0 {
			return errors.New("none is")
		}
		return nil
	})
	e.told("And now?", "answer ")
}

// bury replays one dead letter and drops another.
func (e *estate) bury() {
	e.t.Helper()
	e.told("/fail", "wrong")
	e.told("/fail", "wrong")
	letters := func() (ids []int64) {
		var out bytes.Buffer
		if err := ListLetters(e.t.Context(), &out, e.cfg); err != nil {
			e.t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			word, _, _ := strings.Cut(line, " ")
			if id, err := strconv.ParseInt(word, 10, 64); err == nil {
				ids = append(ids, id)
			}
		}
		return ids
	}
	ids := letters()
	if len(ids) != 2 {
		e.t.Fatalf("%d dead letters", len(ids))
	}
	e.answers("wrong", func() {
		if err := ReplayLetters(e.t.Context(), io.Discard, e.cfg, ids[:1], false); err != nil {
			e.t.Error(err)
		}
	})
	if err := ReplayLetters(e.t.Context(), io.Discard, e.cfg, letters(), true); err != nil {
		e.t.Error(err)
	}
	if left := letters(); len(left) > 0 {
		e.t.Errorf("left are %d", left)
	}
}

// command runs what operators run beside the hub.
func (e *estate) command() {
	e.t.Helper()
	var out bytes.Buffer
	if err := Status(e.t.Context(), &out, e.cfg); err != nil || strings.Count(out.String(), "127.0.0.1:") != 2 || !strings.Contains(out.String(), "inbox ") {
		e.t.Errorf("%v\n%s", err, &out)
	}
	ann := configs.Person{Realm: "telegram", User: "7"}
	operator := Person{Config: e.cfg, Out: &out}
	e.answers("news", func() {
		if err := operator.Send(e.t.Context(), ann, "news", ToLast); err != nil {
			e.t.Error(err)
		}
	})
	for name, err := range map[string]error{
		"accounts": operator.Accounts(e.t.Context(), ann), "export": operator.Export(e.t.Context(), ann), "erase": operator.Erase(e.t.Context(), ann, true),
	} {
		if err != nil {
			e.t.Errorf("%s: %v", name, err)
		}
	}
}

// end stops one node in the middle of something, then the other: what the first had goes on.
func (e *estate) end() {
	e.t.Helper()
	e.say("/hold")
	gone := <-e.held
	e.held <- gone
	e.answers("hold [", e.nodes[gone].stop)
	e.nodes = slices.Delete(e.nodes, gone, gone+1)
	e.with("telegram", true)
	e.with("wa-web", true)
	e.written("/names", "names [")
	e.nodes[0].stop()
	e.guard.nothing("the end")
}
