package whatsapp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// The error codes that are told apart
// (https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes).
const (
	codeAuth            = 0
	codeUnknown         = 1
	codeService         = 2
	codeCapability      = 3
	codeTooManyCalls    = 4
	codePermission      = 10
	codeNumberDeleted   = 33
	codeParameter       = 100
	codeTokenExpired    = 190
	codePolicyBlock     = 368
	codeAccountRate     = 80007
	codeNumberRate      = 130429
	codeAccessDenied    = 131005
	codeSomethingWrong  = 131000
	codeServiceDown     = 131016
	codeAccountLocked   = 131031
	codeUnpaid          = 131042
	codeUnregistered    = 131045
	codeReengage        = 131047
	codeSpam            = 131048
	codePairRate        = 131056
	codeMaintenance     = 131057
	codeServerBusy      = 133004
	codeNotRegistered   = 133010
	codeRegisterTooFast = 133016
	// From here to there a code is about the message: its parameters (131008, 131009), its
	// receiver (131026, 131030), the window (131047), its media (131051 to 131053), or its
	// template (132000 and on). Those about the account are told apart before.
	codeMessageFirst = 131008
	codeMessageLast  = 132999
)

// Waits for limits that do not say their own: the number's throughput is counted by
// the second, a pair's by six, the account's calls by the hour.
const (
	waitNumber  = time.Second
	waitPair    = 6 * time.Second
	waitAccount = time.Minute
)

// answer is what came of one call, free of anything secret.
type answer struct {
	// op names the call for the log.
	op string
	// leaves is true for a call that leaves a message.
	leaves bool
	// status is the HTTP status; 0 when no answer came.
	status int
	// refusal is the API's own error; nil when it gave none.
	refusal    *refusal
	retryAfter time.Duration
	// sent is true when the request may have reached the server.
	sent bool
	// cause is why there is no verdict, redacted.
	cause error
}

// refusal is the API's own "no". It stays in the chain of the fault so that the few
// refusals with a way around them can be told from the rest.
type refusal struct {
	code int
	text string
}

func (r *refusal) Error() string { return fmt.Sprintf("code %d: %s", r.code, r.text) }

// refused tells whether an error is the API's refusal of this code.
func refused(err error, code int) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == code
}

func refusalOf(e apiError) *refusal {
	text := e.Message
	if text == "" {
		text = e.Title
	}
	if d := e.ErrorData.Details; d != "" && !strings.Contains(text, d) {
		text += " (" + d + ")"
	}
	return &refusal{code: e.Code, text: clip(text)}
}

// clip bounds words of a stranger that go into a log.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		s = s[:most] + ellipsis
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// fault decides what a failed call means. account goes into the texts a human acts on.
func (a answer) fault(account string) *fault.Error {
	if a.refusal == nil {
		return a.silent(account)
	}
	r := a.refusal
	human := func(what string) *fault.Error {
		return fault.New(fault.NeedsHuman, a.op, fmt.Errorf("account %s: %s (%w)", account, what, r))
	}
	limited := func(scope fault.Scope, wait time.Duration) *fault.Error {
		if a.retryAfter > 0 {
			wait = a.retryAfter
		}
		return fault.New(fault.RateLimited, a.op, r, fault.WithScope(scope), fault.WithWait(wait))
	}
	switch {
	case r.code == codeTokenExpired, r.code == codeAuth:
		return human("the access token is not valid any more; make a new one for the system user (Meta Business Suite, System users) and put it into the configuration")
	case r.code == codeCapability, r.code == codePermission, r.code >= 200 && r.code <= 299, r.code == codeAccessDenied:
		return human("the access token lacks a permission; it needs whatsapp_business_messaging and the WhatsApp account among its assets (Meta Business Suite, System users)")
	case r.code == codeNumberDeleted, r.code == codeUnregistered, r.code == codeNotRegistered:
		return human("the phone number is not registered; look at WhatsApp Manager, Phone numbers")
	case r.code == codePolicyBlock, r.code == codeAccountLocked, r.code == codeSpam:
		return human("Meta restricted the account; look at WhatsApp Manager, Account quality")
	case r.code == codeUnpaid:
		return human("the account's payment method does not work; look at Meta Business Suite, Billing")
	case r.code == codePairRate:
		return limited(fault.ScopeChat, waitPair)
	case r.code == codeNumberRate:
		return limited(fault.ScopeAccount, waitNumber)
	case r.code == codeTooManyCalls, r.code == codeAccountRate, r.code == codeRegisterTooFast:
		return limited(fault.ScopeAccount, waitAccount)
	case r.code == codeServiceDown, r.code == codeServerBusy, r.code == codeMaintenance:
		// The API itself says that it takes nothing now.
		return fault.New(fault.Retryable, a.op, r, fault.WithWait(a.retryAfter))
	case r.code == codeParameter, r.code >= codeMessageFirst && r.code <= codeMessageLast:
		// The message is one the platform will never take, whatever the status says.
		return fault.New(fault.Permanent, a.op, r)
	case r.code == codeUnknown, r.code == codeService, r.code == codeSomethingWrong, a.status >= http.StatusInternalServerError:
		return a.unknown(r)
	default:
		return fault.New(fault.Permanent, a.op, r)
	}
}

// silent is for calls without a verdict: no answer, half of one, or a page of
// something that stands in front of the server.
func (a answer) silent(account string) *fault.Error {
	switch {
	case !a.sent && a.status == 0:
		return fault.New(fault.Retryable, a.op, a.cause)
	case a.status == http.StatusTooManyRequests:
		wait := a.retryAfter
		if wait == 0 {
			wait = waitAccount
		}
		return fault.New(fault.RateLimited, a.op, a.cause, fault.WithWait(wait), fault.WithScope(fault.ScopeAccount))
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return fault.New(fault.NeedsHuman, a.op, fmt.Errorf("account %s: status %d: %w", account, a.status, a.cause))
	case a.status >= http.StatusMultipleChoices && a.status < http.StatusInternalServerError:
		return fault.New(fault.Permanent, a.op, fmt.Errorf("status %d without a verdict: %w", a.status, a.cause))
	default:
		return a.unknown(a.cause)
	}
}

// unknown is a failure that may heal; of a message nobody knows whether it was left.
func (a answer) unknown(cause error) *fault.Error {
	cause = fmt.Errorf("status %d: %w", a.status, cause)
	if a.leaves {
		return fault.New(fault.Retryable, a.op, cause, fault.WithWait(a.retryAfter), fault.Unsure())
	}
	return fault.New(fault.Retryable, a.op, cause, fault.WithWait(a.retryAfter))
}

func permanent(op, format string, args ...any) error {
	return fault.New(fault.Permanent, op, fmt.Errorf(format, args...))
}
