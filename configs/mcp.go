package configs

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/skills"
)

// MCPServer is an MCP server whose tools are a skill. It is started by Command, or it is
// reached at URL.
type MCPServer struct {
	// Name is the skill's.
	Name string `yaml:"name"`
	// Command is a program that speaks over its standard streams, with its arguments.
	Command []string `yaml:"command"`
	// Env is the whole environment of Command.
	Env map[string]secret.String `yaml:"env"`
	// Trusted starts Command as the hub itself runs, with network, files and children; else
	// in the jail of skills' programs, where it may read ReadOnly beside itself.
	Trusted  bool     `yaml:"trusted"`
	ReadOnly []string `yaml:"read_only"`
	// URL is spoken to over streamable HTTP; Headers go with each request.
	URL     string                   `yaml:"url"`
	Headers map[string]secret.String `yaml:"headers"`
	// Timeout bounds one call; 0 for the one of all servers.
	Timeout time.Duration `yaml:"timeout"`
	// Tools are those that are taken, by the server's names; empty for all.
	Tools []string `yaml:"tools"`
	// Dangerous are those whose calls a person confirms, beside those that say so
	// themselves; Safe are those whose calls nobody does, whatever they say.
	Dangerous []string `yaml:"dangerous"`
	Safe      []string `yaml:"safe"`
	// Roles, Places and Channels are who may use the skill, and where; empty for all.
	Roles    []string `yaml:"roles"`
	Places   []string `yaml:"places"`
	Channels []string `yaml:"channels"`
}

// MCP is the hub as an MCP server. Without a client it is off.
type MCP struct {
	Clients []MCPClient `yaml:"clients"`
}

// MCPClient is a program that may call skills.
type MCPClient struct {
	// Key is the name of one of the API's keys.
	Key string `yaml:"key"`
	// Skills are those it may call; empty for all that its role may use in private.
	Skills []string `yaml:"skills"`
	// Role is user or admin; empty for user.
	Role string `yaml:"role"`
	// Dangerous offers dangerous tools too: the client has its own person confirm them.
	Dangerous bool `yaml:"dangerous"`
	// Send allows to tell people something where they want to be reached.
	Send bool `yaml:"send_to_person"`
}

var (
	variable   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	headerName = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~` + "`" + `-]+$`)
	headerText = regexp.MustCompile(`^[\t\x20-\x7e]+$`)
)

func (l *loader) validateMCPServers(c *Config) {
	for i, s := range c.Skills.MCP {
		path := fmt.Sprintf("skills.mcp[%d]", i)
		l.require(path+".name", skillName.MatchString(s.Name), "must be lower case letters, digits and hyphens: it is the name of a skill")
		for j, other := range c.Skills.MCP[:i] {
			l.require(path+".name", s.Name != other.Name, fmt.Sprintf("is the name of skills.mcp[%d] already", j))
		}
		l.require(path+".command", len(s.Command) > 0 || s.URL != "", "is missing, and so is url; a server has one of them")
		l.require(path+".url", len(s.Command) == 0 || s.URL == "", "has a command beside it; a server has one of them")
		l.validateMCPCommand(path, s)
		l.validateMCPURL(path, s)
		l.require(path+".timeout", s.Timeout >= 0, "must be a time, 0s for the one of all servers")
		l.validateMCPTools(path, s)
		each := func(key string, list []string, ok func(string) bool, text string) {
			for j, word := range list {
				l.require(fmt.Sprintf("%s.%s[%d]", path, key, j), ok(word), text)
			}
		}
		each("roles", s.Roles, isRole, "must be one of: user, admin")
		each("places", s.Places, isPlace, "must be one of: private, group")
		each("channels", s.Channels, func(word string) bool { _, ok := c.Channels[core.Account(word)]; return ok }, "must be the name of a channel in channels")
	}
}

func isRole(word string) bool  { return word == string(skills.User) || word == string(skills.Admin) }
func isPlace(word string) bool { return word == string(core.Private) || word == string(core.Group) }

// validateMCPCommand looks at what a server is started with.
func (l *loader) validateMCPCommand(path string, s MCPServer) {
	if len(s.Command) == 0 {
		l.require(path+".env", len(s.Env) == 0, "has no command beside it")
		l.require(path+".trusted", !s.Trusted, "has no command beside it")
		l.require(path+".read_only", len(s.ReadOnly) == 0, "has no command beside it")
		return
	}
	l.require(path+".command[0]", s.Command[0] != "", "must name a program")
	l.require(path+".read_only", len(s.ReadOnly) == 0 || !s.Trusted, "has trusted beside it, which may read everything")
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		l.require(join(path+".env", name), variable.MatchString(name), "must be the name of a variable: letters, digits and _")
	}
}

// validateMCPURL looks at where a server is reached.
func (l *loader) validateMCPURL(path string, s MCPServer) {
	if s.URL == "" {
		l.require(path+".headers", len(s.Headers) == 0, "has no url beside it")
		return
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		l.invalid(path+".url", "must be an http or https address without a name in it, such as https://tools.example.org/mcp")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		at := join(path+".headers", name)
		l.require(at, headerName.MatchString(name), "must be the name of a header")
		l.require(at, headerText.MatchString(s.Headers[name].Reveal()), "must be one line of plain letters")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && len(s.Headers) > 0 && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		l.warnings = append(l.warnings, Warning{Where: path + ".url", Text: "is not encrypted, and its headers can be read on the way"})
	}
}

// validateMCPTools looks at the lists of tools. Which tools there are is not known before
// the server says so.
func (l *loader) validateMCPTools(path string, s MCPServer) {
	for key, list := range map[string][]string{"tools": s.Tools, "dangerous": s.Dangerous, "safe": s.Safe} {
		for i, name := range list {
			at := fmt.Sprintf("%s.%s[%d]", path, key, i)
			l.require(at, name != "", "must not be empty")
			l.require(at, !slices.Contains(list[:i], name), "is named before already")
			l.require(at, key == "tools" || len(s.Tools) == 0 || slices.Contains(s.Tools, name), "is not among the tools beside it")
			l.require(at, key != "safe" || !slices.Contains(s.Dangerous, name), "is among dangerous too")
		}
	}
}

func (l *loader) validateMCPClients(c *Config) {
	for i, m := range c.API.MCP.Clients {
		path := fmt.Sprintf("api.mcp.clients[%d]", i)
		l.require(path+".key", slices.ContainsFunc(c.API.Keys, func(k APIKey) bool { return k.Name == m.Key }), "must be the name of a key in api.keys")
		for j, other := range c.API.MCP.Clients[:i] {
			l.require(path+".key", m.Key != other.Key, fmt.Sprintf("is the key of api.mcp.clients[%d] already", j))
		}
		l.require(path+".role", m.Role == "" || isRole(m.Role), "must be one of: user, admin")
		for j, name := range m.Skills {
			at := fmt.Sprintf("%s.skills[%d]", path, j)
			l.require(at, skillName.MatchString(name), "must be the name of a skill: lower case letters, digits and hyphens")
			l.require(at, !slices.Contains(m.Skills[:j], name), "is named before already")
		}
	}
}
