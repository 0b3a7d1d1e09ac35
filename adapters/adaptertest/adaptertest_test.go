package adaptertest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPollingAdapter(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{New: start, Secrets: []string{token}})
}

func TestWebhookAdapter(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{New: startHooked, Webhook: true, Secrets: []string{token}})
}

// adapter is the smallest one that keeps the contract.
type adapter struct {
	platform *memory
	mode     string
}

var (
	_ adapters.Adapter   = (*adapter)(nil)
	_ adapters.Editor    = (*adapter)(nil)
	_ adapters.Drafter   = (*adapter)(nil)
	_ adapters.Typer     = (*adapter)(nil)
	_ adapters.Webhooker = (*adapter)(nil)
)

func (a *adapter) Describe() adapters.Description {
	return adapters.Description{
		Account: "memory", Platform: "memory", Mode: a.mode,
		Capabilities: adapters.Capabilities{
			EditsIn: []core.Place{core.Group}, DraftsIn: []core.Place{core.Private}, TypingFor: 5 * time.Second,
			Support: adapters.Support{
				In: adapters.Levels{Native: []adapters.Feature{adapters.FeatureText}, Unsupported: adapters.Features()[1:]},
				Out: adapters.Levels{
					Native: slices.DeleteFunc(adapters.Features(), isFile), Unsupported: slices.DeleteFunc(adapters.Features(), isNoFile),
				},
			},
			Limits: adapters.Limits{Account: adapters.Rate{Count: 30, Per: time.Second, Burst: 30}},
		},
	}
}

func (a *adapter) envelope(u update) core.Envelope {
	native := u.Chat + "/" + time.Duration(u.Serial).String()
	return core.Envelope{
		ID: core.NewEnvelopeID("memory", core.KindMessage, native), Kind: core.KindMessage,
		In:   core.Conversation{Account: "memory", Place: core.Private, Chat: core.ChatID(u.Chat)},
		From: core.Sender{Realm: "memory", ID: core.UserID("person of " + u.Chat)}, Native: core.MessageID(native),
		Addressed: true, Parts: []core.Part{core.Text{Text: u.Text}}, SentAt: time.Unix(int64(u.Serial), 0).UTC(),
		Trace: core.NewTraceID(),
	}
}

func (a *adapter) Run(ctx context.Context, in adapters.Inbox) error {
	if a.mode == "webhook" {
		<-ctx.Done()
		return nil
	}
	for {
		u, ok := a.platform.first()
		if !ok {
			select {
			case <-ctx.Done():
				return nil
			case <-a.platform.bell:
			}
			continue
		}
		switch err := in.Accept(ctx, a.envelope(u)); {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it ended because it was told to
		case err != nil:
			return fault.New(fault.Retryable, "receive", err)
		}
		a.platform.confirm()
	}
}

func (a *adapter) Webhook(in adapters.Inbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !authentic(r) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		u, status := readBody(w, r)
		if status == http.StatusOK && in.Accept(r.Context(), a.envelope(u)) != nil {
			status = http.StatusServiceUnavailable
		}
		w.WriteHeader(status)
	})
}

func (a *adapter) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	pieces := render(r)
	id, err := a.platform.post(ctx, string(r.To.Chat), pieces[len(r.Sent)])
	if err != nil {
		return core.Receipt{}, classify(err)
	}
	return core.Receipt{Message: core.MessageID(id), At: time.Now(), More: len(r.Sent)+1 < len(pieces)}, nil
}

func (a *adapter) Edit(_ context.Context, id core.MessageID, r core.Reply) (core.Receipt, error) {
	pieces := render(r)
	if err := a.platform.edit(string(r.To.Chat), string(id), pieces[len(r.Sent)]); err != nil {
		return core.Receipt{}, classify(err)
	}
	return core.Receipt{Message: id, At: time.Now(), More: len(r.Sent)+1 < len(pieces)}, nil
}

func (a *adapter) Draft(context.Context, core.Reply) error         { return nil }
func (a *adapter) Typing(context.Context, core.Conversation) error { return nil }

// errBroken stands for errors whose words name the token.
var errBroken = errors.New("connection broke")

func classify(err error) error {
	var limit flood
	switch {
	case errors.As(err, &limit):
		return fault.New(fault.RateLimited, "send", err, fault.WithWait(limit.wait))
	case errors.Is(err, errDropped):
		return fault.New(fault.Retryable, "send", errBroken, fault.Unsure())
	case errors.Is(err, errUnknown):
		return fault.New(fault.NeedsHuman, "send", err)
	case errors.Is(err, errDown):
		return fault.New(fault.Retryable, "send", err)
	default:
		return fault.New(fault.Permanent, "send", err)
	}
}

func isFile(f adapters.Feature) bool {
	switch f {
	case adapters.FeatureImage, adapters.FeatureVoice, adapters.FeatureAudio, adapters.FeatureVideo, adapters.FeatureDocument:
		return true
	default:
		return false
	}
}

func isNoFile(f adapters.Feature) bool { return !isFile(f) }
