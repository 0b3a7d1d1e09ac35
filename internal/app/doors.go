package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/link"
)

// doorWait is how long platforms may take to tell how accounts are called: the words of
// an answer do not wait for its links.
const doorWait = 2 * time.Second

// doors gives the links that open a chat with the hub's other accounts, where their
// platforms have such links.
func (a *App) doors(ctx context.Context, t *skills.Turn, c core.Command) []link.Door {
	ctx, cancel := context.WithTimeout(ctx, doorWait)
	defer cancel()
	var out []link.Door
	for account, adapter := range a.adapters {
		linker, ok := adapter.(adapters.DeepLinker)
		if !ok || account == t.Envelope.In.Account {
			continue
		}
		url, err := linker.DeepLink(ctx, c)
		if err != nil {
			a.log.Debug().Err(err).Str("account", string(account)).Msg("no link to this account")
		} else if url != "" {
			out = append(out, link.Door{Label: string(account), URL: url})
		}
	}
	slices.SortFunc(out, func(x, y link.Door) int { return strings.Compare(x.Label, y.Label) })
	return out
}
