package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// A slash command or a button can be used where the bot is no member and may not post.
// With each comes an address that takes a few answers all the same
// (https://docs.slack.dev/interactivity/handling-user-interaction#message_responses).
// It is kept in memory only: behind a restart such an answer fails, and says why.

const (
	// responseUses and responseLife are what an address is good for.
	responseUses = 5
	responseLife = 30 * time.Minute
	// responseID begins the ids of answers that were given this way: Slack tells none.
	responseID = "response."
)

// responder is where an interaction can be answered.
type responder struct {
	url   string
	uses  int
	until time.Time
}

// outside are the refusals of a place the bot is not in.
var outside = map[string]bool{"not_in_channel": true, "channel_not_found": true}

// responseURL is where a delivery can be answered; "" for nowhere.
func (in incoming) responseURL() string {
	switch {
	case in.Command != nil:
		return in.Command.ResponseURL
	case in.Interaction != nil:
		return in.Interaction.ResponseURL
	}
	return ""
}

// mayRespond remembers where an envelope can be answered.
func (a *Adapter) mayRespond(e core.Envelope, address string) {
	if address == "" {
		return
	}
	a.responders.Change(e.ID, func(was responder) responder {
		if was.url == address { // it comes again
			return was
		}
		return responder{url: address, uses: responseUses, until: a.now().Add(responseLife)}
	})
}

// fromOutside answers an interaction where the bot may not post; refusal is the error when
// there is no way. Such a message cannot be looked for: whose outcome is unknown stays so.
func (a *Adapter) fromOutside(ctx context.Context, r core.Reply, m outgoing, more bool, refusal error) (core.Receipt, error) {
	to, known := a.responders.Get(r.ID.Envelope())
	if !known || !r.Final || m.file != nil || to.uses == 0 || a.now().After(to.until) {
		return core.Receipt{}, refusal
	}
	a.responders.Change(r.ID.Envelope(), func(was responder) responder { was.uses--; return was })
	payload := map[string]any{"response_type": slackgo.ResponseTypeInChannel, "replace_original": false, "text": m.text}
	if len(m.blocks) > 0 {
		payload["blocks"] = m.blocks
	}
	if r.To.Thread != "" {
		payload["thread_ts"] = string(r.To.Thread)
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return core.Receipt{}, fault.New(fault.Bug, "respond", err)
	}
	if err := a.api.respond(ctx, to.url, body); err != nil {
		return core.Receipt{}, err
	}
	id := responseID + string(r.ID) + "." + strconv.Itoa(len(r.Sent))
	return core.Receipt{Message: core.MessageID(id), At: a.now().UTC(), More: more}, nil
}

// responded tells whether the pieces before went out as answers to an interaction.
func responded(r core.Reply) bool {
	return len(r.Sent) > 0 && strings.HasPrefix(string(r.Sent[len(r.Sent)-1]), responseID)
}

// respond posts an answer to an interaction. The address is a secret of its own: no token
// goes with it and no error names it.
func (a *api) respond(ctx context.Context, address string, body []byte) error {
	u, err := url.Parse(address)
	if err != nil || !a.ours(u) {
		return fault.New(fault.Permanent, "respond", errForeignHost)
	}
	return a.call(ctx, "respond", func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		resp, err := doer{a.http}.Do(req)
		if err != nil {
			return err
		}
		words, err := io.ReadAll(resp.Body)
		if closeErr := resp.Body.Close(); err == nil {
			err = closeErr
		}
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusTooManyRequests:
			return &slackgo.RateLimitedError{RetryAfter: waitOf(resp)}
		case resp.StatusCode >= http.StatusInternalServerError:
			return slackgo.StatusCodeError{Code: resp.StatusCode}
		case resp.StatusCode != http.StatusOK:
			return slackgo.SlackErrorResponse{Err: fmt.Sprintf("%d.%s", resp.StatusCode, strings.TrimSpace(string(words)))}
		}
		return nil
	})
}
