package configs

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// PublicURLNeeder is a platform's section that may need the hub to be reachable
// from outside, as for webhooks.
type PublicURLNeeder interface{ NeedsPublicURL() bool }

// validate notes every problem of a configuration that was read.
func (l *loader) validate(c *Config) {
	l.validateHTTP(c.HTTP)
	l.require("data_dir", c.DataDir != "", "must name a folder")
	l.validateChannels(c)
	l.validateAccess(c.Access)
	for _, p := range c.Models.Validate() {
		l.invalid(within("models", p.Key), p.Text)
	}
	l.validateAPI(c)
	l.validateMCPClients(c)
	l.validateModelAccounts(c)
	l.validateRoutes(c)
	l.oneOf("session.scope", string(c.Session.Scope), scopes...)
	l.require("session.history_tokens", c.Session.HistoryTokens > 0, "must be a number of tokens above 0")
	l.require("session.ambient", c.Session.Ambient >= 0, "must be a number of messages, 0 for none")
	l.require("session.idle", c.Session.Idle == 0 || c.Session.Idle >= time.Minute, "must be a time of 1m or more, 0s for never")
	l.validateSkills(c.Skills)
	l.validateMCPServers(c)
	l.require("collect", c.Collect >= 0, "must be a time, 0s for not at all")
	l.require("queue.max_items", c.Queue.MaxItems > 0, aboveZero)
	l.require("queue.max_per_chat", c.Queue.MaxPerChat > 0, aboveZero)
	l.positive("queue.dedupe", c.Queue.Dedupe)
	l.validateStores(c)
	l.validateMedia(c.Media)
	l.require("delivery.parallel", c.Delivery.Parallel > 0, aboveZero)
	l.oneOf("log.level", c.Log.Level, "trace", "debug", "info", "warn", "error")
	l.oneOf("log.format", c.Log.Format, "json", "text")
	l.positive("shutdown", c.Shutdown)
}

// scopes are the words for whose memory a private chat is.
var scopes = []string{string(session.OfPerson), string(session.OfAccount), string(session.OfPlace)}

const aboveZero = "must be a number above 0"

func (l *loader) require(path string, ok bool, text string) {
	if !ok {
		l.invalid(path, text)
	}
}

func (l *loader) positive(path string, d time.Duration) {
	l.require(path, d > 0, "must be a time above 0, such as 30s")
}

func (l *loader) oneOf(path, value string, allowed ...string) {
	l.require(path, slices.Contains(allowed, value), "must be one of: "+strings.Join(allowed, ", "))
}

