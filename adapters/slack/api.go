package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/secret"
)

const (
	// callTimeout bounds one call.
	callTimeout = 30 * time.Second
	// maxAnswer bounds what is read of one answer.
	maxAnswer = 16 << 20
)

// api makes calls with one account's tokens. It repeats nothing.
type api struct {
	account  string
	endpoint string
	bot      secret.String
	app      secret.String
	secrets  []secret.String
	http     *http.Client
	// close gives back idle connections of a client nobody else uses.
	close  func()
	client *slackgo.Client
}

func newAPI(account string, c *Config, client *http.Client) *api {
	a := &api{
		account: account, endpoint: c.endpoint(), bot: c.BotToken, app: c.AppToken,
		secrets: []secret.String{c.BotToken, c.AppToken, c.SigningSecret},
	}
	a.http, a.close = transport.NewClient(client, callTimeout)
	a.client = a.library(doer{a.http})
	return a
}

// httpDoer is what the library makes its calls with.
type httpDoer interface {
	Do(*http.Request) (*http.Response, error)
}

func (a *api) library(client httpDoer) *slackgo.Client {
	return slackgo.New(a.bot.Reveal(), slackgo.OptionAppLevelToken(a.app.Reveal()),
		slackgo.OptionAPIURL(a.endpoint), slackgo.OptionHTTPClient(client))
}

// call makes one call of the library under a time limit. The error is a fault.
func (a *api) call(ctx context.Context, op string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	t := &track{}
	err := f(context.WithValue(ctx, trackKey{}, t))
	if err == nil {
		return nil
	}
	status := int(t.status.Load())
	return answer{op: op, account: a.account, status: status, sent: t.sent(ctx)}.fault(a.clean(ctx, err))
}

// verdict is what every answer of the Web API has.
type verdict struct {
	OK     bool   `json:"ok"`
	Error  string `json:"error"`
	Needed string `json:"needed"`
}

// ask makes a call whose answer the library would be too strict about: out gets the
// fields it names, whatever else there is.
func (a *api) ask(ctx context.Context, method string, args url.Values, out any) error {
	return a.call(ctx, method, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint+method, strings.NewReader(args.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "Bearer "+a.bot.Reveal())
		resp, err := doer{a.http}.Do(req)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(resp.Body)
		if closeErr := resp.Body.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		return read(resp, data, out)
	})
}

// read takes an answer apart as the library does.
func read(resp *http.Response, data []byte, out any) error {
	if resp.StatusCode == http.StatusTooManyRequests {
		return &slackgo.RateLimitedError{RetryAfter: waitOf(resp)}
	}
	if resp.StatusCode != http.StatusOK {
		return slackgo.StatusCodeError{Code: resp.StatusCode, Status: resp.Status}
	}
	var v verdict
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	if !v.OK {
		return slackgo.SlackErrorResponse{Err: v.Error, Needed: v.Needed}
	}
	return json.Unmarshal(data, out)
}

// waitOf is how long an answer tells to wait; a second when it does not say.
func waitOf(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return time.Second
	}
	return time.Duration(seconds) * time.Second
}

// trackKey finds the track of a call in its context.
type trackKey struct{}

// track is what the library forgets of a call.
type track struct {
	status atomic.Int64
	trace  transport.Trace
}

// sent tells whether the server may have the whole request.
func (t *track) sent(ctx context.Context) bool { return t.status.Load() != 0 || t.trace.Sent(ctx) }

// doer makes the calls of the library: it follows them and bounds their answers.
type doer struct{ http *http.Client }

// Do makes one request.
func (d doer) Do(req *http.Request) (*http.Response, error) {
	t, ok := req.Context().Value(trackKey{}).(*track)
	if !ok {
		t = &track{}
	}
	resp, err := d.http.Do(req.WithContext(t.trace.Follow(req.Context()))) //nolint:gosec // the operator chose the address
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the address
		}
		return nil, err
	}
	t.status.Store(int64(resp.StatusCode))
	resp.Body = transport.Bounded(resp.Body, maxAnswer)
	return resp, nil
}
