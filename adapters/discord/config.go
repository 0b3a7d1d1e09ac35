package discord

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core/secret"
)

// The ways messages come in.
const (
	// ModeGateway keeps a websocket to Discord. It needs no public address.
	ModeGateway = "gateway"
	// ModeInteractions lets Discord call the hub with slash commands and presses of
	// buttons. It needs a public address.
	ModeInteractions = "interactions"
)

// defaultAPI is where the public API is.
const defaultAPI = "https://discord.com"

// Config is an account's section of the configuration.
type Config struct {
	// APIURL is where the API is, without /api. Default: the public API.
	APIURL string `yaml:"api_url"`
	// ApplicationID is the id of the application, from the page "General Information"
	// of the developer console. Required for interactions; in mode gateway it is
	// learnt when it is missing.
	ApplicationID string `yaml:"application_id"`
	// Limits are the calls the account may make. Default: 50 a second in all, 5 in 5
	// seconds in a chat or channel.
	Limits adapters.Limits `yaml:"limits"`
	// Mode is "gateway" (default) or "interactions".
	Mode string `yaml:"mode"`
	// PublicKey is the application's public key in hexadecimal, from the same page.
	// Required for interactions.
	PublicKey string `yaml:"public_key"`
	// SessionFile is where mode gateway keeps its session and the last message of each
	// channel, so that what was said during a restart is received after it. Empty
	// (default): a file of the account in the hub's data directory.
	SessionFile string `yaml:"session_file"`
	// Shards is how many connections mode gateway makes; each has a part of the servers, and
	// they spread over the nodes of the hub. Discord asks for more than one from some 2,000
	// servers on. Default: 1.
	Shards int `yaml:"shards"`
	// Token is the bot's token, from the page "Bot", without "Bot " before it. Required.
	Token secret.String `yaml:"token"`
}

var snowflakeShape = regexp.MustCompile(`^[0-9]{1,20}$`)

// defaults are the limits of https://docs.discord.com/developers/topics/rate-limits and, for
// a channel, what its headers tell.
func defaults() *Config {
	chat := adapters.Rate{Count: 5, Per: 5 * time.Second, Burst: 5}
	return &Config{
		APIURL: defaultAPI,
		Mode:   ModeGateway,
		Shards: 1,
		Limits: adapters.Limits{
			Account: adapters.Rate{Count: 50, Per: time.Second, Burst: 50},
			Chat:    chat,
			Group:   chat,
		},
	}
}

// NeedsPublicURL tells the configuration that Discord must reach the hub.
func (c *Config) NeedsPublicURL() bool { return c.Mode == ModeInteractions }

// Validate implements adapters.Config. It names every problem and no value of a secret.
func (c *Config) Validate() []adapters.Problem {
	var problems []adapters.Problem
	add := func(key, text string) { problems = append(problems, adapters.Problem{Key: key, Text: text}) }

	switch token := c.Token.Reveal(); {
	case token == "":
		add("token", "is missing; give the bot's token, from the page Bot of the developer console")
	case strings.ContainsAny(token, " \t\r\n/\\?#%"):
		add("token", "holds a space, a slash or another sign no token has; give it without \"Bot \" before it")
	}
	if c.Mode != ModeGateway && c.Mode != ModeInteractions {
		add("mode", fmt.Sprintf("must be %s or %s", ModeGateway, ModeInteractions))
	}
	if c.Shards < 1 || c.Shards > maxShards {
		add("shards", fmt.Sprintf("must be 1 to %d; one is right up to some 2,000 servers", maxShards))
	}
	switch {
	case c.ApplicationID != "" && !snowflakeShape.MatchString(c.ApplicationID):
		add("application_id", "is not a number; copy it from the page General Information of the developer console")
	case c.ApplicationID == "" && c.Mode == ModeInteractions:
		add("application_id", "is missing; mode interactions needs it, from the page General Information of the developer console")
	}
	switch _, err := c.publicKey(); {
	case c.PublicKey == "" && c.Mode == ModeInteractions:
		add("public_key", "is missing; mode interactions needs it, from the page General Information of the developer console")
	case c.PublicKey != "" && err != nil:
		add("public_key", "must be 64 hexadecimal digits, as the developer console shows them")
	}
	if u, err := url.Parse(c.APIURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		add("api_url", "is not an http or https address; the public one is "+defaultAPI)
	} else if u.RawQuery != "" || u.Fragment != "" {
		add("api_url", "has a query or a fragment; give it without")
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

// publicKey reads the key that signs interactions.
func (c *Config) publicKey() (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(c.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("not an Ed25519 key of %d bytes", ed25519.PublicKeySize)
	}
	return key, nil
}
