package configs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// section is a platform's configuration, with the keys of the examples.
type section struct {
	APIURL        string          `yaml:"api_url"`
	Limits        adapters.Limits `yaml:"limits"`
	Mode          string          `yaml:"mode"`
	SendOverlap   time.Duration   `yaml:"send_overlap"`
	Token         secret.String   `yaml:"token"`
	WebhookSecret secret.String   `yaml:"webhook_secret"`
}

func (s *section) Validate() []adapters.Problem {
	var out []adapters.Problem
	if s.Token.IsZero() {
		out = append(out, adapters.Problem{Key: "token", Text: "is missing; give the token of the bot"})
	}
	if s.Mode != "poll" && s.Mode != "webhook" {
		out = append(out, adapters.Problem{Key: "mode", Text: "must be poll or webhook"})
	}
	return out
}

func (s *section) NeedsPublicURL() bool { return s.Mode == "webhook" }

type platform string

func (p platform) Platform() string { return string(p) }
func (p platform) Defaults() adapters.Config {
	return &section{Mode: "poll", APIURL: "https://api.test"}
}
func (p platform) New(adapters.Settings) (adapters.Adapter, error) {
	return nil, errors.New("not for these tests")
}

func platforms() []adapters.Factory {
	return []adapters.Factory{platform("telegram"), platform("pigeon")}
}

// load reads text as a file called parley.yaml.
func load(t *testing.T, text string, env ...string) (*configs.Config, []configs.Warning, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parley.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return configs.Load(configs.Source{Path: path, Env: env, Factories: platforms()})
}

func mustLoad(t *testing.T, text string, env ...string) *configs.Config {
	t.Helper()
	c, _, err := load(t, text, env...)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

// problems loads what must be wrong and gives the problems, one a line.
func problems(t *testing.T, text string, env ...string) []string {
	t.Helper()
	c, _, err := load(t, text, env...)
	var p *configs.Problems
	if !errors.As(err, &p) {
		t.Fatalf("Load gave %v and no problems", err)
	}
	if c != nil {
		t.Error("Load gave a configuration beside its problems")
	}
	out := make([]string, 0, len(p.List))
	for _, one := range p.List {
		out = append(out, strings.TrimSpace(one.String()))
	}
	return out
}
