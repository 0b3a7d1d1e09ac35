package whatsapp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core/secret"
)

// The ways to WhatsApp.
const (
	// ModeCloud is the official Cloud API: messages come by webhook.
	ModeCloud = "cloud"
	// ModeWeb is a device linked to the account of an ordinary phone. It is not offered
	// by WhatsApp, and needs no public address.
	ModeWeb = "web"
)

const (
	// defaultAPI is the public Graph API.
	defaultAPI = "https://graph.facebook.com"
	// defaultVersion is the version of the Graph API that this adapter was written for.
	defaultVersion = "v25.0"
)

// Config is an account's section of the configuration.
type Config struct {
	// AccessToken is the system user's token with the permission
	// whatsapp_business_messaging. Required in mode cloud.
	AccessToken secret.String `yaml:"access_token"`
	// APIURL is where the Graph API is, without a version. Default: the public one. In mode
	// web it is the address of a simulator on this machine, and nothing else is taken.
	APIURL string `yaml:"api_url"`
	// APIVersion is the version of the Graph API. Default: v25.0.
	APIVersion string `yaml:"api_version"`
	// AppSecret is what Meta signs webhook calls with. Required in mode cloud.
	AppSecret secret.String `yaml:"app_secret"`
	// Limits are the calls the account may make. Default: 80 a second in all, and 1
	// every 6 seconds to one person, of which 3 at once; in mode web 1 a second in all, of
	// which 5 at once, and 1 every 2 seconds in a chat, of which 4 at once.
	Limits adapters.Limits `yaml:"limits"`
	// Mode is "cloud" (default) or "web".
	Mode string `yaml:"mode"`
	// PhoneNumberID names the business phone number; it is not the number itself. Required
	// in mode cloud.
	PhoneNumberID string `yaml:"phone_number_id"`
	// RootKey is the key in hexadecimal that a simulator's certificates are signed with. In
	// mode web it goes with api_url; there is no use for it elsewhere.
	RootKey string `yaml:"root_key"`
	// StatusGrace is how long a message whose outcome is unknown waits for a status that
	// proves it, before it is sent once more; three times as long when the process that
	// sent it ended. Default: 20s.
	StatusGrace time.Duration `yaml:"status_grace"`
	// Template is sent where a free text is refused because the person last wrote more
	// than 24 hours ago. Default: none, such replies are buried.
	Template Template `yaml:"template"`
	// VerifyToken is the word that was typed into Meta's console beside the webhook's
	// address. Required in mode cloud.
	VerifyToken secret.String `yaml:"verify_token"`
}

// Template is an approved message template without parameters.
type Template struct {
	// Name is its name in the WhatsApp Manager.
	Name string `yaml:"name"`
	// Language is its language code, such as en_US.
	Language string `yaml:"language"`
}

// defaults are the published limits: 80 messages a second for a number, one every six
// seconds to the same person (error 131056). An answer that takes up to three messages
// goes out at once all the same: the platform tolerates bursts to one person, and what
// it does not tolerate it tells, and the wait is obeyed.
func defaults() *Config {
	return &Config{
		APIURL:     defaultAPI,
		APIVersion: defaultVersion,
		Mode:       ModeCloud,
		// The first status of a message usually comes within a second or two.
		StatusGrace: 20 * time.Second,
		Limits: adapters.Limits{
			Account: adapters.Rate{Count: 80, Per: time.Second, Burst: 80},
			Chat:    adapters.Rate{Count: 1, Per: 6 * time.Second, Burst: 3},
		},
	}
}

