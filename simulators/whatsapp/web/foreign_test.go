//go:build !nowhatsmeow

package web_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/nodetest"
	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

const nodeTimeout = 3 * time.Minute

// foreign is Baileys in a process of its own.
type foreign struct {
	r     *rig
	said  chan string
	close func() error
}

func (r *rig) startForeign(ctx context.Context) *foreign {
	r.t.Helper()
	key := web.RootKey()
	node := exec.CommandContext(ctx, "node", "check.mjs", "ws://"+r.url.Host+"/ws/chat", hex.EncodeToString(key[:]))
	var log strings.Builder // of the client, which tells there of everything that it retries
	node.Dir, node.Stderr = nodetest.Dir(ctx, r.t, "testdata/baileys", "@whiskeysockets/baileys"), &log
	input, err := node.StdinPipe()
	r.must(err)
	output, err := node.StdoutPipe()
	r.must(err)
	r.must(node.Start())
	f := &foreign{r: r, said: make(chan string, 100)}
	go func() {
		defer close(f.said)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			f.said <- lines.Text()
		}
	}()
	f.close = func() error {
		if err := input.Close(); err != nil {
			return err
		}
		for range f.said { // until its output ends
		}
		err := node.Wait()
		if r.t.Failed() {
			r.t.Log(log.String())
		}
		return err
	}
	return f
}

// until reads what the client tells up to a line that begins with a word, and gives the rest.
func (f *foreign) until(word string) string {
	f.r.t.Helper()
	for line := range f.said {
		if rest, ok := strings.CutPrefix(line, word); ok {
			return strings.TrimSpace(rest)
		}
		if strings.HasPrefix(line, "problem") {
			f.r.t.Error(line)
		}
	}
	f.r.t.Fatalf("the client ends without %q\n%s", word, f.r.story())
	return ""
}

// An unrelated client must find the simulator as it finds the real server: alone, and in
// talk with the other client.
func TestForeignClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	const other = "4915551001"
	r := start(t, web.Options{})
	r.AddNumber(web.Number{Phone: other, Name: "Other"})
	r.AddGroup(web.Group{ID: room, Name: "Room", LID: true, Members: []string{ann, bob, other}})
	f := r.startForeign(ctx)
	r.must(r.Scan(ctx, other, f.until("qr ")))
	f.until("open")
	r.wait("the login", func() bool { return r.Connected(other) == 1 })
	answers := func(chat string, n int) []string {
		t.Helper()
		var out []string
		r.wait("the answers", func() bool {
			out = nil
			for _, p := range r.Shown(other, chat) {
				if p.ByBot && p.Text != "" { // it has none as long as nobody could decrypt it
					out = append(out, p.Text)
				}
			}
			return len(out) >= n
		})
		return out
	}
	inRoom := 0
	for _, u := range []web.Utterance{
		{Person: ann, Text: "hello"},
		{Person: ann, Text: "naïve 😀"},
		{Person: bob, Text: "by hidden id"},
		{Person: ann, Group: room, Text: "all"},
		{Person: bob, Group: room, Text: "all too"},
	} {
		u.Number = other
		_, err := r.Speak(u)
		r.must(err)
		if u.Group != "" { // of two first messages in a group the client sends one without its key
			inRoom++
			answers(room, inRoom)
		}
	}
	if got := answers(ann, 2); !slices.Equal(got, []string{"heard hello", "heard naïve 😀"}) {
		t.Errorf("%q", got)
	}
	if got := answers(bob, 1); !slices.Equal(got, []string{"heard by hidden id"}) {
		t.Errorf("%q", got)
	}
	if got := answers(room, 2); !slices.Equal(got, []string{"heard all", "heard all too"}) {
		t.Errorf("%q", got)
	}
	for _, fault := range []web.Fault{
		{Kind: web.FaultGarble, At: "delivery", Number: other},
		{Kind: web.FaultGarble, At: "message", Number: other},
	} {
		h := r.Inject(fault)
		before := len(answers(ann, 0))
		_, err := r.Say(other, ann, fault.At)
		r.must(err)
		answers(ann, before+1)
		r.must(h.WaitHits(ctx, 1))
		r.wait("a readable answer", func() bool {
			return slices.Contains(answers(ann, 0), "heard "+fault.At)
		})
	}
	c := r.pair(bot)
	c.say(person(other), "one to the other")
	if m := c.heard(1)[0]; textOf(m) != "heard one to the other" {
		t.Errorf("%+v", m)
	}
	r.wait("the acks", func() bool { return r.Pending(other) == 0 && r.Pending(bot) == 0 })
	r.noProblems()
	if err := f.close(); err != nil {
		t.Error(err)
	}
}
