package slack

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"

	slackgo "github.com/slack-go/slack"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// maxBody bounds the body of one call.
	maxBody = 4 << 20
	// maxChallenge bounds what is said back when Slack asks whether this is the address.
	maxChallenge = 1 << 10
)

// Webhook implements adapters.Webhooker: one address for events, slash commands and
// interactive payloads.
func (a *Adapter) Webhook(in adapters.Inbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, status := a.verified(w, r)
		if status == 0 {
			status = a.answer(w, r, in, data)
		}
		if status != 0 {
			w.WriteHeader(status)
		}
	})
}

// verified reads the body and makes sure that it is Slack's: signed, and not more than
// five minutes ago. Nothing of it is looked at before. status 0 means that it is
// (https://docs.slack.dev/authentication/verifying-requests-from-slack).
func (a *Adapter) verified(w http.ResponseWriter, r *http.Request) (data []byte, status int) {
	if a.config.SigningSecret.IsZero() { // in socket mode; anybody could sign with it
		return nil, http.StatusUnauthorized
	}
	verifier, err := slackgo.NewSecretsVerifier(r.Header, a.config.SigningSecret.Reveal())
	if err != nil {
		return nil, http.StatusUnauthorized
	}
	if data, status = transport.ReadBody(w, r, maxBody, a.refuse); status != 0 {
		return nil, status
	}
	if _, err := verifier.Write(data); err != nil || verifier.Ensure() != nil {
		return nil, http.StatusUnauthorized
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, http.StatusMethodNotAllowed
	}
	return data, 0
}

// answer stores what a call brings. Status 0 means that the answer was written.
func (a *Adapter) answer(w http.ResponseWriter, r *http.Request, in adapters.Inbox, data []byte) (status int) {
	d, err := readBody(r.Header.Get("Content-Type"), data)
	if err != nil {
		a.refuse(fault.New(fault.Permanent, "webhook", err))
		return http.StatusBadRequest
	}
	if d.Event != nil && d.Event.Type == "url_verification" {
		return a.challenge(w, d.Event.Challenge)
	}
	if d.what == sslCheck {
		return http.StatusOK
	}
	if err = a.identify(r.Context()); err == nil {
		err = a.store(r.Context(), in, d)
	}
	if err != nil {
		// A hint for people who read along: Slack has a schedule of its own.
		w.Header().Set("Retry-After", transport.RetryAfter(err))
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// challenge says back what Slack sent when somebody typed the address into the console.
func (a *Adapter) challenge(w http.ResponseWriter, text string) (status int) {
	if len(text) > maxChallenge {
		return http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if _, err := io.WriteString(w, text); err != nil {
		a.log.Debug().Err(err).Msg("the answer to a challenge was not written")
	}
	return 0
}

// sslCheck is a call that brings nothing: Slack looks at the certificate.
const sslCheck = "ssl_check"

// readBody tells the three kinds of calls apart. An event whose inside cannot be read
// is still one; a body that is none of the three is an error.
func readBody(contentType string, data []byte) (incoming, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/x-www-form-urlencoded" {
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil {
			return incoming{}, errNotJSON
		}
		d, _ := decode(kindEvents, data) // of any shape
		return d, nil
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return incoming{}, errNotJSON
	}
	if payload := form.Get("payload"); payload != "" {
		return decode(kindInteractive, []byte(payload))
	}
	d := incoming{raw: data, what: kindCommand}
	if form.Get("ssl_check") != "" {
		d.what = sslCheck
		return d, nil
	}
	if form.Get("command") == "" {
		return incoming{}, errNotJSON
	}
	d.Command = &slash{
		TeamID: form.Get("team_id"), ChannelID: form.Get("channel_id"), UserID: form.Get("user_id"), UserName: form.Get("user_name"),
		Command: form.Get("command"), Text: form.Get("text"), TriggerID: form.Get("trigger_id"), ThreadTS: form.Get("thread_ts"),
		ResponseURL: form.Get("response_url"),
	}
	return d, nil
}
