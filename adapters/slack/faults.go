package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/fault"
)

// refusal is the Web API's own "no": an answer with ok false. It stays in the chain
// of the fault so that the few refusals with a meaning of their own can be told apart.
type refusal struct {
	code   string
	needed string
}

func (r *refusal) Error() string { return r.code }

// refused reads the Web API's refusal out of an error; "" when it is another failure.
func refused(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.code
	}
	return ""
}

func permanent(op, format string, args ...any) error {
	return fault.New(fault.Permanent, op, fmt.Errorf(format, args...))
}

// What a human must do about a code, beginning with what is wrong
// (https://docs.slack.dev/reference/methods/chat.postMessage#errors).
var humanCodes = map[string]string{
	"invalid_auth":             "the token is not valid: copy it again from OAuth & Permissions at https://api.slack.com/apps",
	"not_authed":               "no token was given: copy it from OAuth & Permissions at https://api.slack.com/apps",
	"account_inactive":         "the token belongs to a deleted user or workspace, or the app was uninstalled: install the app again at https://api.slack.com/apps",
	"token_revoked":            "the token was revoked: install the app again at https://api.slack.com/apps and give the new token",
	"token_expired":            "the token expired: turn token rotation off for the app at https://api.slack.com/apps and give a new token",
	"not_allowed_token_type":   "this kind of token may not make the call: bot_token begins with xoxb-, app_token with xapp-",
	"no_permission":            "the workspace does not let the app do this: an admin must allow it",
	"org_login_required":       "the workspace is being moved to an organization: wait for its admins, then install the app again",
	"ekm_access_denied":        "the workspace's admins suspended the access to its messages",
	"enterprise_is_restricted": "the organization does not let the app make this call: an admin must allow it",
	"team_access_not_granted":  "the app is not approved for this workspace: an admin must approve it",
	"access_denied":            "the app may not do this in this workspace: an admin must allow it",
	"app_missing_action_url":   "a button cannot work: switch Interactivity on at https://api.slack.com/apps",
}

// unsureCodes: Slack says of these that some of what was asked may have been done.
var unsureCodes = map[string]bool{"fatal_error": true, "internal_error": true}

// retryCodes: nothing was done and it will probably work later.
var retryCodes = map[string]bool{
	"service_unavailable": true, "request_timeout": true, "team_added_to_org": true, "accesslimited": true,
}

// answer is what is known of one call besides its error.
type answer struct {
	op      string
	account string
	// status is the HTTP status; 0 when no answer came.
	status int
	// sent is true when the request may have reached the server.
	sent bool
}

// fault decides what a failed call means. err holds nothing secret.
func (a answer) fault(err error) *fault.Error {
	var limited *slackgo.RateLimitedError
	var no slackgo.SlackErrorResponse
	var status slackgo.StatusCodeError
	switch {
	case errors.As(err, &limited):
		return fault.New(fault.RateLimited, a.op, err, fault.WithWait(max(limited.RetryAfter, time.Second)), fault.WithScope(scopeOf(a.op)))
	case errors.As(err, &no):
		return a.refusal(&refusal{code: word(no.Err), needed: word(no.Needed)})
	case errors.As(err, &status):
		return a.plain(status.Code, err)
	case a.status != 0 && a.status != http.StatusOK:
		return a.plain(a.status, err)
	case a.sent:
		return fault.New(fault.Retryable, a.op, fmt.Errorf("the answer was lost: %w", err), fault.Unsure())
	default:
		return fault.New(fault.Retryable, a.op, err)
	}
}

// plain is for answers without a verdict: a page of something that stands in front.
func (a answer) plain(code int, err error) *fault.Error {
	switch {
	case code == http.StatusTooManyRequests:
		return fault.New(fault.RateLimited, a.op, err, fault.WithWait(time.Second), fault.WithScope(scopeOf(a.op)))
	case code >= http.StatusInternalServerError:
		// Seen behind messages that were posted all the same.
		return fault.New(fault.Retryable, a.op, err, fault.Unsure())
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fault.New(fault.NeedsHuman, a.op, fmt.Errorf("account %s: status %d: what stands before the server refuses the hub", a.account, code))
	default:
		return fault.New(fault.Retryable, a.op, fmt.Errorf("status %d without a verdict: %w", code, err))
	}
}

func (a answer) refusal(r *refusal) *fault.Error {
	switch {
	case r.code == "ratelimited" || r.code == "rate_limited":
		return fault.New(fault.RateLimited, a.op, r, fault.WithWait(time.Second), fault.WithScope(scopeOf(a.op)))
	case r.code == "missing_scope":
		scope := r.needed
		if scope == "" {
			scope = "that this call needs"
		}
		return a.human(r, "the app lacks the scope "+scope+": add it under OAuth & Permissions at https://api.slack.com/apps and install the app again")
	case humanCodes[r.code] != "":
		return a.human(r, humanCodes[r.code])
	case unsureCodes[r.code]:
		return fault.New(fault.Retryable, a.op, r, fault.Unsure())
	case retryCodes[r.code]:
		return fault.New(fault.Retryable, a.op, r)
	default:
		return fault.New(fault.Permanent, a.op, r)
	}
}

func (a answer) human(r *refusal, todo string) *fault.Error {
	return fault.New(fault.NeedsHuman, a.op, fmt.Errorf("account %s: %s (%w)", a.account, todo, r))
}

var wordShape = regexp.MustCompile(`^[a-z0-9_:.,-]{0,120}$`)

// word is a code as servers give them; whatever else stands there is not repeated.
func word(code string) string {
	if !wordShape.MatchString(code) || strings.Contains(code, "xox") || strings.Contains(code, "xapp-") {
		return "a code of an odd shape"
	}
	return code
}

var ticket = regexp.MustCompile(`(wss?://)[^\s"]+`)

// clean makes an error that names no token and no one-use address. The library's own
// errors hold neither and stay as they are; of others only the words survive, and
// the context's error for errors.Is.
func (a *api) clean(ctx context.Context, err error) error {
	var limited *slackgo.RateLimitedError
	var no slackgo.SlackErrorResponse
	var status slackgo.StatusCodeError
	if errors.As(err, &status) {
		return slackgo.StatusCodeError{Code: status.Code, Status: fmt.Sprint(status.Code, " ", http.StatusText(status.Code))}
	}
	if errors.As(err, &limited) || errors.As(err, &no) {
		return err
	}
	return transport.Clean(ctx, err, func(words string) string {
		words = ticket.ReplaceAllString(words, "$1[redacted]")
		for _, s := range a.secrets {
			words = s.Redact(words)
		}
		return words
	})
}
