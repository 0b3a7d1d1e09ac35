package discord

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// codeAlreadyAnswered refuses a second answer to an interaction
// (https://docs.discord.com/developers/topics/opcodes-and-status-codes#json).
const codeAlreadyAnswered = 40060

// missing are what the bot lacks where Discord says only that something is, and where a
// human gives it.
var missing = map[int]string{
	50001: "the bot may not see this channel; invite it to the server with the scopes bot and applications.commands (" + console + ", page OAuth2), and allow its role to View Channel",
	50013: "the bot's role lacks a permission here; give it Send Messages, Send Messages in Threads, Attach Files and Read Message History (Server Settings, Roles)",
}

// console is where a human finds everything an error may send them to.
const console = "https://discord.com/developers/applications"

// answer is what came of one call, free of anything secret.
type answer struct {
	op     string
	status int
	// leaves is true for calls that leave or change a message.
	leaves bool
	// spoke is true when the answer was Discord's own: JSON with a message.
	spoke   bool
	code    int
	message string
	// wait is what a 429 asks for; 0 when it does not say.
	wait   time.Duration
	scope  string
	global bool
	// sent is true when the request may have reached the server.
	sent bool
	// cause is why there is no verdict, redacted.
	cause error
}

// refusal is Discord's own "no".
type refusal struct {
	status, code int
	message      string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s (code %d, status %d)", r.message, r.code, r.status)
}

// refused reads the refusal out of an error; nil when it is another failure.
func refused(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

func (r *refusal) is(code int) bool { return r != nil && r.code == code }

// fault decides what a failed call means. account goes into the texts a human acts on.
func (a answer) fault(account string) *fault.Error {
	cause := a.cause
	if a.spoke {
		cause = &refusal{status: a.status, code: a.code, message: a.message}
	}
	switch {
	case a.status == 0 && !a.sent:
		return fault.New(fault.Retryable, a.op, cause)
	case a.status == http.StatusTooManyRequests:
		return a.limited(cause)
	case a.status == http.StatusUnauthorized && a.spoke:
		return fault.New(fault.NeedsHuman, a.op, fmt.Errorf(
			"account %s: Discord does not know this token (%w): it was reset or mistyped; copy the current one from %s, page Bot, into the configuration",
			account, cause, console))
	case a.status == http.StatusServiceUnavailable:
		// Said by what stands before the API when it lets nobody in.
		return fault.New(fault.Retryable, a.op, a.silence(cause))
	case a.status >= http.StatusInternalServerError:
		// A message may have been stored before it went wrong.
		if a.leaves {
			return fault.New(fault.Retryable, a.op, a.silence(cause), fault.Unsure())
		}
		return fault.New(fault.Retryable, a.op, a.silence(cause))
	case a.spoke && a.status >= http.StatusBadRequest:
		// Unknown channel, missing access, a person who takes no messages: the same
		// each time.
		if hint := missing[a.code]; hint != "" {
			cause = fmt.Errorf("account %s: %s (%w)", account, hint, cause)
		}
		return fault.New(fault.Permanent, a.op, cause)
	case a.status >= http.StatusMultipleChoices:
		return fault.New(fault.Retryable, a.op, a.silence(cause))
	case a.leaves:
		return fault.New(fault.Retryable, a.op, fmt.Errorf("the answer was lost: %w", cause), fault.Unsure())
	default:
		return fault.New(fault.Retryable, a.op, fmt.Errorf("the answer was lost: %w", cause))
	}
}

func (a answer) silence(cause error) error {
	if a.spoke {
		return cause
	}
	return fmt.Errorf("status %d without a verdict: %w", a.status, cause)
}

// limited reads a 429. One that is not Discord's own comes from its edge and holds
// for everything from this address.
func (a answer) limited(cause error) *fault.Error {
	scope := fault.ScopeChat
	if a.global || a.scope == "global" || !a.spoke {
		scope = fault.ScopeAccount
	}
	return fault.New(fault.RateLimited, a.op, cause, fault.WithWait(max(a.wait, 50*time.Millisecond)), fault.WithScope(scope))
}

// seconds reads a wait, which may have a fraction.
func seconds(s float64) time.Duration {
	if math.IsNaN(s) || s <= 0 {
		return 0
	}
	return time.Duration(min(s, 24*3600) * float64(time.Second))
}

func headerSeconds(h http.Header, name string) time.Duration {
	s, err := strconv.ParseFloat(h.Get(name), 64)
	if err != nil {
		return 0
	}
	return seconds(s)
}

// closed decides what a close code of the gateway means
// (https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes).
func closed(account, application string, code int) *fault.Error {
	human := func(format string, args ...any) *fault.Error {
		return fault.New(fault.NeedsHuman, "gateway", fmt.Errorf("account "+account+": close code "+strconv.Itoa(code)+": "+format, args...))
	}
	page := console
	if application != "" {
		page += "/" + application + "/bot"
	}
	switch code {
	case closeAuthentication:
		return human("Discord does not know this token: it was reset or mistyped; copy the current one from %s into the configuration", page)
	case closeInvalidShard:
		return human("Discord does not take this shard; give all nodes of the hub the same shards")
	case closeShardingRequired:
		return human("the bot is in so many servers that it needs more shards; set shards of this channel, to what the log says that Discord recommends")
	case closeInvalidVersion:
		return human("Discord no longer speaks this version of the gateway; update the hub")
	case closeInvalidIntents:
		return human("Discord does not know the intents this version asks for; update the hub")
	case closeDisallowedIntents:
		return human("the bot may not read messages: switch on MESSAGE CONTENT INTENT under Privileged Gateway Intents on %s", page)
	case closeRateLimited:
		return fault.New(fault.RateLimited, "gateway", errTooFast, fault.WithWait(time.Minute), fault.WithScope(fault.ScopeMethod))
	default:
		return fault.New(fault.Retryable, "gateway", fmt.Errorf("the connection was closed with code %d", code))
	}
}

// Close codes of the gateway.
const (
	closeNotAuthenticated  = 4003
	closeAuthentication    = 4004
	closeInvalidSeq        = 4007
	closeRateLimited       = 4008
	closeSessionTimeout    = 4009
	closeInvalidShard      = 4010
	closeShardingRequired  = 4011
	closeInvalidVersion    = 4012
	closeInvalidIntents    = 4013
	closeDisallowedIntents = 4014
)

var errTooFast = errors.New("close code 4008: too many frames were sent to the gateway")

func permanent(op, format string, args ...any) error {
	return fault.New(fault.Permanent, op, fmt.Errorf(format, args...))
}
