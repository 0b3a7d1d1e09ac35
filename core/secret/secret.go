// Package secret is the type of everything that must not be read by accident: a
// String prints as [redacted] under every verb, in JSON, in YAML and in logs. Only
// Reveal gives the value, so a search for Reveal finds every use.
//
// In configuration a secret is spelled as a literal, as file:PATH (the file's
// content without its last line end) or as env:NAME.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"strings"
)

const redacted = "[redacted]"

// maxFile bounds what is read from a secret file; keys and tokens are far smaller.
const maxFile = 64 << 10

// ErrMissing is returned when a file or variable that should hold a secret is
// not there or empty.
var ErrMissing = errors.New("secret missing")

// String is a secret. The zero value is an empty one. Two Strings are compared with
// Equal: == says whether they are copies of one.
type String struct {
	// A pointer, because fmt prints unexported fields of a surrounding struct without
	// asking their methods: so it prints an address.
	value *string
}

// New wraps a value that is already known.
func New(value string) String { return String{&value} }

// Parse reads a spelling: literal, file:PATH or env:NAME. The error names the
// source, never the value.
func Parse(spelling string) (String, error) {
	if path, ok := strings.CutPrefix(spelling, "file:"); ok {
		return fromFile(path)
	}
	if name, ok := strings.CutPrefix(spelling, "env:"); ok {
		value := os.Getenv(name)
		if value == "" {
			return String{}, fmt.Errorf("%w: environment variable %s is not set", ErrMissing, name)
		}
		return New(value), nil
	}
	return New(spelling), nil
}

func fromFile(path string) (String, error) {
	info, err := os.Stat(path)
	if err != nil {
		return String{}, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return String{}, fmt.Errorf("%w: %s is not a file of at most %d bytes", ErrMissing, path, maxFile)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file in the configuration
	if err != nil {
		return String{}, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	value := strings.TrimRight(string(data), "\r\n")
	if value == "" {
		return String{}, fmt.Errorf("%w: %s is empty", ErrMissing, path)
	}
	return New(value), nil
}

// Reveal gives the value. Keep it on the stack of the call that needs it.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero tells whether the secret is empty.
func (s String) IsZero() bool { return s.Reveal() == "" }

// Equal compares in constant time for values of the same length.
func (s String) Equal(other string) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other)) == 1
}

// Redact replaces the secret wherever it stands in text.
func (s String) Redact(text string) string {
	if s.IsZero() {
		return text
	}
	return strings.ReplaceAll(text, s.Reveal(), redacted)
}

// String gives [redacted].
func (s String) String() string { return redacted }

// GoString gives [redacted].
func (s String) GoString() string { return redacted }

// Format gives [redacted] for every verb.
func (s String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText gives [redacted], or nothing for no secret: whether there is one may be
// seen. JSON, YAML and zerolog all come through it.
func (s String) MarshalText() ([]byte, error) {
	if s.IsZero() {
		return nil, nil
	}
	return []byte(redacted), nil
}

// UnmarshalText reads a spelling as Parse does.
func (s *String) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
