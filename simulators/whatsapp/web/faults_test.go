//go:build !nowhatsmeow

package web_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

// A message that was taken, and whose ack was lost with the connection, is sent again with
// the same id and shown once.
func TestStoredThenDropped(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	h := r.Inject(web.Fault{Kind: web.FaultDropAfter, At: "message"})
	c.say(person(ann), "once")
	if h.Hits() != 1 {
		t.Error("the fault was not met")
	}
	if got := r.texts(ann); !slices.Equal(got, []string{"once"}) {
		t.Errorf("%q", got)
	}
	r.wait("two copies", func() bool {
		sent := 0
		for _, call := range r.Calls() {
			if call.Stanza == "message" {
				sent++
			}
		}
		return sent == 2
	})
}

func TestLostBeforeOrWithoutAnswer(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	r.Inject(web.Fault{Kind: web.FaultDropBefore, At: "message"})
	c.say(person(ann), "in the end")
	h := r.Inject(web.Fault{Kind: web.FaultNoAnswer, At: "message"})
	_, err := c.SendMessage(r.ctx(), person(ann), textMessage("no ack"), whatsmeow.SendRequestExtra{Timeout: 100 * time.Millisecond})
	if !errors.Is(err, whatsmeow.ErrMessageTimedOut) || h.Hits() != 1 {
		t.Errorf("%v", err)
	}
	r.Inject(web.Fault{Kind: web.FaultRefuse, At: "message", Code: 420})
	if _, err = c.SendMessage(r.ctx(), person(ann), textMessage("refused")); !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		t.Errorf("%v", err)
	}
	h = r.Inject(web.Fault{Kind: web.FaultDelay, At: "message"})
	done := make(chan error)
	go func() {
		_, err := c.SendMessage(r.ctx(), person(ann), textMessage("late"))
		done <- err
	}()
	r.must(h.WaitHits(r.ctx(), 1))
	if got := r.texts(ann); !slices.Equal(got, []string{"in the end", "no ack"}) {
		t.Errorf("%q", got)
	}
	h.Release()
	r.must(<-done)
	if got := r.texts(ann); !slices.Equal(got, []string{"in the end", "no ack", "late"}) {
		t.Errorf("%q", got)
	}
}

// Lost acks, copies, another order, a cut in the middle: each message is heard, once.
func TestDeliveryFaults(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	heard := 0
	for n, tt := range []struct {
		fault web.Fault
		again bool // the connection has to come back for it
	}{
		{web.Fault{Kind: web.FaultIgnore, At: "receipt"}, true},
		{web.Fault{Kind: web.FaultDuplicate, At: "delivery"}, false},
		{web.Fault{Kind: web.FaultReorder, At: "delivery"}, false},
		{web.Fault{Kind: web.FaultIgnore, At: "delivery"}, true},
		{web.Fault{Kind: web.FaultDropBefore, At: "delivery"}, false},
		{web.Fault{Kind: web.FaultDropAfter, At: "delivery"}, false},
		{web.Fault{Kind: web.FaultGarble, At: "delivery"}, false},
	} {
		t.Run(fmt.Sprint(tt.fault.Kind, tt.fault.At), func(t *testing.T) {
			h := r.Inject(tt.fault)
			var want []string
			for i := range 3 {
				want = append(want, fmt.Sprint(n, i))
				_, err := r.Say("", ann, want[i])
				r.must(err)
			}
			r.must(h.WaitHits(r.ctx(), 1))
			if tt.again {
				r.wait("the other two acks", func() bool { return r.Pending("") == 1 })
				r.must(r.Disconnect(""))
			}
			r.wait("the acks", func() bool { return r.Pending("") == 0 })
			var got []string
			heard += 3
			for _, m := range c.heard(heard)[heard-3:] {
				got = append(got, textOf(m))
			}
			if tt.fault.Kind == web.FaultReorder && !slices.Equal(got, []string{want[1], want[0], want[2]}) {
				t.Errorf("%q", got)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
		})
	}
	r.noProblems()
}

// A phone that cannot decrypt asks again, in chats and in groups.
func TestGarbledOutgoing(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	for _, jid := range []types.JID{person(ann), groupJID(room), groupJID(lidRoom)} {
		c.say(jid, "plain")
		r.Inject(web.Fault{Kind: web.FaultGarble, At: "message", Chat: jid.User})
		c.say(jid, "garbled")
		r.wait("the second copy", func() bool {
			shown := r.Shown("", jid.User)
			return len(shown) == 2 && shown[1].Text == "garbled" && len(shown[1].Waiting) == 0
		})
		c.say(jid, "plain again")
		if got := r.texts(jid.User); !slices.Equal(got, []string{"plain", "garbled", "plain again"}) {
			t.Errorf("%q", got)
		}
	}
	r.wait("acks of the retry receipts", func() bool { return r.Pending("") == 0 })
	r.noProblems()
}

// A client that lost its sessions gets a message again with new keys.
func TestGarbledTwice(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	_, err := r.Say("", ann, "one")
	r.must(err)
	c.heard(1)
	h := r.Inject(web.Fault{Kind: web.FaultGarble, At: "delivery", Count: 2})
	_, err = r.Say("", ann, "two")
	r.must(err)
	r.must(h.WaitHits(r.ctx(), 2))
	if m := c.heard(2)[1]; textOf(m) != "two" || m.RetryCount != 2 {
		t.Errorf("%+v", m)
	}
	c.say(person(ann), "still fine")
	r.wait("the acks", func() bool { return r.Pending("") == 0 })
	r.noProblems()
}

func TestEmptyAnswers(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	r.Inject(web.Fault{Kind: web.FaultEmpty, At: "iq encrypt"})
	if _, err := c.SendMessage(r.ctx(), person(ann), textMessage("for nobody")); err != nil {
		t.Error(err)
	}
	r.Inject(web.Fault{Kind: web.FaultEmpty, At: "iq usync"})
	if _, err := c.SendMessage(r.ctx(), person(bob), textMessage("for nobody")); err != nil {
		t.Error(err)
	}
	if len(r.Shown("", ann)) > 0 || len(r.Shown("", bob)) > 0 {
		t.Error("it is shown")
	}
	c.say(person(ann), "for Ann")
	c.say(person(bob), "for Bob")
	if len(r.Shown("", ann)) != 1 || len(r.Shown("", bob)) != 1 {
		t.Errorf("%+v", r.Shown("", bob))
	}
	r.Inject(web.Fault{Kind: web.FaultRefuse, At: "iq w:m", Code: 503})
	if _, err := c.Upload(r.ctx(), []byte("x"), whatsmeow.MediaImage); err == nil {
		t.Error("a refused media_conn was taken")
	}
}

func TestMediaFaults(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	_, err := r.Speak(web.Utterance{Person: ann, Media: &web.Attachment{Kind: "image", MIME: "image/png", Data: []byte("data")}})
	r.must(err)
	m := c.heard(1)[0].Message.GetImageMessage()
	r.Inject(web.Fault{Kind: web.FaultRefuse, At: "download", Code: 410})
	if _, err := c.Download(r.ctx(), m); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410) {
		t.Errorf("%v", err)
	}
	r.Inject(web.Fault{Kind: web.FaultGarble, At: "download"})
	if _, err := c.Download(r.ctx(), m); !errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256) {
		t.Errorf("%v", err)
	}
	for _, f := range []web.Fault{
		{Kind: web.FaultRefuse, Code: 507}, {Kind: web.FaultDropBefore}, {Kind: web.FaultDropAfter},
	} {
		f.At = "upload"
		r.Inject(f)
		if _, err := c.Upload(r.ctx(), []byte("x"), whatsmeow.MediaImage); err == nil {
			t.Errorf("%+v was not noticed", f)
		}
	}
	if data, err := c.Download(r.ctx(), m); err != nil || string(data) != "data" {
		t.Errorf("%q %v", data, err)
	}
}

