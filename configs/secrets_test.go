package configs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-hub/parley/core/secret"
)

// No problem repeats what stood in the file, since it may be a secret in the wrong
// place.
func TestNoProblemQuotesAValue(t *testing.T) {
	const value = "hunter2"
	for _, text := range []string{
		"http: {listen: %s, max_body: %s, public_url: %s}\n", "http: %s\n", "shutdown: %s\nqueue: {max_items: %s}\n",
		"access: {dm: %s, groups: %s, allow: [%s], admins: %s}\n", "log: {level: %s, format: %s}\n",
		"routes: [{when: {channels: [%s], places: [%s], roles: [%s], commands: ['/%s'], pattern: '(%s', addressed: %s}, to: {model: %s}}]\nmodels: {pools: {a: {}}}\n",
		"channels: {telegram: {token: 'env:%s', mode: %s}}\n", "channels: {a: {platform: %s}}\n", "channels: {telegram: %s}\n",
		"models: {default: %s, pools: {a: {model: m, workers: [{url: '%s', slots: %s}]}}}\n", "log: \"%s\n", "log: *%s\n", "log: !%s x\n", "log: '%s' x\n",
		"%%%s\nlog: 1\n", "log: @%s\n", "log: `%s`\n", "%s\n", "- %s\n", "log: &%s [*%s]\n",
	} {
		for _, line := range problems(t, strings.ReplaceAll(text, "%s", value+" ?")) {
			if strings.Contains(line, value) {
				t.Errorf("%q: the problem quotes the value: %s", text, line)
			}
		}
		for _, line := range problems(t, strings.ReplaceAll(text, "%s", value)) {
			if strings.Contains(line, value) && !strings.Contains(line, "environment variable") {
				t.Errorf("%q: the problem quotes the value: %s", text, line)
			}
		}
	}
}

func TestRedacted(t *testing.T) {
	const text = `http: {public_url: "https://a.test", max_body: 16MiB}
channels:
  telegram: {token: hunter2, mode: webhook}
  other: {platform: pigeon, token: hunter2, scope: place}
access: {allow: ["telegram:1"]}
models: {pools: {chat: {model: m, workers: [{url: "http://u:hunter2@a.test", api_key: hunter2}]}}}
routes: [{to: {skill: chat}}]
`
	c := mustLoad(t, text)
	out, err := c.Redacted()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "hunter2") {
		t.Errorf("a secret stands in:\n%s", out)
	}
	for _, want := range []string{"max_body: 16MiB", "- telegram:1", "platform: pigeon", "scope: place", "name: route-1", "timeout: 5m0s"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	// What is printed can be read again.
	again := mustLoad(t, string(out))
	hide := cmp.Comparer(func(secret.String, secret.String) bool { return true })
	url := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".URL" }, cmp.Ignore())
	if diff := cmp.Diff(c, again, hide, url, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
