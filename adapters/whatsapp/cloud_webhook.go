package whatsapp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// signatureHeader carries the HMAC of the body.
	signatureHeader = "X-Hub-Signature-256"
	// maxCall bounds the body of one call; the platform sends at most 3 MB.
	maxCall = 4 << 20
	// maxChallenge bounds what is told back when the webhook is set up.
	maxChallenge = 1 << 10
	// acceptAtOnce is how many people's messages of one call are stored side by side.
	acceptAtOnce = 16
	// statusPatience is how long a call is held for sends that are just ending.
	statusPatience = time.Second
)

var (
	errOtherNumber = errors.New("the call is about another phone number of the app")
	errOtherObject = errors.New("the call is about another product")
	errUnknown     = errors.New("a piece of the call has a shape this version cannot read")
)

// Webhook implements adapters.Webhooker.
func (a *Cloud) Webhook(in adapters.Inbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			a.challenge(w, r)
		case http.MethodPost:
			a.notified(w, r, in)
		default:
			w.Header().Set("Allow", http.MethodGet+", "+http.MethodPost)
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})
}

// challenge answers the call that Meta makes when the webhook is set up.
func (a *Cloud) challenge(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	challenge := q.Get("hub.challenge")
	if !a.config.VerifyToken.Equal(q.Get("hub.verify_token")) || q.Get("hub.mode") != "subscribe" || len(challenge) > maxChallenge {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if _, err := io.WriteString(w, challenge); err != nil { //nolint:gosec // plain text, told back only to who knows the token
		a.log.Debug().Err(err).Msg("challenge not answered")
	}
}

// notified takes a batch of changes.
func (a *Cloud) notified(w http.ResponseWriter, r *http.Request, in adapters.Inbox) {
	signature, ok := strings.CutPrefix(r.Header.Get(signatureHeader), "sha256=")
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	data, status := transport.ReadBody(w, r, maxCall, a.refuse)
	switch {
	case status != 0:
		w.WriteHeader(status)
		return
	case !a.signed(data, signature):
		// Nothing of a body is looked at before it is known to be Meta's.
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var n notification
	if err := json.Unmarshal(data, &n); err != nil {
		a.refuse(fault.New(fault.Permanent, "webhook", errNotJSON))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if err := a.take(r.Context(), in, n); err != nil {
		w.Header().Set("Retry-After", transport.RetryAfter(err))
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// signed tells whether the body was signed with the app's secret.
func (a *Cloud) signed(body []byte, signature string) bool {
	claimed, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(a.config.AppSecret.Reveal()))
	mac.Write(body)
	return hmac.Equal(claimed, mac.Sum(nil))
}

// take stores what a call brought: everything, or it fails and the call comes again.
func (a *Cloud) take(ctx context.Context, in adapters.Inbox, n notification) error {
	if n.Object != object {
		a.refuse(fault.New(fault.Permanent, "webhook", errOtherObject))
		return nil
	}
	r := reader{account: a.account, number: a.config.PhoneNumberID}
	now := a.now()
	var statuses []status
	var people lanes
	for _, e := range n.Entry {
		for _, raw := range e.Changes {
			got := r.change(raw, now)
			a.report(got)
			statuses = append(statuses, got.statuses...)
			for _, arrived := range got.arrivals {
				arrived.Trace = core.NewTraceID()
				people.add(arrived)
			}
		}
	}
	return errors.Join(a.accept(ctx, in, people), a.statuses(ctx, statuses, now))
}

// report tells what of a change is no envelope.
func (a *Cloud) report(got reading) {
	if got.foreign {
		a.log.Warn().Msg("webhook call about another phone number of the app dropped")
		a.refuse(fault.New(fault.Permanent, "webhook", errOtherNumber))
	}
	for range got.unread {
		a.refuse(fault.New(fault.Permanent, "webhook", errUnknown))
	}
	for _, e := range got.errors {
		err := answer{op: "account", refusal: refusalOf(e)}.fault(string(a.account))
		a.log.Error().Err(err).Int("code", e.Code).Msg("the platform reports a trouble of the account")
		a.refuse(err)
	}
}

// lanes are envelopes by chat, each chat's in the order they came.
type lanes struct {
	order []core.ChatID
	byID  map[core.ChatID][]arrival
}

func (l *lanes) add(e arrival) {
	if l.byID == nil {
		l.byID = map[core.ChatID][]arrival{}
	}
	if _, ok := l.byID[e.In.Chat]; !ok {
		l.order = append(l.order, e.In.Chat)
	}
	l.byID[e.In.Chat] = append(l.byID[e.In.Chat], e)
}

// accept stores envelopes: people side by side, the messages of one in order. Behind
// one that could not be stored none of the same person is.
func (a *Cloud) accept(ctx context.Context, in adapters.Inbox, people lanes) error {
	var workers sync.WaitGroup
	var mu sync.Mutex
	var failed error
	free := make(chan struct{}, acceptAtOnce)
	for _, chat := range people.order {
		free <- struct{}{}
		workers.Go(func() {
			defer func() { <-free }()
			for _, e := range people.byID[chat] {
				if err := in.Accept(ctx, e.Envelope); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				a.seen(ctx, e)
			}
		})
	}
	workers.Wait()
	return failed
}

// statuses keeps what became of sent messages. One that may prove that a message in doubt
// stands is kept before the platform may forget it.
func (a *Cloud) statuses(ctx context.Context, statuses []status, now time.Time) error {
	hurry, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	for _, s := range statuses {
		trace, failed, err := a.outcomes.take(ctx, hurry.Done(), s, moment(s.Timestamp, now))
		if err != nil {
			return err
		}
		if failed {
			a.undelivered(s, trace)
		}
	}
	return nil
}

// undelivered tells of a message that the platform took and then could not deliver.
func (a *Cloud) undelivered(s status, trace core.TraceID) {
	e := apiError{Title: "no reason given"}
	if len(s.Errors) > 0 {
		e = s.Errors[0]
	}
	err := fault.New(fault.Permanent, "deliver", refusalOf(e))
	reply, piece := ofOpaque(s.Opaque)
	a.log.Warn().Err(err).Int("code", e.Code).Str("reply", string(reply)).Str("piece", piece).Str("trace", string(trace)).
		Msg("a message that the platform had taken was not delivered")
	a.observe(core.Event{Stage: core.StageUndelivered, Trace: trace, Err: err})
}

// refuse counts what brought nothing an envelope could be made of.
func (a *Cloud) refuse(err error) {
	a.observe(core.Event{Stage: core.StageRefused, Kind: core.KindOther, Err: err})
}
