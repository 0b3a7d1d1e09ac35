package slack

import (
	"net/http"
	"slices"
	"strings"
)

// scopesHeader lists what a token may do, in the answer to every call of it. Slack's own
// clients read it (packages/web-api of https://github.com/slackapi/node-slack-sdk).
const scopesHeader = "X-Oauth-Scopes"

// scope is something that the app may do, and what is lost where it may not.
type scope struct{ name, loss string }

// scopes are those of the manifest in docs/slack.md. For most of them no call fails that
// could tell: Slack leaves out the events that need them.
var scopes = []scope{
	{"app_mentions:read", "the mention by which somebody invites the bot to a channel is not heard"},
	{"assistant:write", "no typing is shown in threads"},
	{"channels:history", "of what is said in public channels only mentions are heard"},
	{"channels:read", "nobody tells who comes to public channels and who leaves"},
	{"chat:write", "nothing is sent"},
	{"commands", "there are no slash commands"},
	{"files:read", "files of people cannot be opened, and no file can be sent"},
	{"files:write", "no file can be sent"},
	{"groups:history", "of what is said in private channels only mentions are heard"},
	{"groups:read", "nobody tells who comes to private channels and who leaves"},
	{"im:history", "direct messages are not heard"},
	{"mpim:history", "of what is said in direct messages of several people only mentions are heard"},
	{"reactions:read", "reactions are not heard"},
	{"users:read", "people are shown by their ids"},
}

// missing says of each scope that an answer shows the token to lack what is lost by it. A
// server that does not say what the token may do shows nothing.
func missing(answer http.Header) []string {
	granted := strings.FieldsFunc(strings.Join(answer.Values(scopesHeader), ","), func(r rune) bool { return r == ',' || r == ' ' })
	if len(granted) == 0 {
		return nil
	}
	var out []string
	for _, s := range scopes {
		if !slices.Contains(granted, s.name) {
			out = append(out, s.name+": "+s.loss)
		}
	}
	return out
}

// tellMissing says in the log what the app lacks. The rest works without it.
func (a *Adapter) tellMissing(answer http.Header) {
	if lost := missing(answer); lost != nil {
		a.log.Warn().Strs("missing", lost).
			Msg("the app lacks scopes: add them under OAuth & Permissions at https://api.slack.com/apps and install the app again")
	}
}
