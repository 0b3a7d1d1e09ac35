package openaichat

import (
	"errors"
	"net/url"
	"strings"

	"github.com/parley-hub/parley/core/secret"
)

// redactor knows what must not be in an error: the key, and the user and the query
// of the address.
type redactor []secret.String

// minRedacted spares words like the 1 of ?version=1: taking those out of every
// text would hide more than it protects.
const minRedacted = 4

func newRedactor(key secret.String, base *url.URL) redactor {
	var r redactor
	add := func(value string) {
		if len(value) >= minRedacted {
			r = append(r, secret.New(value))
		}
	}
	password, _ := base.User.Password()
	rawUser, rawPassword, _ := strings.Cut(base.User.String(), ":")
	for _, value := range []string{base.User.String(), rawPassword, password, rawUser, base.User.Username(), base.RawQuery} {
		add(value)
	}
	for _, values := range base.Query() {
		for _, value := range values {
			add(value)
			add(url.QueryEscape(value))
		}
	}
	if !key.IsZero() {
		r = append(r, key)
	}
	return r
}

func (r redactor) text(text string) string {
	for _, s := range r {
		text = s.Redact(text)
	}
	return text
}

// err takes the address off a transport's error. When a secret is left in the
// words, only the cleaned words remain.
func (r redactor) err(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	if clean := r.text(err.Error()); clean != err.Error() {
		return errors.New(clean)
	}
	return err
}
