package telegram_test

import (
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// TestDeepLink: a link carries one word, and only what Telegram lets it.
func TestDeepLink(t *testing.T) {
	a := newServer(t).adapter()
	for name, c := range map[string]struct {
		command core.Command
		want    string
	}{
		"with words":    {core.Command{Name: "link", Args: "K7QM3HXT"}, "https://t.me/parley_bot?start=link-K7QM3HXT"},
		"without":       {core.Command{Name: "help"}, "https://t.me/parley_bot?start=help"},
		"another shape": {core.Command{Name: "link", Args: "K7QM 3HXT"}, ""},
		"too long":      {core.Command{Name: "link", Args: strings.Repeat("x", 60)}, ""},
	} {
		if got, err := a.DeepLink(t.Context(), c.command); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	s := newServer(t)
	s.on("getMe", page(502))
	if got, err := s.adapter().DeepLink(t.Context(), core.Command{Name: "help"}); fault.ClassOf(err) != fault.Retryable || got != "" {
		t.Errorf("while Telegram is away: %q, %v", got, err)
	}
	s = newServer(t)
	s.on("getMe", result(`{"id":42,"is_bot":true,"first_name":"Parley"}`))
	if got, err := s.adapter().DeepLink(t.Context(), core.Command{Name: "help"}); err != nil || got != "" {
		t.Errorf("a bot without a user name: %q, %v", got, err)
	}
}
