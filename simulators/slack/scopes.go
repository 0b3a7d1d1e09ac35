package slack

import (
	"slices"
	"strings"
)

// scopesHeader is in every answer to a token: what the token may do. Slack's own clients
// read it (packages/web-api of https://github.com/slackapi/node-slack-sdk).
const scopesHeader = "X-OAuth-Scopes"

// The scopes that rule more than calls. socketScope is the app-level token's only one.
const (
	socketScope   = "connections:write"
	commandScope  = "commands"
	mentionScope  = "app_mentions:read"
	reactionScope = "reactions:read"
)

// ManifestScopes are those of the manifest in docs/slack.md: what an app has that was
// installed as it says there.
func ManifestScopes() []string {
	return []string{
		mentionScope, "assistant:write", "channels:history", "channels:read", "chat:write", commandScope, "files:read", "files:write",
		"groups:history", "groups:read", "im:history", "mpim:history", reactionScope, "users:read",
	}
}

// may tells whether the app has a scope.
func (s *Server) may(scope string) bool {
	app := s.opts.App
	return !slices.Contains(app.Lacking, scope) && (scope == socketScope || slices.Contains(app.Scopes, scope))
}

// granted lists the scopes of a token; empty for a token that is not the app's.
func (s *Server) granted(token string) string {
	var scopes []string
	switch token {
	case s.opts.App.BotToken:
		scopes = s.opts.App.Scopes
	case s.opts.App.AppToken:
		scopes = []string{socketScope}
	}
	return strings.Join(slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return !s.may(scope) }), ",")
}

// families begin the names of the scopes for a kind of channel.
var families = map[ChannelKind]string{Public: "channels", Private: "groups", Several: "mpim", Direct: "im"}

// heard tells whether the app is told of an event of a channel: every kind needs a scope
// (https://docs.slack.dev/reference/events). Of kinds that are unknown here it is told.
// Server.mu is held.
func (s *Server) heard(channel string, event args) bool {
	kind := Public
	if c := s.channels[channel]; c != nil {
		kind = c.kind
	}
	switch event["type"] {
	case "message":
		return s.may(families[kind] + ":history")
	case "app_mention":
		return s.may(mentionScope)
	case "reaction_added", "reaction_removed":
		return s.may(reactionScope)
	case "member_joined_channel", "member_left_channel":
		return s.may(families[kind] + ":read")
	}
	return true
}
