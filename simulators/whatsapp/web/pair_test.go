//go:build !nowhatsmeow

package web_test

import (
	"testing"

	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

func TestPairingAndText(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	if n := r.PreKeys(""); n != 812 {
		t.Errorf("%d prekeys", n)
	}
	_, err := r.Say("", ann, "hello")
	r.must(err)
	got := c.heard(1)[0]
	if textOf(got) != "hello" || got.Info.Sender != person(ann) || got.Info.PushName != "Ann" || got.Info.SenderAlt.User != annLID {
		t.Errorf("%+v", got)
	}
	r.wait("the ack", func() bool { return r.Pending("") == 0 })
	c.say(got.Info.Chat, "hi Ann")
	shown := r.Shown("", ann)
	if len(shown) != 2 || !shown[1].ByBot || shown[1].Text != "hi Ann" {
		t.Fatalf("%+v", shown)
	}
	r.noProblems()
}
