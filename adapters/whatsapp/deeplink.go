package whatsapp

import (
	"context"
	"net/url"
	"strings"

	"github.com/parley-hub/parley/core"
)

// DeepLink implements adapters.DeepLinker: the chat opens with the command written, and
// the person sends it.
func (a *Cloud) DeepLink(ctx context.Context, c core.Command) (string, error) {
	a.mu.Lock()
	number := a.number
	a.mu.Unlock()
	if number == "" {
		if err := a.check(ctx); err != nil {
			return "", err
		}
		a.mu.Lock()
		number = a.number
		a.mu.Unlock()
	}
	return chatLink(number, c), nil
}

// chatLink opens the chat with a number, with a command written
// (https://faq.whatsapp.com/5913398998672934); empty without a number.
func chatLink(number string, c core.Command) string {
	if number == "" {
		return ""
	}
	// Not a plus for a blank: it would be written as one.
	words := strings.ReplaceAll(url.QueryEscape(strings.TrimSpace("/"+c.Name+" "+c.Args)), "+", "%20")
	return "https://wa.me/" + number + "?text=" + words
}
