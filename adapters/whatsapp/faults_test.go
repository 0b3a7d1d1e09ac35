package whatsapp

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	const chat, account = fault.ScopeChat, fault.ScopeAccount
	for _, tc := range []struct {
		status, code int
		class        fault.Class
		scope        fault.Scope
		unsure       bool
	}{
		{401, 190, fault.NeedsHuman, 0, false},
		{401, 0, fault.NeedsHuman, 0, false},
		{403, 10, fault.NeedsHuman, 0, false},
		{403, 200, fault.NeedsHuman, 0, false},
		{403, 299, fault.NeedsHuman, 0, false},
		{500, 3, fault.NeedsHuman, 0, false},
		{403, 131031, fault.NeedsHuman, 0, false},
		{400, 131048, fault.NeedsHuman, 0, false},
		{400, 133010, fault.NeedsHuman, 0, false},
		{400, 130429, fault.RateLimited, account, false},
		{400, 4, fault.RateLimited, account, false},
		{400, 80007, fault.RateLimited, account, false},
		{400, 131056, fault.RateLimited, chat, false},
		{400, 100, fault.Permanent, 0, false},
		{400, 131026, fault.Permanent, 0, false},
		{500, 131026, fault.Permanent, 0, false},
		{400, 131030, fault.Permanent, 0, false},
		{400, 131047, fault.Permanent, 0, false},
		{404, 132001, fault.Permanent, 0, false},
		{503, 131016, fault.Retryable, 0, false},
		{503, 133004, fault.Retryable, 0, false},
		{500, 131000, fault.Retryable, 0, true},
		{500, 1, fault.Retryable, 0, true},
		{503, 2, fault.Retryable, 0, true},
		{500, 999999, fault.Retryable, 0, true},
		{400, 999999, fault.Permanent, 0, false},
	} {
		a := answer{op: "send", leaves: true, sent: true, status: tc.status, refusal: &refusal{code: tc.code, text: "no"}}
		err := a.fault("wa")
		if fault.ClassOf(err) != tc.class || fault.ScopeOf(err) != tc.scope || fault.IsUnsure(err) != tc.unsure {
			t.Errorf("%d/%d: class %s, scope %d, unsure %v", tc.status, tc.code, fault.ClassOf(err), fault.ScopeOf(err), fault.IsUnsure(err))
		}
		if tc.class == fault.RateLimited && fault.Wait(err) <= 0 {
			t.Errorf("%d/%d: no wait", tc.status, tc.code)
		}
		a.leaves = false
		if fault.IsUnsure(a.fault("wa")) {
			t.Errorf("%d/%d: a call that leaves nothing is unsure", tc.status, tc.code)
		}
	}
	silent := errors.New("silence")
	for _, tc := range []struct {
		answer answer
		class  fault.Class
		unsure bool
	}{
		{answer{leaves: true, cause: silent}, fault.Retryable, false},
		{answer{leaves: true, cause: silent, sent: true}, fault.Retryable, true},
		{answer{leaves: true, cause: silent, sent: true, status: 200}, fault.Retryable, true},
		{answer{leaves: true, cause: silent, sent: true, status: 502}, fault.Retryable, true},
		{answer{leaves: true, cause: silent, sent: true, status: 429}, fault.RateLimited, false},
		{answer{leaves: true, cause: silent, sent: true, status: 401}, fault.NeedsHuman, false},
		{answer{leaves: true, cause: silent, sent: true, status: 302}, fault.Permanent, false},
	} {
		err := tc.answer.fault("wa")
		if fault.ClassOf(err) != tc.class || fault.IsUnsure(err) != tc.unsure {
			t.Errorf("%+v: class %s, unsure %v", tc.answer, fault.ClassOf(err), fault.IsUnsure(err))
		}
	}
	if h := (http.Header{"Retry-After": {"99999999999"}}); retryAfter(h) > longestWait {
		t.Error("a wait without an end is believed")
	}
}

func TestMediaAddress(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("https://graph.facebook.com")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]netip.Addr{
		"lookaside.fbsbx.com": {netip.MustParseAddr("157.240.1.1")},
		"in.fbcdn.net":        {netip.MustParseAddr("157.240.1.1"), netip.MustParseAddr("10.0.0.1")},
		"me.whatsapp.net":     {netip.MustParseAddr("::ffff:127.0.0.1")},
		"link.whatsapp.net":   {netip.MustParseAddr("169.254.169.254")},
		"six.fbcdn.net":       {netip.MustParseAddr("fd00::1")},
	}
	a := &Cloud{api: &api{base: base}, lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if ips, ok := found[host]; ok {
			return ips, nil
		}
		return nil, errors.New("no such host")
	}}
	for address, want := range map[string]fault.Class{
		"https://lookaside.fbsbx.com/whatsapp/?mid=1": 0,
		"https://graph.facebook.com/v25.0/x":          0,
		"https://in.fbcdn.net/x":                      fault.Permanent,
		"https://me.whatsapp.net/x":                   fault.Permanent,
		"https://link.whatsapp.net/x":                 fault.Permanent,
		"https://six.fbcdn.net/x":                     fault.Permanent,
		"https://unknown.fbcdn.net/x":                 fault.Retryable,
		"https://lookaside.fbsbx.com:8443/x":          fault.Permanent,
		"http://graph.facebook.com/x":                 fault.Permanent,
		"https://127.0.0.1/x":                         fault.Permanent,
		"https://fbcdn.net.evil.org/x":                fault.Permanent,
	} {
		if _, err := a.mediaAddress(t.Context(), address); fault.ClassOf(err) != want {
			t.Errorf("%s: class %s: %v", address, fault.ClassOf(err), err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := func() *Config {
		c := defaults()
		c.AccessToken, c.AppSecret, c.VerifyToken, c.PhoneNumberID = secret.New("a"), secret.New("b"), secret.New("c"), "1"
		return c
	}
	if problems := good().Validate(); len(problems) != 0 || !good().NeedsPublicURL() {
		t.Errorf("%+v", problems)
	}
	if n := len((&Config{}).Validate()); n != 7 {
		t.Errorf("an empty section has %d problems", n)
	}
	for key, spoil := range map[string]func(*Config){
		"access_token":    func(c *Config) { c.AccessToken = secret.String{} },
		"api_url":         func(c *Config) { c.APIURL = "ftp://x" },
		"api_version":     func(c *Config) { c.APIVersion = "../25" },
		"app_secret":      func(c *Config) { c.AppSecret = secret.String{} },
		"limits.chat":     func(c *Config) { c.Limits.Chat.Per = 0 },
		"mode":            func(c *Config) { c.Mode = "pigeon" },
		"phone_number_id": func(c *Config) { c.PhoneNumberID = "+1 555" },
		"status_grace":    func(c *Config) { c.StatusGrace = -1 },
		"template":        func(c *Config) { c.Template.Name = "x" },
		"verify_token":    func(c *Config) { c.VerifyToken = secret.String{} },
	} {
		c := good()
		spoil(c)
		if p := c.Validate(); len(p) != 1 || p[0].Key != key {
			t.Errorf("%s: %+v", key, p)
		}
	}
}
