package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

const (
	// responseKind are notes of such addresses, by the envelopes they came with.
	responseKind = "response"
	// responseUses and responseLife are what an address is good for.
	responseUses = 5
	responseLife = 30 * time.Minute
	// responseID begins the ids of answers that were given this way: Slack tells none.
	responseID = "response."
)

// responder is where an interaction can be answered.
type responder struct {
	URL   string    `json:"url"`
	Uses  int       `json:"uses"`
	Until time.Time `json:"until"`
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

func (a *Adapter) responseNote(id core.EnvelopeID) core.Note {
	return core.Note{Account: a.account, Kind: responseKind, Key: string(id)}
}

// mayRespond remembers where an envelope can be answered.
func (a *Adapter) mayRespond(ctx context.Context, e core.Envelope, address string) {
	if address == "" {
		return
	}
	if err := a.keepResponder(ctx, e.ID, responder{URL: address, Uses: responseUses, Until: a.now().Add(responseLife)}); err != nil {
		a.log.Debug().Err(err).Msg("where an interaction can be answered is not remembered")
	}
}

// keepResponder is for as long as the address takes answers.
func (a *Adapter) keepResponder(ctx context.Context, id core.EnvelopeID, to responder) error {
	value, err := json.Marshal(to)
	if err != nil {
		return fault.New(fault.Bug, "respond", err)
	}
	return a.memory.Put(ctx, a.responseNote(id), value, min(to.Until.Sub(a.now()), responseLife))
}

// responder gives where an envelope can be answered, and counts the use: a chat's replies
// go out one by one.
func (a *Adapter) responder(ctx context.Context, id core.EnvelopeID) (to responder, ok bool, err error) {
	if id == "" {
		return to, false, nil
	}
	value, ok, err := a.memory.Get(ctx, a.responseNote(id))
	if err != nil || !ok {
		return to, false, err
	}
	if err := json.Unmarshal(value, &to); err != nil {
		return to, false, fault.New(fault.Bug, "respond", errOddNote)
	}
	if to.Uses == 0 || !a.now().Before(to.Until) {
		return to, false, nil
	}
	to.Uses--
	return to, true, a.keepResponder(ctx, id, to)
}

var errOddNote = errors.New("the note of an interaction cannot be read")

// fromOutside answers an interaction where the bot may not post; refusal is the error when
// there is no way. Such a message cannot be looked for: whose outcome is unknown stays so.
func (a *Adapter) fromOutside(ctx context.Context, r core.Reply, m outgoing, more bool, refusal error) (core.Receipt, error) {
	if !r.Final || m.file != nil {
		return core.Receipt{}, refusal
	}
	to, known, err := a.responder(ctx, r.ID.Envelope())
	switch {
	case err != nil:
		return core.Receipt{}, err
	case !known:
		return core.Receipt{}, refusal
	}
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
	if err := a.api.respond(ctx, to.URL, body); err != nil {
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