var (
	keyPrefix = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)
	nodeName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}$`)
)

// validateStores looks at the form alone; what is behind the addresses is seen when they
// are opened.
func (l *loader) validateStores(c *Config) {
	r := c.Redis
	if !r.URL.IsZero() {
		scheme, rest, _ := strings.Cut(r.URL.Reveal(), "://")
		l.require("redis.url", slices.Contains(redisSchemes, scheme) && rest != "",
			"must begin with redis://, redis+sentinel:// or redis+cluster://, or with rediss in the place of redis for TLS")
	}
	l.validateCertificates(r)
	if !r.URL.IsZero() && c.Queue.MaxBytes > 0 {
		l.warnings = append(l.warnings, Warning{Where: "queue.max_bytes", Text: "bounds the file of a hub without redis.url; here the maxmemory of Redis does"})
	}
	shared := c.Models.Cache.Redis
	l.require("models.cache.redis", shared == nil || !*shared || !r.URL.IsZero(), "needs redis.url; left out, answers are shared where there is one")
	l.require("redis.prefix", keyPrefix.MatchString(r.Prefix), "must be 1 to 64 of a-z, A-Z, 0-9, _ . : and -")
	l.require("redis.replicas", r.Replicas >= 0, "must be a number of replicas, 0 for none")
	l.positive("redis.wait_for", r.WaitFor)
	if !c.Postgres.URL.IsZero() {
		u, err := url.Parse(c.Postgres.URL.Reveal())
		l.require("postgres.url", err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && u.Host != "" && strings.Trim(u.Path, "/") != "",
			"must be postgres://user:password@host:port/database")
	}
	l.require("node.name", nodeName.MatchString(c.Node.Name), "must be up to 64 of a-z, A-Z, 0-9, _ . and -")
}

var redisSchemes = []string{"redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"}

func (l *loader) validateMedia(m Media) {
	l.require("media.max_size", m.MaxSize > 0, "must be a size above 0, such as 20MiB")
	l.positive("media.keep", m.Keep)
	if m.S3.Endpoint == "" {
		l.require("media.s3.bucket", m.S3.Bucket == "", "has no endpoint beside it; give the address of the object store")
		return
	}
	u, err := url.Parse(m.S3.Endpoint)
	l.require("media.s3.endpoint",
		err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && strings.Trim(u.Path, "/") == "",
		"must be an http or https address without a path, such as https://s3.example.org")
	l.require("media.s3.bucket", m.S3.Bucket != "", "must name a bucket")
	l.require("media.s3.access_key", m.S3.AccessKey != "", "is missing")
	l.require("media.s3.secret_key", !m.S3.SecretKey.IsZero(), "is missing")
}

func (l *loader) validateHTTP(h HTTP) {
	_, port, err := net.SplitHostPort(h.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	l.require("http.listen", err == nil, "must be host:port or :port, such as 127.0.0.1:8080")
	if h.PublicURL != "" {
		u, err := url.Parse(h.PublicURL)
		l.require("http.public_url",
			err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
				u.User == nil && u.RawQuery == "" && u.Fragment == "",
			"must be an http or https address, such as https://bot.example.org")
	}
	l.require("http.max_body", h.MaxBody > 0, "must be a size above 0, such as 8MiB")
}

func (l *loader) validateChannels(c *Config) {
	var needing []string
	for _, name := range c.Accounts() {
		section := c.Channels[name].Config
		path := join("channels", string(name))
		if scope := c.Channels[name].Scope; scope != "" {
			l.oneOf(path+"."+scopeKey, string(scope), scopes...)
		}
		if section == nil {
			continue // its platform is unknown, and that is said
		}
		for _, p := range section.Validate() {
			l.invalid(within(path, p.Key), p.Text)
		}
		if n, ok := section.(PublicURLNeeder); ok && n.NeedsPublicURL() {
			needing = append(needing, path)
		}
	}
	if len(needing) > 0 && c.HTTP.PublicURL == "" {
		l.invalid("http.public_url", "must be the address where platforms reach this hub, since these need it: "+
			strings.Join(needing, ", "))
	}
}

// within gives the path of a key that a section named itself.
func within(path, key string) string {
	if key == "" {
		return path
	}
	return path + "." + key
}

func (l *loader) validateAccess(a Access) {
	l.oneOf("access.dm", string(a.DM), string(DMOpen), string(DMClosed), string(DMListed))
	l.oneOf("access.groups", string(a.Groups), string(GroupsAddressed), string(GroupsAll), string(GroupsOff))
	if a.DM == DMListed && len(a.Allow) == 0 && len(a.Admins) == 0 {
		l.warnings = append(l.warnings, Warning{
			Where: "access.allow", Text: "is empty while access.dm is listed: nobody can write to the bot in private",
		})
	}
}

// leastMemory is the least with which a program of a skill starts for sure.
const leastMemory = 64 * core.MiB

func (l *loader) validateSkills(s Skills) {
	l.require("skills.chat.max_tokens", s.Chat.MaxTokens >= 0, "must be a number of tokens, 0 to leave it to the model")
	l.require("skills.chat.tools.steps", s.Chat.Tools.Steps > 0 && s.Chat.Tools.Steps <= 64, "must be a number from 1 to 64; tools: {off: true} has the model call nothing")
	l.require("skills.chat.tools.calls", s.Chat.Tools.Calls > 0 && s.Chat.Tools.Calls <= 256, "must be a number from 1 to 256; tools: {off: true} has the model call nothing")
	l.positive("skills.timeout", s.Timeout)
	l.require("skills.rate.count", s.Rate.Count >= 0, "must be a number of messages, 0 for any number")
	if s.Rate.Count > 0 {
		l.positive("skills.rate.per", s.Rate.Per)
		l.require("skills.rate.burst", s.Rate.Burst > 0, aboveZero)
	}
	l.require("skills.max_text", s.MaxText > 0, "must be a number of characters above 0")
	limits := s.Limits
	l.require("skills.limits.memory", limits.Memory == 0 || limits.Memory >= leastMemory,
		"must be a size of 64MiB or more (a program in Go begins with 48MiB), 0 to leave it to the manifests")
	l.require("skills.limits.space", limits.Space > 0, "must be a size, such as 64MiB")
	l.require("skills.limits.cpu", limits.CPU == 0 || limits.CPU >= time.Second, "must be a time of 1s or more, 0s for any")
	for i, sum := range s.Allow.Sums {
		l.require(fmt.Sprintf("skills.allow.checksums[%d]", i), checksum.MatchString(sum), "must be a SHA-256 in hex: 64 digits")
	}
	for i, signer := range s.Allow.Signers {
		key, err := base64.StdEncoding.DecodeString(signer)
		l.require(fmt.Sprintf("skills.allow.signers[%d]", i), err == nil && len(key) == ed25519.PublicKeySize,
			"must be an Ed25519 public key in base64")
	}
	for skill, all := range s.Secrets {
		at := join("skills.secrets", skill)
		l.require(at, skillName.MatchString(skill), "must be the name of a skill: lower case letters, digits and hyphens")
		for name, value := range all {
			l.require(join(at, name), secretName.MatchString(name), "must have a name of 1 to 64 of a-z, 0-9, _ and -")
			l.require(join(at, name), !value.IsZero(), "must not be empty")
		}
	}
}

var (
	commandName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	checksum    = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	skillName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	secretName  = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)
	languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
)

func (l *loader) validateRoutes(c *Config) {
	names := map[string]int{}
	for i, r := range c.Routes {
		path := fmt.Sprintf("routes[%d]", i)
		if before, taken := names[r.Name]; taken {
			l.invalid(path+".name", fmt.Sprintf("is the name of routes[%d] already; give it another one", before))
		}
		names[r.Name] = i
		l.validateWhen(path+".when", r.When, c)
		switch {
		case r.To.Ignore && (r.To.Skill != "" || r.To.Model != ""):
			l.invalid(path+".to", "has ignore beside a skill or model; an ignored message is answered by nobody")
		case !r.To.Ignore && r.To.Skill == "" && r.To.Model == "":
			l.invalid(path+".to", "must name a skill, a model, or ignore: true")
		}
		if _, ok := c.Models.Pools[r.To.Model]; !ok && r.To.Model != "" && len(c.Models.Pools) > 0 {
			l.invalid(path+".to.model", "must name one of the pools in models.pools")
		}
	}
}

func (l *loader) validateWhen(path string, w When, c *Config) {
	each := func(key string, list []string, ok func(string) bool, text string) {
		for i, word := range list {
			l.require(fmt.Sprintf("%s.%s[%d]", path, key, i), ok(word), text)
		}
	}
	in := func(allowed ...string) func(string) bool {
		return func(word string) bool { return slices.Contains(allowed, word) }
	}
	each("channels", w.Channels, func(word string) bool { _, ok := c.Channels[core.Account(word)]; return ok },
		"must be the name of a channel in channels")
	each("places", w.Places, in("private", "group", "thread"), "must be one of: private, group, thread")
	each("roles", w.Roles, in(string(skills.User), string(skills.Admin)), "must be one of: user, admin")
	each("commands", w.Commands, commandName.MatchString,
		"must be a command without its slash: 1 to 32 of a-z, 0-9 and _")
	each("keywords", w.Keywords, func(word string) bool { return strings.TrimSpace(word) != "" }, "must not be empty")
	each("languages", w.Languages, languageTag.MatchString, "must be a language tag, such as en or pt-BR")
	if _, err := regexp.Compile(w.Pattern); err != nil {
		l.invalid(path+".pattern", "must be a regular expression (RE2 syntax, https://github.com/google/re2/wiki/Syntax)")
	}
}