// Some ends are for a while: the client comes back by itself.
func TestEndsForAWhile(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	refuse := func(at string, code int) func() error {
		return func() error {
			r.Inject(web.Fault{Kind: web.FaultRefuse, At: at, Code: code})
			return r.Disconnect("")
		}
	}
	for name, end := range map[string]func() error{
		"cut":            func() error { return r.Disconnect("") },
		"503":            func() error { return r.StreamError("", "503") },
		"515":            func() error { return r.StreamError("", "515") },
		"503 at login":   refuse("login", 503),
		"500 at upgrade": refuse("upgrade", 500),
		"stream error for a receipt": func() error {
			r.Inject(web.Fault{Kind: web.FaultStreamError, At: "receipt", Code: 503})
			_, err := r.Say("", ann, "hello")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(of[*events.Connected](c.until("", func([]any) bool { return true })))
			r.must(end())
			c.until("the next login", func(e []any) bool { return len(of[*events.Connected](e)) > before })
			c.say(person(ann), "back")
		})
	}
	r.noProblems()
}

// Others are for good.
func TestEndsForGood(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*rig) error
		want func([]any) bool
	}{
		"replaced": {func(r *rig) error { return r.Replace("") }, has[*events.StreamReplaced]},
		"removed":  {func(r *rig) error { return r.Logout("") }, has[*events.LoggedOut]},
		"banned":   {func(r *rig) error { r.Ban(""); return nil }, has[*events.TemporaryBan]},
		"outdated": {func(r *rig) error { r.Outdated(""); return nil }, has[*events.ClientOutdated]},
		"401": {func(r *rig) error {
			r.Inject(web.Fault{Kind: web.FaultRefuse, At: "login", Code: 401})
			return r.Disconnect("")
		}, has[*events.LoggedOut]},
		"403": {func(r *rig) error {
			r.Inject(web.Fault{Kind: web.FaultRefuse, At: "login", Code: 403})
			return r.Disconnect("")
		}, has[*events.LoggedOut]},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, web.Options{})
			c := r.pair(bot)
			r.must(tt.end(r))
			c.until(name, tt.want)
			r.noProblems()
		})
	}
}

// A removed device cannot log in again, and its owner has a place for another one.
func TestLogoutByTheClient(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	r.must(c.Logout(r.ctx()))
	r.wait("the removal", func() bool { return r.Devices("") == 0 })
	_, err := r.Say("", ann, "nobody hears")
	r.must(err)
	r.pair(bot)
	if r.Devices("") != 1 {
		t.Error("not linked again")
	}
	r.noProblems()
}

// A silent server is a dead peer: nothing comes, and nothing that is sent is executed.
func TestSilence(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	c.say(person(ann), "hello")
	r.must(r.Silence(""))
	_, err := c.SendMessage(r.ctx(), person(ann), textMessage("hello?"), whatsmeow.SendRequestExtra{Timeout: 100 * time.Millisecond})
	if !errors.Is(err, whatsmeow.ErrMessageTimedOut) {
		t.Errorf("%v", err)
	}
	if got := r.Shown("", ann); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// A second connection of a device takes the place of the first.
func TestTwoConnections(t *testing.T) {
	r := start(t, web.Options{})
	first := r.pair(bot)
	second := r.newClient(first.store)
	r.must(second.Connect())
	first.until("the replacement", has[*events.StreamReplaced])
	second.until("the login", has[*events.Connected])
	second.say(person(ann), "here")
	if r.Connected("") != 1 {
		t.Error("not one connection")
	}
}
