package discord

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	signatureHeader = "X-Signature-Ed25519"
	timestampHeader = "X-Signature-Timestamp"
	// maxBody bounds the body of one call; an interaction with all it may carry has less.
	maxBody = 1 << 20
	// maxAge is how old, or how far ahead, the time of a call may be.
	maxAge = 5 * time.Minute
)

var errNotJSON = errors.New("the body is not an interaction")

// Webhook implements adapters.Webhooker.
func (a *Adapter) Webhook(in adapters.Inbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		data, status := transport.ReadBody(w, r, maxBody, a.refuse)
		switch {
		case status != 0:
			w.WriteHeader(status)
			return
		// Nothing of a body is read before it is known to be Discord's, which tries wrong
		// signatures now and then and wants 401.
		case !a.signed(r.Header, data):
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var i interaction
		if err := json.Unmarshal(data, &i); err != nil || i.Type == 0 {
			a.refuse(fault.New(fault.Permanent, "webhook", errNotJSON))
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer, err := a.take(r.Context(), in, &i)
		if err != nil {
			w.Header().Set("Retry-After", transport.RetryAfter(err))
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer) // a caller that left needs no answer
	})
}

// signed tells whether Discord wrote this body, and lately
// (https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint).
func (a *Adapter) signed(h http.Header, body []byte) bool {
	stamp := h.Get(timestampHeader)
	signature, err := hex.DecodeString(h.Get(signatureHeader))
	if err != nil || len(signature) != ed25519.SignatureSize || len(a.key) != ed25519.PublicKeySize {
		return false
	}
	if !ed25519.Verify(a.key, append([]byte(stamp), body...), signature) {
		return false
	}
	n, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil && a.now().Sub(time.Unix(n, 0)).Abs() <= maxAge
}

// take stores an interaction and gives what Discord is answered.
func (a *Adapter) take(ctx context.Context, in adapters.Inbox, i *interaction) (string, error) {
	switch i.Type {
	case interactionPing:
		return kindOnly(answerPong), nil
	case interactionComplete:
		return `{"type":` + strconv.Itoa(answerAutocompleteAll) + `,"data":{"choices":[]}}`, nil
	}
	e := a.reader().interaction(i, a.now())
	e.Trace = core.NewTraceID()
	p, lost := a.expect(ctx, e, i)
	if err := in.Accept(ctx, e); err != nil {
		a.deferring.Take(e.ID)
		return "", err
	}
	if lost != nil {
		a.rememberLate(ctx, e.ID, lost)
	}
	if p == nil {
		return kindOnly(answerDeferredUpdate), nil
	}
	p.settle()
	return kindOnly(p.kind()), nil
}

func kindOnly(kind int) string { return `{"type":` + strconv.Itoa(kind) + `}` }
