package telegram

import (
	"context"
	"net/url"
	"regexp"

	"github.com/parley-hub/parley/core"
)

// startWord is what a link may carry to the start command
// (https://core.telegram.org/bots/features#deep-linking).
var startWord = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// DeepLink implements adapters.DeepLinker: the chat opens with a button that sends
// "/start NAME-ARGS".
func (a *Adapter) DeepLink(ctx context.Context, c core.Command) (string, error) {
	word := c.Name
	if c.Args != "" {
		word += "-" + c.Args
	}
	if !startWord.MatchString(word) {
		return "", nil
	}
	if err := a.identify(ctx); err != nil {
		return "", err
	}
	a.mu.Lock()
	name := a.self.Username
	a.mu.Unlock()
	if name == "" {
		return "", nil
	}
	return "https://t.me/" + url.PathEscape(name) + "?start=" + word, nil
}
