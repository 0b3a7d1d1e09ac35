package skills

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Permissions are what a skill may reach beyond the conversation. The zero value is
// nothing. What is not in it is refused with ErrDenied.
type Permissions struct {
	// Channels are the bot's accounts that the skill works through; empty for all.
	Channels []core.Account
	// Hosts are those that it may call over HTTP: "api.example.org", with ":8443" for a
	// port that is not the scheme's own, or "*.example.org" for every name below. A name
	// never leads to a private address: such a host is named with its address.
	Hosts []string
	// Secrets are the names of those it may read, of the ones that the configuration has
	// for this skill.
	Secrets []string
	// Models are the pools it may ask; DefaultPool is whichever is the default.
	Models []string
	// Tools are the names of those of other skills that it may let a model call, in the name
	// of the person who speaks; AllTools for every one. Only for skills inside the hub.
	Tools []string
	// Storage is how many bytes it may keep of its own, and again of each person; 0 for none.
	Storage int64
	// Memory is how many bytes its process may use; 0 for the hub's default. A skill inside
	// the hub has no process of its own, and nothing bounds it.
	Memory int64
	// CallsPerMinute is how often one person may use it in a minute; 0 for no bound but
	// that of all skills.
	CallsPerMinute int
	// Elsewhere is true when it may tell people something in their other private chats.
	Elsewhere bool
}

// DefaultPool stands for the default pool in Permissions.Models.
const DefaultPool = "default"

// Permission names one of them, in faults and metrics.
type Permission string

// The permissions that may be missing.
const (
	PermitHost      Permission = "host"
	PermitAddress   Permission = "address"
	PermitSecret    Permission = "secret"
	PermitModel     Permission = "model"
	PermitStorage   Permission = "storage"
	PermitElsewhere Permission = "elsewhere"
	// PermitFile and PermitButton are of files and buttons that are another's; no manifest
	// gives them.
	PermitFile   Permission = "file"
	PermitButton Permission = "button"
)

// ErrDenied is in the fault of what a manifest does not allow.
var ErrDenied = errors.New("the skill's manifest does not allow it")

var deniedWords = Phrase{
	"en": "This skill wanted something that it is not allowed to do.",
	"de": "Diese Fähigkeit wollte etwas, das sie nicht darf.",
}

// Denied is the fault of a skill that wanted what its manifest does not allow.
func Denied(skill string, p Permission, what, language string) error {
	return fault.New(fault.Permanent, "skill "+skill, fmt.Errorf("%w: %s %q", ErrDenied, p, what),
		fault.WithPublic(deniedWords.In(language)))
}

var (
	hostName   = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	secretName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)
	numeric    = regexp.MustCompile(`^[0-9.]+$`)
)

// problems lists what is wrong with the permissions.
func (p Permissions) problems(wrong func(format string, args ...any)) {
	for _, h := range p.Hosts {
		if _, err := parseHost(h); err != nil {
			wrong("host %q: %w", h, err)
		}
	}
	for _, s := range p.Secrets {
		if !secretName.MatchString(s) {
			wrong("secret %q: a name is 1 to 64 of a-z, 0-9, underscore and hyphen", s)
		}
	}
	for _, m := range p.Models {
		if m == "" {
			wrong("a model pool has no name; the default one is %q", DefaultPool)
		}
	}
	for _, name := range p.Tools {
		if name != AllTools && !toolName.MatchString(name) {
			wrong("tool %q: a name is 1 to 64 letters, digits, underscores and hyphens, or %q for all", name, AllTools)
		}
	}
	if slices.Contains(p.Channels, "") {
		wrong("a channel has no name")
	}
	for what, n := range map[string]int64{"storage": p.Storage, "memory": p.Memory, "calls per minute": int64(p.CallsPerMinute)} {
		if n < 0 {
			wrong("%s %d is negative", what, n)
		}
	}
}

// host is one of Permissions.Hosts.
type host struct {
	name string
	port string
	// below is true for every name below.
	below bool
	// address is true for a host that is named with its address.
	address bool
}

var errHost = errors.New(`it is a name, *.name or an address, in lower case, with :port or without`)

func parseHost(text string) (host, error) {
	h := host{name: text}
	if rest, ok := strings.CutPrefix(text, "["); ok {
		inside, port, ok := strings.Cut(rest, "]")
		ip, err := netip.ParseAddr(inside)
		if !ok || err != nil || !ip.Is6() || ip.Zone() != "" || port != "" && port[0] != ':' {
			return host{}, errHost
		}
		h.name, h.port, h.address = ip.String(), strings.TrimPrefix(port, ":"), true
		if port == ":" {
			return host{}, errHost
		}
	} else if name, port, ok := strings.Cut(text, ":"); ok {
		if port == "" {
			return host{}, errHost
		}
		h.name, h.port = name, port
	}
	if n, err := strconv.ParseUint(h.port, 10, 16); h.port != "" && (err != nil || n == 0) {
		return host{}, errHost
	}
	switch {
	case h.address:
		return h, nil
	case numeric.MatchString(h.name):
		ip, err := netip.ParseAddr(h.name)
		if err != nil {
			return host{}, errHost
		}
		h.name, h.address = ip.String(), true
		return h, nil
	case !hostName.MatchString(h.name) || len(h.name) > 253:
		return host{}, errHost
	}
	if rest, ok := strings.CutPrefix(h.name, "*."); ok {
		if !strings.Contains(rest, ".") {
			return host{}, fmt.Errorf("%w; *.%s would be everybody's", errHost, rest)
		}
		h.name, h.below = rest, true
	}
	return h, nil
}

// MayCall tells whether the skill may call a host, and whether it is one that the manifest
// names with its address. name is without brackets, port is never empty, own tells whether
// it is the scheme's.
func (p Permissions) MayCall(name, port string, own bool) (ok, address bool) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if ip, err := netip.ParseAddr(name); err == nil {
		name = ip.String()
	}
	for _, text := range p.Hosts {
		h, err := parseHost(text)
		if err != nil || h.port != port && (h.port != "" || !own) {
			continue
		}
		if h.name == name && !h.below || h.below && strings.HasSuffix(name, "."+h.name) {
			return true, h.address
		}
	}
	return false, false
}

// MayRead tells whether the skill may read a secret.
func (p Permissions) MayRead(name string) bool { return slices.Contains(p.Secrets, name) }

// MayAsk tells whether the skill may ask a pool of models; standard is the default one's name.
func (p Permissions) MayAsk(pool, standard string) bool {
	return pool == standard && slices.Contains(p.Models, DefaultPool) || slices.Contains(p.Models, pool)
}

// MayHaveCalled tells whether the skill may let a model call a tool.
func (p Permissions) MayHaveCalled(tool string) bool {
	return slices.Contains(p.Tools, AllTools) || slices.Contains(p.Tools, tool)
}
