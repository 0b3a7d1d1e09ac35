package slack

import (
	"net/http"
	"strings"
	"testing"

	simulator "github.com/parley-hub/parley/simulators/slack"
)

// TestMissing: a server that does not say what the token may do is not believed to say
// "nothing", and the form of the list does not matter.
func TestMissing(t *testing.T) {
	all := simulator.ManifestScopes()
	for name, tc := range map[string]struct {
		header []string
		n      int
	}{
		"no header":   {nil, 0},
		"nothing":     {[]string{""}, 0},
		"all":         {[]string{strings.Join(all, ",")}, 0},
		"with spaces": {[]string{strings.Join(all, ", ")}, 0},
		"two lists":   {[]string{strings.Join(all[:7], ","), strings.Join(all[7:], ",")}, 0},
		"more":        {[]string{strings.Join(all, ",") + ",identify,emoji:read"}, 0},
		"one less":    {[]string{strings.Join(all[1:], ",")}, 1},
		"others":      {[]string{"chat:write.public,im:read"}, len(all)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := missing(http.Header{scopesHeader: tc.header}); len(got) != tc.n {
				t.Errorf("missing %q", got)
			}
		})
	}
}
