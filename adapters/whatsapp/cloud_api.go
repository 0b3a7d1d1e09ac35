package whatsapp

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

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

const (
	// callTimeout bounds one call.
	callTimeout = 30 * time.Second
	// maxAnswer bounds what is read of one answer; the largest is a few kilobytes.
	maxAnswer = 1 << 20
	// longestWait bounds what a Retry-After is believed.
	longestWait = 24 * time.Hour
)

var (
	errShape   = errors.New("the answer has another shape than the documented one")
	errNotJSON = errors.New("the body is not JSON")
)

// api makes calls with one token. It repeats nothing.
type api struct {
	account string
	token   secret.String
	base    *url.URL
	version string
	http    *http.Client
	// close gives back idle connections of a client nobody else uses.
	close func()
}

func newAPI(account string, c *Config, client *http.Client) (*api, error) {
	base, err := url.Parse(strings.TrimRight(c.APIURL, "/"))
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "new adapter", fmt.Errorf("api_url: %w", err))
	}
	own, release := transport.NewClient(client, callTimeout)
	return &api{account: account, token: c.AccessToken, base: base, version: c.APIVersion, http: own, close: release}, nil
}

// call is one call: what it is for the log, its path below the version, and what it sends.
type call struct {
	op     string
	method string
	path   string
	query  url.Values
	// body is sent as JSON, form as it is; nil for none.
	body any
	form *transport.Form
	// leaves is true when the call leaves a message: an outcome can be unknown then.
	leaves bool
}

// do makes one call and decodes its answer into result (nil to ignore it). The error
// is a fault.
func (a *api) do(ctx context.Context, c call, result any) error {
	limit := callTimeout
	if c.form != nil {
		limit += adapters.FileTime(c.form.Size)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := answer{op: c.op, leaves: c.leaves}
	req, err := a.request(ctx, c)
	if err != nil {
		return fault.New(fault.Bug, c.op, errors.New(a.token.Redact(err.Error())))
	}
	var trace transport.Trace
	resp, err := a.http.Do(req.WithContext(trace.Follow(ctx)))
	if err != nil && c.form != nil && c.form.Err() != nil {
		return c.form.Err()
	}
	if err != nil {
		out.sent = trace.Sent(ctx)
		out.cause = a.clean(ctx, err)
		return out.fault(a.account)
	}
	defer func() { _ = resp.Body.Close() }() // what was read is complete or an error already
	out.sent, out.status = true, resp.StatusCode
	out.retryAfter = retryAfter(resp.Header)
	data, err := io.ReadAll(transport.Bounded(resp.Body, maxAnswer))
	switch {
	case errors.Is(err, transport.ErrAnswerTooLong):
		out.cause = err
		return out.fault(a.account)
	case err != nil:
		out.cause = fmt.Errorf("the answer was lost: %w", a.clean(ctx, err))
		return out.fault(a.account)
	case !json.Valid(data):
		out.cause = errNotJSON
		return out.fault(a.account)
	}
	out.refusal, out.cause = a.refusal(data), errShape
	if out.refusal != nil || resp.StatusCode != http.StatusOK {
		return out.fault(a.account)
	}
	if result != nil && json.Unmarshal(data, result) != nil {
		return out.fault(a.account)
	}
	return nil
}

func (a *api) request(ctx context.Context, c call) (*http.Request, error) {
	u := a.base.JoinPath(a.version, c.path)
	u.RawQuery = c.query.Encode()
	req, err := c.request(ctx, u.String())
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token.Reveal())
	return req, nil
}

func (c call) request(ctx context.Context, address string) (*http.Request, error) {
	switch {
	case c.form != nil:
		return c.form.Request(ctx, c.method, address)
	case c.body == nil:
		return http.NewRequestWithContext(ctx, c.method, address, http.NoBody)
	}
	data, err := json.Marshal(c.body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, c.method, address, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// refusal reads the API's error out of an answer; nil when there is none.
func (a *api) refusal(data []byte) *refusal {
	var body struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(data, &body); err != nil || body.Error == nil {
		return nil //nolint:nilerr // what cannot be read is no refusal
	}
	r := refusalOf(*body.Error)
	r.text = a.token.Redact(r.text)
	return r
}

// clean makes an error that names no token and no address.
func (a *api) clean(ctx context.Context, err error) error {
	return transport.Clean(ctx, err, a.token.Redact)
}

// retryAfter reads the header in seconds; 0 when there is none.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n <= 0 {
		return 0
	}
	return min(time.Duration(min(n, int(longestWait/time.Second)))*time.Second, longestWait)
}
