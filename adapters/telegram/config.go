package telegram

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
)

// The ways updates come in.
const (
	// ModePoll asks for updates (getUpdates). It needs no public address.
	ModePoll = "poll"
	// ModeWebhook lets Telegram call the hub (setWebhook). It needs a public address.
	ModeWebhook = "webhook"
)

// defaultAPI is the public Bot API.
const defaultAPI = "https://api.telegram.org"

// Config is an account's section of the configuration.
type Config struct {
	// APIURL is where the Bot API is, without /bot<token>. It serves methods and
	// files. Default: the public Bot API.
	APIURL string `yaml:"api_url"`
	// Limits are the calls the account may make. Default: the published numbers (30
	// a second in all, 1 a second in a chat, 20 a minute in a group).
	Limits adapters.Limits `yaml:"limits"`
	// Mode is "poll" (default) or "webhook".
	Mode string `yaml:"mode"`
	// SendOverlap is how long one message may be on its way before the next is sent
	// beside it. Telegram cannot tell whether a message was sent, so a crash may
	// double what is on its way: with one at a time that is one message. 0 sends any
	// number at once. Default: 33ms, what 30 messages a second leave for each.
	SendOverlap time.Duration `yaml:"send_overlap"`
	// Token is what BotFather gave. Required.
	Token secret.String `yaml:"token"`
	// WebhookSecret is what Telegram must say with each call of the webhook: 1 to 256
	// of A-Z a-z 0-9 _ -. Default: derived from the token, the same on every node.
	WebhookSecret secret.String `yaml:"webhook_secret"`
}

var secretShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// defaults are the limits of https://core.telegram.org/bots/faq.
func defaults() *Config {
	return &Config{
		APIURL:      defaultAPI,
		Mode:        ModePoll,
		SendOverlap: 33 * time.Millisecond,
		Limits: adapters.Limits{
			Account: adapters.Rate{Count: 30, Per: time.Second, Burst: 30},
			Chat:    adapters.Rate{Count: 1, Per: time.Second, Burst: 5},
			Group:   adapters.Rate{Count: 20, Per: time.Minute, Burst: 5},
		},
	}
}

// NeedsPublicURL tells the configuration that Telegram must reach the hub.
func (c *Config) NeedsPublicURL() bool { return c.Mode == ModeWebhook }

// Validate implements adapters.Config. It names every problem and no value of a secret.
func (c *Config) Validate() []adapters.Problem {
	var problems []adapters.Problem
	add := func(key, text string) { problems = append(problems, adapters.Problem{Key: key, Text: text}) }

	switch token := c.Token.Reveal(); {
	case token == "":
		add("token", "is missing; give the token of the bot, as BotFather printed it (123456:ABC-...)")
	case strings.ContainsAny(token, " \t\r\n/\\?#%"):
		add("token", "holds a space, a slash or another sign no token has; give it as BotFather printed it (123456:ABC-...)")
	}
	if c.SendOverlap < 0 {
		add("send_overlap", "must not be negative")
	}
	if c.Mode != ModePoll && c.Mode != ModeWebhook {
		add("mode", fmt.Sprintf("must be %s or %s", ModePoll, ModeWebhook))
	}
	if u, err := url.Parse(c.APIURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		add("api_url", "is not an http or https address; the public one is "+defaultAPI)
	} else if u.RawQuery != "" || u.Fragment != "" {
		add("api_url", "has a query or a fragment; give it without")
	}
	if !c.WebhookSecret.IsZero() && !secretShape.MatchString(c.WebhookSecret.Reveal()) {
		add("webhook_secret", "must be 1 to 256 of the letters A-Z a-z 0-9 _ -")
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

// webhookSecret is the configured secret, or one that every node derives alike.
func (c *Config) webhookSecret(account core.Account) secret.String {
	if !c.WebhookSecret.IsZero() {
		return c.WebhookSecret
	}
	mac := hmac.New(sha256.New, []byte(c.Token.Reveal()))
	mac.Write([]byte("webhook secret\x00" + string(account)))
	return secret.New(hex.EncodeToString(mac.Sum(nil)))
}
