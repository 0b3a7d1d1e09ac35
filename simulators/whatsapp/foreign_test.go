package whatsapp_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/nodetest"
	"github.com/parley-hub/parley/simulators/whatsapp"
)

const nodeTimeout = 3 * time.Minute

// An unrelated client must find the simulator as it finds the real server.
func TestForeignClient(t *testing.T) {
	life, end := context.WithTimeout(t.Context(), nodeTimeout)
	defer end()
	ctx, cancel := context.WithCancel(life)
	defer cancel()
	r := start(t, whatsapp.Options{Now: time.Now})
	r.must(r.AddTemplate("", "hello", "en_US"))
	node := exec.CommandContext(life, "node", "check.mjs", r.url, token, appSecret, verify, number)
	node.Dir, node.Stderr = nodetest.Dir(ctx, t, "testdata/whatsapp-api-js", "whatsapp-api-js"), os.Stderr
	input, err := node.StdinPipe()
	r.must(err)
	output, err := node.StdoutPipe()
	r.must(err)
	r.must(node.Start())
	said := make(chan string, 100)
	go func() {
		defer close(said)
		defer cancel() // nobody answers any more
		for lines := bufio.NewScanner(output); lines.Scan(); {
			said <- lines.Text()
		}
	}()
	port, ok := strings.CutPrefix(<-said, "port ")
	if !ok {
		t.Fatal("the client does not start")
	}
	r.must(r.SetWebhook(ctx, "", "http://127.0.0.1:"+port+"/", verify))

	byBot := func() (out []whatsapp.Posted) {
		for _, p := range r.Shown("", ann) {
			if p.ByBot {
				out = append(out, p)
			}
		}
		return out
	}
	// tell says something and gives the bot's answer to it.
	tell := func(say func() (string, error)) whatsapp.Posted {
		t.Helper()
		before := len(byBot())
		_, err := say()
		r.must(err)
		r.must(r.Wait(ctx, func() bool { return len(byBot()) > before }))
		return byBot()[before]
	}
	word := func(text string) whatsapp.Posted {
		t.Helper()
		return tell(func() (string, error) { return r.Say("", ann, text) })
	}
	if p := word("naïve 😀 a/b"); p.Text != "heard naïve 😀 a/b" {
		t.Errorf("%+v", p)
	}
	buttons := word("buttons")
	if len(buttons.Buttons) != 2 || buttons.ReplyTo == "" || buttons.Opaque != "opaque 1" {
		t.Errorf("%+v", buttons)
	}
	if p := tell(func() (string, error) { return r.Press("", ann, buttons.ID, "no") }); p.Text != "Ann chose no" {
		t.Errorf("%+v", p)
	}
	list := word("list")
	if p := tell(func() (string, error) { return r.Press("", ann, list.ID, "b") }); p.Text != "Ann chose b" || list.ListLabel != "Open" {
		t.Errorf("%+v, %+v", p, list)
	}
	if p := word("place"); p.Location == nil || p.Location.Latitude != 52.5 {
		t.Errorf("%+v", p)
	}
	if p := word("card"); len(p.Contacts) != 1 || p.Contacts[0].Phones[0].Phone != "+4912345" {
		t.Errorf("%+v", p)
	}
	if p := word("heart"); p.Reaction == nil || p.Reaction.Emoji != "👍" {
		t.Errorf("%+v", p)
	}
	if p := word("template"); p.Template != "hello" {
		t.Errorf("%+v", p)
	}
	if p := word("refused"); p.Text != "code 131009" {
		t.Errorf("%+v", p)
	}
	picture := tell(func() (string, error) {
		return r.Speak(whatsapp.Utterance{Person: ann, Kind: "image", MIME: "image/png", File: []byte("picture"), Text: "look"})
	})
	if picture.Type != "image" || picture.Text != "again" || picture.Media.Size != 7 {
		t.Errorf("%+v", picture)
	}
	r.must(r.Wait(ctx, func() bool { return r.Pending("") == 0 }))
	typed := slices.ContainsFunc(r.Events(0), func(e whatsapp.Event) bool { return e.Kind == whatsapp.EventTyping })
	if !typed {
		t.Error("nothing was marked as read")
	}
	r.must(input.Close())
	var reported []string
	for line := range said {
		reported = append(reported, line)
	}
	if want := []string{"status sent opaque 1", "status delivered opaque 1"}; !slices.Equal(reported, want) {
		t.Errorf("the client reports %q, want %q", reported, want)
	}
	if err := node.Wait(); err != nil {
		t.Error(err)
	}
}
