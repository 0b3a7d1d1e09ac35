package world_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// outside runs do as a turn of the program poll.
func (r *rig) outside(t *testing.T, may skills.Permissions, o skilltest.TurnOptions, do func(t *skills.Turn, w skills.Writer) error) (*skilltest.RecordingWriter, error) {
	t.Helper()
	with, release := r.Outside(skills.Manifest{Name: "poll", Permissions: may})
	defer release()
	var w skilltest.RecordingWriter
	h := with(skills.HandlerFunc(func(_ context.Context, turn *skills.Turn, reply skills.Writer) error { return do(turn, reply) }))
	return &w, h.Handle(t.Context(), skilltest.NewTurn(o), &w)
}

// TestProgramsNameTheirOwn: what a program names is its turn's, or is refused; the turn then
// says nothing.
func TestProgramsNameTheirOwn(t *testing.T) {
	r := newRig(t)
	theirs := session.Address{In: core.Conversation{Account: "b", Place: core.Private, Chat: "2"}, Base: "p2"}
	r.at = []session.Address{theirs}
	own := core.Media{Kind: core.Document, File: "own"}
	text := core.Text{Text: "x"}
	buttons := func(data string) core.Part { return core.Buttons{Rows: [][]core.Button{{{Label: "l", Data: data}}}} }
	for name, c := range map[string]struct {
		counted string
		do      func(t *skills.Turn, w skills.Writer)
	}{
		"its buttons":           {"", func(_ *skills.Turn, w skills.Writer) { w.Reply(buttons("poll:yes"), buttons("")) }},
		"another's button":      {"button", func(_ *skills.Turn, w skills.Writer) { w.Reply(text, buttons("forget:yes")) }},
		"one that begins alike": {"button", func(_ *skills.Turn, w skills.Writer) { w.Reply(buttons("polls:yes")) }},
		"another's in a draft":  {"button", func(_ *skills.Turn, w skills.Writer) { w.Draft(buttons("forget:yes")) }},
		"another's in a question": {"button", func(_ *skills.Turn, w skills.Writer) {
			w.Ask(skills.Question{Parts: []core.Part{buttons("forget:yes")}})
		}},
		"a file of the turn":  {"", func(_ *skills.Turn, w skills.Writer) { w.Reply(own) }},
		"another file":        {"file", func(_ *skills.Turn, w skills.Writer) { w.Reply(core.Media{File: "other"}) }},
		"another blob":        {"file", func(_ *skills.Turn, w skills.Writer) { w.Reply(core.Media{File: "own", Blob: "blob"}) }},
		"where the person is": {"", func(_ *skills.Turn, w skills.Writer) { w.ReplyIn(theirs.In, theirs.Base, text) }},
		"in this chat":        {"", func(t *skills.Turn, w skills.Writer) { w.ReplyIn(t.Envelope.In, t.Envelope.From.Person(), text) }},
		"somebody else's chat": {"elsewhere", func(_ *skills.Turn, w skills.Writer) {
			w.ReplyIn(core.Conversation{Account: "b", Place: core.Private, Chat: "3"}, "p2", text)
		}},
		"as somebody else": {"elsewhere", func(_ *skills.Turn, w skills.Writer) { w.ReplyIn(theirs.In, "p3", text) }},
		"another's button, by Tell": {"button", func(t *skills.Turn, _ skills.Writer) {
			_, _ = t.World.Tell(context.Background(), buttons("forget:yes"))
		}},
	} {
		w, err := r.outside(t, skills.Permissions{Elsewhere: true}, skilltest.TurnOptions{Parts: []core.Part{own}}, func(turn *skills.Turn, w skills.Writer) error {
			c.do(turn, w)
			return nil
		})
		if got := r.refusals(); got != c.counted || errors.Is(err, skills.ErrDenied) != (c.counted != "") {
			t.Errorf("%s: counted as %q, %v", name, got, err)
		}
		if said := len(w.Replies()) + len(w.Drafts()) + len(w.Elsewhere()) + len(w.Questions()); (said > 0) != (c.counted == "") {
			t.Errorf("%s: %d things were said", name, said)
		}
	}
}

func TestProgramsReadTheirOwnFiles(t *testing.T) {
	r := newRig(t)
	files := &skilltest.Files{Sent: map[core.FileRef][]byte{"own": []byte("a"), "other": []byte("b")}}
	o := skilltest.TurnOptions{Files: files, Parts: []core.Part{core.Media{Kind: core.Document, File: "own"}}}
	w, err := r.outside(t, skills.Permissions{}, o, func(turn *skills.Turn, w skills.Writer) error {
		body, err := turn.Files.Open(t.Context(), core.Media{File: "own"})
		if err != nil {
			return err
		}
		if b, err := io.ReadAll(body); string(b) != "a" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		if _, err := turn.Files.Open(t.Context(), core.Media{File: "other"}); !errors.Is(err, skills.ErrDenied) {
			t.Errorf("another file: %v", err)
		}
		kept, err := turn.Files.Keep(t.Context(), core.Media{Kind: core.Document}, strings.NewReader("c"))
		if err != nil {
			return err
		}
		w.Reply(kept)
		for n := 2; ; n++ {
			_, err := turn.Files.Keep(t.Context(), core.Media{Kind: core.Document}, strings.NewReader("c"))
			if err == nil && n < 100 {
				continue
			}
			if n != 33 || fault.ClassOf(err) != fault.Permanent {
				t.Errorf("the %d-th file: %v", n, err)
			}
			return nil
		}
	})
	if err != nil || len(w.Replies()) != 1 {
		t.Errorf("%v, said %v", err, w.Replies())
	}
	if got := r.refusals(); got != "file file" {
		t.Errorf("counted as %q", got)
	}
}

// TestManyTellAtOnce: a program may ask for things at the same time, beside what it says.
func TestManyTellAtOnce(t *testing.T) {
	r := newRig(t)
	w, err := r.outside(t, skills.Permissions{Elsewhere: true}, skilltest.TurnOptions{}, func(turn *skills.Turn, w skills.Writer) error {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := turn.World.Tell(t.Context(), core.Text{Text: "x"}); err != nil {
					t.Error(err)
				}
			})
		}
		for range 20 {
			w.Reply(core.Text{Text: "y"})
		}
		all.Wait()
		return nil
	})
	if err != nil || len(w.Elsewhere()) != 20 || len(w.Replies()) != 20 {
		t.Errorf("%v: %d and %d", err, len(w.Elsewhere()), len(w.Replies()))
	}
}

// closing tells when a connection was closed.
func closing(ended chan<- struct{}) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			ended <- struct{}{}
		}
	}
}

// TestReleasedConnectionsEnd: the connections of a version that is gone do not outlive its
// last turn.
func TestReleasedConnectionsEnd(t *testing.T) {
	r := newRig(t)
	ended := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	s.Config.ConnState = closing(ended)
	s.Start()
	defer s.Close()
	with, release := r.Outside(skills.Manifest{Name: "poll", Permissions: skills.Permissions{Hosts: []string{hostOf(t, s)}}})
	h := with(skills.HandlerFunc(func(ctx context.Context, turn *skills.Turn, _ skills.Writer) error {
		release() // a new version is there
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			return err
		}
		resp, err := turn.World.HTTP().Do(req)
		if err != nil {
			return err
		}
		_, err = io.ReadAll(resp.Body)
		return errors.Join(err, resp.Body.Close())
	}))
	if err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{}); err != nil {
		t.Fatal(err)
	}
	<-ended
	if n := r.Callers(); n != 0 {
		t.Errorf("%d callers are kept", n)
	}
}
