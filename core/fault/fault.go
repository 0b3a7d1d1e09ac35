// Package fault is the hub's one axis of failure. Whoever sees an error first
// decides once what it means: may it be tried again, when, and who must act.
// Everybody behind (queue, deliverer, pool, HTTP, metrics) reads the class and
// never the words.
//
// What a person is told is separate from what the log says, and both carry the
// same short reference.
package fault

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"time"
)

// Class says what may be done about a failure.
type Class uint8

// The classes. The zero value is not a class.
const (
	// Retryable will probably heal by itself: try again, with growing waits.
	Retryable Class = iota + 1
	// RateLimited was told to wait: try again after Wait, not sooner. The wait is
	// not a failed attempt.
	RateLimited
	// NeedsHuman will not heal before somebody acts (a revoked token, an account
	// logged out). Work waits for it and is not thrown away.
	NeedsHuman
	// Permanent will fail the same way each time: give this one up, go on with the next.
	Permanent
	// Bug should not happen. Give this one up and say so loudly.
	Bug
)

// String is the class's stable name, used in logs and as a metric label.
func (c Class) String() string {
	switch c {
	case Retryable:
		return "retryable"
	case RateLimited:
		return "rate_limited"
	case NeedsHuman:
		return "needs_human"
	case Permanent:
		return "permanent"
	case Bug:
		return "bug"
	default:
		return "none"
	}
}

// Scope says how far a rate limit reaches.
type Scope uint8

// The scopes of a rate limit.
const (
	// ScopeUnknown: the platform did not say.
	ScopeUnknown Scope = iota
	// ScopeChat: only this chat must wait.
	ScopeChat
	// ScopeAccount: the whole account must wait.
	ScopeAccount
	// ScopeMethod: only this kind of call must wait.
	ScopeMethod
)

// Error is a failure with its class. Make it with New and the With functions.
type Error struct {
	class  Class
	op     string
	err    error
	wait   time.Duration
	scope  Scope
	public string
	ref    string
	unsure bool
}

// Option adds to an Error.
type Option func(*Error)

// New makes a failure of class in doing op ("send", "open journal"). The cause
// may be nil.
func New(class Class, op string, cause error, opts ...Option) *Error {
	e := &Error{class: class, op: op, err: cause}
	for _, o := range opts {
		o(e)
	}
	return e
}

// WithWait says how long to wait before the next try.
func WithWait(d time.Duration) Option { return func(e *Error) { e.wait = d } }

// WithScope says how far a rate limit reaches.
func WithScope(s Scope) Option { return func(e *Error) { e.scope = s } }

// WithPublic gives the words a person may read. They name no secret and no inside.
func WithPublic(text string) Option { return func(e *Error) { e.public = text } }

// WithRef gives the failure a short reference that the person and the log share.
func WithRef(ref string) Option { return func(e *Error) { e.ref = ref } }

// Unsure marks a failure whose outcome nobody knows: what was asked may have
// happened all the same. It must not be repeated blindly.
func Unsure() Option { return func(e *Error) { e.unsure = true } }

// Error gives the words for the log.
func (e *Error) Error() string {
	switch {
	case e.err == nil:
		return e.op
	case e.op == "":
		return e.err.Error()
	default:
		return fmt.Sprintf("%s: %v", e.op, e.err)
	}
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.err }

// ClassOf reads the class of an error: that of the outermost Error in its chain.
// A cancelled or expired context is Retryable; an error nobody classified is a
// Bug; nil has no class.
func ClassOf(err error) Class {
	if err == nil {
		return 0
	}
	if e := find(err); e != nil {
		return e.class
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Retryable
	}
	return Bug
}

// Wait reads how long the failure asks to wait; 0 when it does not say.
func Wait(err error) time.Duration {
	if e := find(err); e != nil {
		return e.wait
	}
	return 0
}

// ScopeOf reads how far a rate limit reaches.
func ScopeOf(err error) Scope {
	if e := find(err); e != nil {
		return e.scope
	}
	return ScopeUnknown
}

// Public reads the words for a person; "" when there are none.
func Public(err error) string {
	for e := find(err); e != nil; e = find(e.err) {
		if e.public != "" {
			return e.public
		}
	}
	return ""
}

// Ref reads the short reference; "" when none was given.
func Ref(err error) string {
	for e := find(err); e != nil; e = find(e.err) {
		if e.ref != "" {
			return e.ref
		}
	}
	return ""
}

// IsUnsure tells whether the outcome is unknown.
func IsUnsure(err error) bool {
	for e := find(err); e != nil; e = find(e.err) {
		if e.unsure {
			return true
		}
	}
	return false
}

func find(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

var refEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewRef draws a reference of eight characters.
func NewRef() string {
	var b [5]byte
	_, _ = rand.Read(b[:])
	return refEncoding.EncodeToString(b[:])
}
