package whatsapp

import (
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core/secret"
)

// ModeCloud is the official Cloud API: messages come by webhook.
const ModeCloud = "cloud"

const (
	// defaultAPI is the public Graph API.
	defaultAPI = "https://graph.facebook.com"
	// defaultVersion is the version of the Graph API that this adapter was written for.
	defaultVersion = "v25.0"
)

// Config is an account's section of the configuration.
type Config struct {
	// AccessToken is the system user's token with the permission
	// whatsapp_business_messaging. Required.
	AccessToken secret.String `yaml:"access_token"`
	// APIURL is where the Graph API is, without a version. Default: the public one.
	APIURL string `yaml:"api_url"`
	// APIVersion is the version of the Graph API. Default: v25.0.
	APIVersion string `yaml:"api_version"`
	// AppSecret is what Meta signs webhook calls with. Required.
	AppSecret secret.String `yaml:"app_secret"`
	// Limits are the calls the account may make. Default: 80 a second in all, and 1
	// every 6 seconds to one person, of which 3 at once.
	Limits adapters.Limits `yaml:"limits"`
	// Mode is "cloud" (default).
	Mode string `yaml:"mode"`
	// PhoneNumberID names the business phone number; it is not the number itself. Required.
	PhoneNumberID string `yaml:"phone_number_id"`
	// StatusGrace is how long a message whose outcome is unknown waits for a status that
	// proves it, before it is sent once more; three times as long when the process that
	// sent it ended. Default: 20s.
	StatusGrace time.Duration `yaml:"status_grace"`
	// Template is sent where a free text is refused because the person last wrote more
	// than 24 hours ago. Default: none, such replies are buried.
	Template Template `yaml:"template"`
	// VerifyToken is the word that was typed into Meta's console beside the webhook's
	// address. Required.
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

// NeedsPublicURL tells the configuration that Meta must reach the hub.
func (c *Config) NeedsPublicURL() bool { return c.Mode == ModeCloud }

// Validate implements adapters.Config. It names every problem and no value of a secret.
func (c *Config) Validate() []adapters.Problem {
	var problems []adapters.Problem
	add := func(key, text string) { problems = append(problems, adapters.Problem{Key: key, Text: text}) }

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
	for _, r := range []struct {
		key  string
		rate adapters.Rate
	}{{"account", c.Limits.Account}, {"chat", c.Limits.Chat}, {"group", c.Limits.Group}} {
		if r.rate.Count < 0 || r.rate.Per < 0 || r.rate.Burst < 0 || (r.rate.Count > 0 && r.rate.Per == 0) {
			add("limits."+r.key, "needs a count, a time and a burst of zero or more; a count needs a time")
		}
	}
	if c.Mode != ModeCloud {
		add("mode", fmt.Sprintf("must be %s", ModeCloud))
	}
	if !numberShape.MatchString(c.PhoneNumberID) {
		add("phone_number_id", "must be the id of the phone number, digits only, as the API setup page of the app shows it; it is not the phone number")
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
	return problems
}
