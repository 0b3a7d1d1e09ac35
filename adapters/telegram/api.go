package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/secret"
)

const (
	// callTimeout bounds one call that is answered at once.
	callTimeout = 30 * time.Second
	// maxAnswer bounds what is read of one answer; a batch of updates has about 4 MB.
	maxAnswer = 32 << 20
)

var (
	errShape         = errors.New("the result has another shape than the documented one")
	errAnswerNotJSON = errors.New("the answer is not JSON")
)

// params are the arguments of a call; nested values are JSON.
type params = tgbotapi.Params

// api makes calls with one token. It repeats nothing.
type api struct {
	account string
	token   secret.String
	base    string
	http    *http.Client
	// close gives back idle connections of a client nobody else uses.
	close func()
}

func newAPI(account string, c *Config, client *http.Client) *api {
	own, release := transport.NewClient(client, pollTimeout+callTimeout) // a long poll is answered late
	return &api{account: account, token: c.Token, base: strings.TrimRight(c.APIURL, "/"), http: own, close: release}
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

// clean makes an error that names no token.
func (a *api) clean(ctx context.Context, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		err = errAnswerNotJSON
	}
	return transport.Clean(ctx, err, a.redact)
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
	trace      transport.Trace
}

// Do implements tgbotapi.HTTPClient.
func (b *bound) Do(req *http.Request) (*http.Response, error) {
	resp, err := b.http.Do(req.WithContext(b.trace.Follow(b.ctx)))
	if err != nil {
		return nil, err
	}
	b.status = resp.StatusCode
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		b.retryAfter = n
	}
	resp.Body = transport.Bounded(resp.Body, maxAnswer)
	return resp, nil
}

// sent tells whether the server may have the whole request.
func (b *bound) sent() bool { return b.status != 0 || b.trace.Sent(b.ctx) }
