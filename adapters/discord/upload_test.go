package discord_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/discord"
)

func withFile(s adaptertest.Shelf) func(*adapters.Settings, *discord.Config) {
	return func(set *adapters.Settings, _ *discord.Config) { set.Blobs = s }
}

func media(to core.Conversation, id core.EnvelopeID, caption string) core.Reply {
	m := core.Media{Kind: core.Image, Blob: "blob", Name: "a.png", MIME: "image/png", Caption: caption}
	return core.Reply{ID: core.ReplyTo(id, 0), Final: true, To: to, Parts: []core.Part{m}}
}

// A file whose answer was lost is not posted twice: its nonce is enforced as that of words.
func TestRepeatedFileIsOneMessage(t *testing.T) {
	for _, kind := range []simulator.FaultKind{simulator.FaultDropAfter, simulator.FaultErrorAfter} {
		s := newSimulated(t, simulator.Options{})
		a, to := s.adapter(withFile(adaptertest.Shelf{Size: 9})), s.Chat(0)
		s.Inject(simulator.Fault{Kind: kind, Call: "create_message"})
		r := media(to, "envelope", "words")
		if _, err := a.Send(t.Context(), r); !fault.IsUnsure(err) {
			t.Fatalf("%s: %v", kind, err)
		}
		if _, err := a.Send(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if shown := s.Server.Shown(string(to.Chat)); len(shown) != 1 || len(shown[0].Attachments) != 1 || shown[0].Text != "words" {
			t.Errorf("%s: %+v", kind, shown)
		}
	}
}

func TestUploadFailures(t *testing.T) {
	const most = 10 << 20
	for name, test := range map[string]struct {
		file   adaptertest.Shelf
		fail   simulator.Fault
		class  fault.Class
		unsure bool
		calls  int
	}{
		"just so":     {adaptertest.Shelf{Size: most}, simulator.Fault{}, 0, false, 1},
		"too large":   {adaptertest.Shelf{Size: most + 1}, simulator.Fault{}, fault.Permanent, false, 0},
		"flood":       {adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultRateLimit, RetryAfter: 7}, fault.RateLimited, false, 1},
		"blocked":     {adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultBlocked, RetryAfter: 7}, fault.RateLimited, false, 1},
		"unavailable": {adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultUnavailable}, fault.Retryable, false, 1},
		"revoked":     {adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultError, Status: http.StatusUnauthorized, Message: "401: Unauthorized"}, fault.NeedsHuman, false, 1},
		"refused":     {adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultError, Status: http.StatusRequestEntityTooLarge, Code: 40005, Message: "Request entity too large"}, fault.Permanent, false, 1},
		"dropped":     {adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultDropAfter}, fault.Retryable, true, 1},
		"unreadable":  {adaptertest.Shelf{Size: 9, Err: errors.New("the disk is gone")}, simulator.Fault{}, fault.Retryable, false, -1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulated(t, simulator.Options{})
			a, to := s.adapter(withFile(test.file)), s.Chat(0)
			if test.fail.Kind != "" {
				test.fail.Call = "create_message"
				t.Cleanup(s.Inject(test.fail).Remove)
			}
			_, err := a.Send(t.Context(), media(to, "envelope", ""))
			if fault.ClassOf(err) != test.class || fault.IsUnsure(err) != test.unsure || err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("class %s, unsure %v: %v", fault.ClassOf(err), fault.IsUnsure(err), err)
			}
			if n := len(s.Calls()); test.calls >= 0 && n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
		})
	}
}

// A file can be the answer to an interaction, and follow it; the place that says "thinking"
// is not taken for it.
func TestInteractionIsAnsweredWithFiles(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	a := s.adapter(withFile(adaptertest.Shelf{Size: 9}), func(set *adapters.Settings, c *discord.Config) {
		set.PublicURL, c.Mode = "https://hub.example/webhooks/dc", discord.ModeInteractions
	})
	in, to := newInbox(), s.Chat(0)
	s.hook(a)
	s.Serve(a.Webhook(in))
	s.Say(to.Chat, "draw")
	in.await(t, "draw")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Wait(ctx, func() bool { return len(s.Server.Shown(string(to.Chat))) == 1 }); err != nil {
		t.Fatal(err)
	}
	r := media(to, in.nth(0).ID, "")
	r.Parts = append(r.Parts, r.Parts[0])
	for i, call := range []string{"webhook_edit", "webhook_create"} {
		if _, found, err := a.Reconcile(t.Context(), r); found || err != nil {
			t.Fatalf("piece %d: reconcile of what was not sent: %v, %v", i, found, err)
		}
		s.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Call: call})
		if _, err := a.Send(t.Context(), r); !fault.IsUnsure(err) {
			t.Fatalf("piece %d: %v", i, err)
		}
		receipt, found, err := a.Reconcile(t.Context(), r)
		if !found || err != nil || receipt.More != (i == 0) {
			t.Fatalf("piece %d: reconcile: %+v, %v, %v", i, receipt, found, err)
		}
		r.Sent = append(r.Sent, receipt.Message)
	}
	shown := s.Server.Shown(string(to.Chat))
	if len(shown) != 2 || len(shown[0].Attachments) != 1 || len(shown[1].Attachments) != 1 || shown[0].Thinking {
		t.Errorf("%+v", shown)
	}
}
