package slack

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core/secret"
)

// The ways events come in.
const (
	// ModeEvents lets Slack call the hub (Events API). It needs a public address.
	ModeEvents = "events"
	// ModeSocket opens a websocket to Slack (Socket Mode). It needs no public address.
	ModeSocket = "socket"
)

// defaultAPI is the public Web API.
const defaultAPI = "https://slack.com/api/"

// Config is an account's section of the configuration.
type Config struct {
	// APIURL is where the methods of the Web API are. Default: the public Web API.
	APIURL string `yaml:"api_url"`
	// AppToken is the app-level token (xapp-...) with the scope connections:write.
	// Required for mode socket.
	AppToken secret.String `yaml:"app_token"`
	// BotToken is the bot token (xoxb-...). Required.
	BotToken secret.String `yaml:"bot_token"`
	// Limits are the calls the account may make. Default: 1 a second in each chat,
	// three at once; Slack publishes no number for the whole account.
	Limits adapters.Limits `yaml:"limits"`
	// Mode is "events" (default) or "socket".
	Mode string `yaml:"mode"`
	// SigningSecret is what Slack signs its calls with, from the page Basic
	// Information of the app. Required for mode events.
	SigningSecret secret.String `yaml:"signing_secret"`
}

// defaults are the limits of https://docs.slack.dev/apis/web-api/rate-limits.
func defaults() *Config {
	perChat := adapters.Rate{Count: 1, Per: time.Second, Burst: 3}
	return &Config{APIURL: defaultAPI, Mode: ModeEvents, Limits: adapters.Limits{Chat: perChat, Group: perChat}}
}

// NeedsPublicURL tells the configuration that Slack must reach the hub.
func (c *Config) NeedsPublicURL() bool { return c.Mode == ModeEvents }

// Validate implements adapters.Config. It names every problem and no value of a secret.
func (c *Config) Validate() []adapters.Problem {
	var problems []adapters.Problem
	add := func(key, text string) { problems = append(problems, adapters.Problem{Key: key, Text: text}) }

	const app = "https://api.slack.com/apps"
	switch token := c.BotToken.Reveal(); {
	case token == "":
		add("bot_token", "is missing; give the Bot User OAuth Token (xoxb-...) from the page OAuth & Permissions of the app at "+app)
	case !tokenLike(token):
		add("bot_token", "holds a space or another sign no token has; give the Bot User OAuth Token (xoxb-...)")
	}
	switch token := c.AppToken.Reveal(); {
	case token == "" && c.Mode == ModeSocket:
		add("app_token", "is missing; mode socket needs an app-level token (xapp-...) with the scope connections:write, from the page Basic Information of the app at "+app)
	case !tokenLike(token):
		add("app_token", "holds a space or another sign no token has; give the app-level token (xapp-...)")
	}
	if c.SigningSecret.IsZero() && c.Mode == ModeEvents {
		add("signing_secret", "is missing; mode events needs the Signing Secret from the page Basic Information of the app at "+app)
	}
	if c.Mode != ModeEvents && c.Mode != ModeSocket {
		add("mode", fmt.Sprintf("must be %s or %s", ModeEvents, ModeSocket))
	}
	if u, err := url.Parse(c.APIURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		add("api_url", "is not an http or https address; the public one is "+defaultAPI)
	} else if u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		add("api_url", "has a query, a fragment or a user; give it without")
	}
	for _, r := range []struct {
		key  string
		rate adapters.Rate
	}{{"account", c.Limits.Account}, {"chat", c.Limits.Chat}, {"group", c.Limits.Group}} {
		if r.rate.Count < 0 || r.rate.Per < 0 || r.rate.Burst < 0 || (r.rate.Count > 0 && r.rate.Per == 0) {
			add("limits."+r.key, "needs a count, a time and a burst of zero or more; a count needs a time")
		}
	}
	return problems
}

// tokenLike tells whether a text could be a token: it goes into a header.
func tokenLike(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// endpoint is the address of the Web API with the slash that names of methods follow.
func (c *Config) endpoint() string { return strings.TrimRight(c.APIURL, "/") + "/" }
