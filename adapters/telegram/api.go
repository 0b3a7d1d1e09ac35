package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/parley-hub/parley/core/secret"
)

const (
	// callTimeout bounds one call that is answered at once.
	callTimeout = 30 * time.Second
	// maxAnswer bounds what is read of one answer; a batch of updates has about 4 MB.
	maxAnswer = 32 << 20
)

var (
	errAnswerTooLong = errors.New("the answer is longer than any the server gives")
	errShape         = errors.New("the result has another shape than the documented one")
)

// params are the arguments of a call; nested values are JSON.
type params = tgbotapi.Params

// api makes calls with one token. It repeats nothing.
type api struct {
	account string
	token   secret.String
	base    string
	http    *http.Client
	owned   bool
}

func newAPI(account string, c *Config, client *http.Client) *api {
	owned := client == nil
	own := http.Client{}
	if owned {
		own.Transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			MaxIdleConnsPerHost:   32,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: pollTimeout + callTimeout,
			ForceAttemptHTTP2:     true,
		}
	} else {
		own = *client
	}
	// A long poll outlives a common client timeout, so each call brings its own. A
	// redirect would carry the token to another host.
	own.Timeout = 0
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &api{account: account, token: c.Token, base: strings.TrimRight(c.APIURL, "/"), http: &own, owned: owned}
}

// close gives back idle connections of a client nobody else uses.
func (a *api) close() {
	if a.owned {
		a.http.CloseIdleConnections()
	}
}

// call makes one call and decodes its result into result (nil to ignore it). The
// error is a fault.
func (a *api) call(ctx context.Context, method string, p params, result any) error {
	return a.callWithin(ctx, callTimeout, method, p, result)
}

func (a *api) callWithin(ctx context.Context, d time.Duration, method string, p params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	b := &bound{ctx: ctx, http: a.http}
	bot := tgbotapi.BotAPI{Token: a.token.Reveal(), Client: b}
	// The endpoint is a format: a percent sign in the address must survive it.
	bot.SetAPIEndpoint(strings.ReplaceAll(a.base, "%", "%%") + "/bot%s/%s")

	resp, err := bot.MakeRequest(method, p)
	if err != nil {
		return a.answer(method, b, resp, err).fault(a.account)
	}
	return a.decode(method, b, resp, result)
}

func (a *api) decode(method string, b *bound, resp *tgbotapi.APIResponse, result any) error {
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(resp.Result, result); err != nil {
		return answer{method: method, status: b.status, sent: true, cause: errShape}.fault(a.account)
	}
	return nil
}

// answer sorts out what MakeRequest tells in three different ways.
func (a *api) answer(method string, b *bound, resp *tgbotapi.APIResponse, err error) answer {
	out := answer{method: method, status: b.status, retryAfter: b.retryAfter, sent: b.sent()}
	var verdict *tgbotapi.Error
	if errors.As(err, &verdict) && (resp == nil || resp.Description != "" || resp.ErrorCode != 0) {
		out.spoke = true
		out.code, out.description = verdict.Code, a.redact(verdict.Message)
		out.migrateTo = verdict.MigrateToChatID
		if out.code == 0 {
			out.code = b.status
		}
		if verdict.RetryAfter > 0 {
			out.retryAfter = verdict.RetryAfter
		}
		return out
	}
	out.cause = a.clean(b.ctx, err)
	return out
}

// clean makes an error that names no token. Only the words survive, and the
// context's error for errors.Is: a cause further down might print the address.
func (a *api) clean(ctx context.Context, err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	var syntax *json.SyntaxError
	words := a.redact(err.Error())
	if errors.As(err, &syntax) {
		words = "the answer is not JSON"
	}
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%w (%s)", cause, words)
	}
	return errors.New(words)
}

func (a *api) redact(text string) string {
	text = a.token.Redact(text)
	return secret.New(url.PathEscape(a.token.Reveal())).Redact(text)
}

// bound is the HTTP client of one call. It binds the request to the call's
// context, which the library has no notion of, and keeps what the library forgets.
type bound struct {
	ctx        context.Context //nolint:containedctx // lives as long as the call
	http       *http.Client
	status     int
	retryAfter int
	connected  atomic.Bool
	wrote      atomic.Bool
}

// Do implements tgbotapi.HTTPClient.
func (b *bound) Do(req *http.Request) (*http.Response, error) {
	ctx := httptrace.WithClientTrace(b.ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { b.connected.Store(true) },
		WroteRequest: func(i httptrace.WroteRequestInfo) { b.wrote.Store(i.Err == nil) },
	})
	resp, err := b.http.Do(req.WithContext(ctx)) //nolint:gosec // the operator chose the address
	if err != nil {
		return nil, err
	}
	b.status = resp.StatusCode
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		b.retryAfter = n
	}
	resp.Body = &capped{ReadCloser: resp.Body, left: maxAnswer, over: errAnswerTooLong}
	return resp, nil
}

// sent tells whether the server may have the whole request. After a cancelled
// context the writer may still be at work, so a connection is enough.
func (b *bound) sent() bool {
	return b.status != 0 || b.wrote.Load() || (b.ctx.Err() != nil && b.connected.Load())
}

// capped reads up to left bytes; when more comes it fails with over.
type capped struct {
	io.ReadCloser
	left int64
	over error
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	if int64(n) > c.left {
		n, err = int(c.left), c.over
	}
	c.left -= int64(n)
	return n, err
}