var (
	versionShape = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,2}$`)
	numberShape  = regexp.MustCompile(`^[0-9]{1,32}$`)
)

// webLimits are far below what a person who writes much would do: WhatsApp bans
// numbers that behave like machines and tells no numbers.
func webLimits() adapters.Limits {
	chat := adapters.Rate{Count: 1, Per: 2 * time.Second, Burst: 4}
	return adapters.Limits{Account: adapters.Rate{Count: 1, Per: time.Second, Burst: 5}, Chat: chat, Group: chat}
}

// limits are those in force: the defaults depend on the mode, which is not known when
// they are laid down.
func (c *Config) limits() adapters.Limits {
	if c.Mode == ModeWeb && c.Limits == defaults().Limits {
		return webLimits()
	}
	return c.Limits
}

// NeedsPublicURL tells the configuration that Meta must reach the hub.
func (c *Config) NeedsPublicURL() bool { return c.Mode == ModeCloud }

// Validate implements adapters.Config. It names every problem and no value of a secret.
func (c *Config) Validate() []adapters.Problem {
	var problems []adapters.Problem
	add := func(key, text string) { problems = append(problems, adapters.Problem{Key: key, Text: text}) }
	for _, r := range []struct {
		key  string
		rate adapters.Rate
	}{{"account", c.Limits.Account}, {"chat", c.Limits.Chat}, {"group", c.Limits.Group}} {
		if r.rate.Count < 0 || r.rate.Per < 0 || r.rate.Burst < 0 || (r.rate.Count > 0 && r.rate.Per == 0) {
			add("limits."+r.key, "needs a count, a time and a burst of zero or more; a count needs a time")
		}
	}
	switch c.Mode {
	case ModeCloud:
		c.validateCloud(add)
	case ModeWeb:
		c.validateWeb(add)
	default:
		add("mode", fmt.Sprintf("must be %s or %s", ModeCloud, ModeWeb))
		c.validateCloud(add)
	}
	return problems
}

func (c *Config) validateCloud(add func(key, text string)) {
	if c.AccessToken.IsZero() {
		add("access_token", "is missing; give the token of a system user with the permission whatsapp_business_messaging (Meta Business Suite, System users)")
	}
	if u, err := url.Parse(c.APIURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		add("api_url", "is not an http or https address; the public one is "+defaultAPI)
	} else if u.RawQuery != "" || u.Fragment != "" {
		add("api_url", "has a query or a fragment; give it without")
	}
	if !versionShape.MatchString(c.APIVersion) {
		add("api_version", "is no version of the Graph API; one looks like "+defaultVersion)
	}
	if c.AppSecret.IsZero() {
		add("app_secret", "is missing; it stands in the app's basic settings on developers.facebook.com")
	}
	if !numberShape.MatchString(c.PhoneNumberID) {
		add("phone_number_id", "must be the id of the phone number, digits only, as the API setup page of the app shows it; it is not the phone number")
	}
	if c.RootKey != "" {
		add("root_key", "belongs to mode web")
	}
	if c.StatusGrace < 0 {
		add("status_grace", "must not be negative")
	}
	if (c.Template.Name == "") != (c.Template.Language == "") {
		add("template", "needs a name and a language, or neither")
	}
	if c.VerifyToken.IsZero() {
		add("verify_token", "is missing; choose a word and type the same into the webhook page of the app")
	}
}

func (c *Config) validateWeb(add func(key, text string)) {
	if !webBuilt {
		add("mode", "is web, and this binary was built without WhatsApp-web (with the build tag nowhatsmeow); use mode cloud or another build")
	}
	for _, k := range []struct {
		key string
		set bool
	}{
		{"access_token", !c.AccessToken.IsZero()}, {"app_secret", !c.AppSecret.IsZero()}, {"phone_number_id", c.PhoneNumberID != ""},
		{"template", c.Template != Template{}}, {"verify_token", !c.VerifyToken.IsZero()},
	} {
		if k.set {
			add(k.key, "belongs to mode cloud; mode web is linked with `parley pair`")
		}
	}
	u, err := c.simulator()
	switch key, bad := hex.DecodeString(c.RootKey); {
	case err != nil:
		add("api_url", "must be the http address of a simulator on this machine; leave it out to speak to WhatsApp")
	case u == nil && c.RootKey != "":
		add("root_key", "is for a simulator; it needs api_url")
	case u != nil && (bad != nil || len(key) != rootKeySize):
		add("root_key", "must be the simulator's root key, 64 hexadecimal digits")
	}
}

// rootKeySize is the length of a key of Curve25519.
const rootKeySize = 32

var errNotLocal = errors.New("not an address of this machine")

// simulator is where the simulator of mode web is; nil for WhatsApp itself.
func (c *Config) simulator() (*url.URL, error) {
	if c.APIURL == "" || c.APIURL == defaultAPI {
		return nil, nil
	}
	u, err := url.Parse(c.APIURL)
	if err != nil || u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, errNotLocal
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errNotLocal
	}
	return u, nil
}
