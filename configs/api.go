package configs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
)

// API is the endpoint by which other programs use the pools. Without a key it is off.
type API struct {
	Keys []APIKey `yaml:"keys"`
	// MaxBody bounds what is read of one request.
	MaxBody Bytes `yaml:"max_body"`
	// MCP is the hub as an MCP server.
	MCP MCP `yaml:"mcp"`
}

// APIKey is one program that may ask.
type APIKey struct {
	// Name is who pays, and what metrics call it. No channel has it too.
	Name string        `yaml:"name"`
	Key  secret.String `yaml:"key"`
	// Models are the pools it may use; empty for all.
	Models []string `yaml:"models"`
	// Band is interactive, normal or batch; empty for normal.
	Band string `yaml:"band"`
	// Role is whose budget it shares; empty for none.
	Role string `yaml:"role"`
}

// minKey is the fewest characters of a key: it is all that stands between the network
// and the models.
const minKey = 16

var (
	// visible is what fits behind "Bearer" in a header.
	visible  = regexp.MustCompile(`^[!-~]+$`)
	roleName = regexp.MustCompile(`^[a-z0-9_-]{0,32}$`)
)

func (l *loader) validateAPI(c *Config) {
	l.require("api.max_body", c.API.MaxBody > 0, "must be a size above 0, such as 32MiB")
	for i, k := range c.API.Keys {
		path := fmt.Sprintf("api.keys[%d]", i)
		l.require(path+".name", accountName.MatchString(k.Name), "must be 1 to 32 of a-z, 0-9, _ and -, with a letter or digit first")
		if _, taken := c.Channels[core.Account(k.Name)]; taken {
			l.invalid(path+".name", "is the name of a channel; their budgets would be one")
		}
		l.require(path+".key", len(k.Key.Reveal()) >= minKey && visible.MatchString(k.Key.Reveal()),
			fmt.Sprintf("must be at least %d characters without spaces, such as openssl rand -hex 32 makes", minKey))
		for j, other := range c.API.Keys[:i] {
			l.require(path+".name", k.Name != other.Name, fmt.Sprintf("is the name of api.keys[%d] already", j))
			l.require(path+".key", k.Key.IsZero() || !k.Key.Equal(other.Key.Reveal()), fmt.Sprintf("is the key of api.keys[%d] already", j))
		}
		if k.Band != "" {
			l.oneOf(path+".band", k.Band, "interactive", "normal", "batch")
		}
		l.require(path+".role", roleName.MatchString(k.Role), "must be up to 32 of a-z, 0-9, _ and -")
		for j, name := range k.Models {
			_, known := c.Models.Pools[name]
			l.require(fmt.Sprintf("%s.models[%d]", path, j), known, "must name one of the pools in models.pools")
			l.require(fmt.Sprintf("%s.models[%d]", path, j), !slices.Contains(k.Models[:j], name), "is named before already")
		}
	}
}

// validateModelAccounts looks whether there are the accounts that have pools of their own.
func (l *loader) validateModelAccounts(c *Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Models.Accounts)) {
		_, channel := c.Channels[core.Account(name)]
		key := slices.ContainsFunc(c.API.Keys, func(k APIKey) bool { return k.Name == name })
		l.require("models.accounts."+name, channel || key, "must stand beside the name of a channel in channels or of a key in api.keys")
	}
}
