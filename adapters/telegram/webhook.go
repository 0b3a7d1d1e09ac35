package telegram

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// secretHeader carries what setWebhook was given as secret_token.
	secretHeader = "X-Telegram-Bot-Api-Secret-Token" //nolint:gosec // the name of a header
	// maxUpdate bounds the body of one webhook call.
	maxUpdate = 4 << 20
	// webhookConnections is how many calls the server may make at once; its default.
	webhookConnections = 40
)

// push sets the webhook and waits. The webhook stays when ctx ends: other nodes may
// serve it, and what comes while nobody does is kept by the server.
func (a *Adapter) push(ctx context.Context, in adapters.Inbox) error {
	p := params{
		"url":             a.publicURL,
		"secret_token":    a.secret.Reveal(),
		"allowed_updates": allowedUpdates,
		"max_connections": strconv.Itoa(webhookConnections),
	}
	if err := a.api.call(ctx, "setWebhook", p, nil); err != nil {
		return webhookFault(err)
	}
	var info webhookInfo
	err := a.api.call(ctx, "getWebhookInfo", nil, &info)
	if err != nil && fault.ClassOf(err) != fault.Permanent { // else a server that does not know the method
		return err
	}
	if err == nil && info.URL != a.publicURL {
		return fault.New(fault.NeedsHuman, "setWebhook", fmt.Errorf(
			"account %s: the server says the webhook is another address than %s: another process sets it with the same token",
			a.account, a.publicURL))
	}
	adapters.Connected(in)
	<-ctx.Done()
	return nil
}

// webhookFault: an address the server refuses will be refused until somebody changes it.
func webhookFault(err error) error {
	if r := refused(err); r != nil && fault.ClassOf(err) == fault.Permanent {
		return fault.New(fault.NeedsHuman, "setWebhook", fmt.Errorf(
			"the server refuses the public address (it must be https on port 443, 80, 88 or 8443): %w", r))
	}
	return err
}

// Webhook implements adapters.Webhooker.
func (a *Adapter) Webhook(in adapters.Inbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Nothing of a request is looked at before it is known to be Telegram's.
		if !a.secret.Equal(r.Header.Get(secretHeader)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		data, status := transport.ReadBody(w, r, maxUpdate, a.refuse)
		switch {
		case status != 0:
			w.WriteHeader(status)
			return
		case !json.Valid(data):
			a.refuse(fault.New(fault.Permanent, "webhook", errNotJSON))
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := a.take(r.Context(), in, data); err != nil {
			w.Header().Set("Retry-After", transport.RetryAfter(err))
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

// take stores one update.
func (a *Adapter) take(ctx context.Context, in adapters.Inbox, data []byte) error {
	if err := a.identify(ctx); err != nil {
		return err
	}
	_, e := a.read(data)
	if err := in.Accept(ctx, e); err != nil {
		return err
	}
	a.seen(e)
	return nil
}

// refuse counts a call that brought nothing an envelope could be made of.
func (a *Adapter) refuse(err error) {
	a.observe(core.Event{Stage: core.StageRefused, Account: a.account, Kind: core.KindOther, Err: err})
}
