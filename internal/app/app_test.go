package app_test

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/internal/app"
)

// environment holds the secrets that the examples name.
var environment = []string{"TELEGRAM_TOKEN=1:x", "PUBLIC_BOT_TOKEN=2:x", "TEAM_BOT_TOKEN=3:x", "GPU_KEY=4",
	"SLACK_BOT_TOKEN=xoxb-5", "SLACK_APP_TOKEN=xapp-6", "DISCORD_TOKEN=7", "WHATSAPP_TOKEN=8", "WHATSAPP_APP_SECRET=9",
	"WHATSAPP_VERIFY_TOKEN=10",
}

// load reads a configuration with the platforms there really are.
func load(t *testing.T, path string, env ...string) *configs.Config {
	t.Helper()
	c, warnings, err := configs.Load(configs.Source{Path: path, Env: append(environment, env...), Factories: app.Factories()})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, warnings %v", err, warnings)
	}
	return c
}

// here are the settings for a hub that leaves this machine alone.
func here(t *testing.T) []string {
	t.Helper()
	return []string{"PARLEY_DATA_DIR=" + filepath.Join(t.TempDir(), "data"), "PARLEY_HTTP_LISTEN=127.0.0.1:0"}
}

// shipped are the configurations of this repository.
func shipped(t *testing.T) []string {
	t.Helper()
	reference, err := filepath.Glob("../../configs/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("../../configs/examples/*.yaml")
	if err != nil || len(reference) == 0 || len(examples) == 0 {
		t.Fatalf("%v, %v, %v", reference, examples, err)
	}
	if !linksWeb { // this binary refuses it, as the adapter's own tests prove
		examples = slices.DeleteFunc(examples, func(path string) bool { return filepath.Base(path) == "whatsapp-web.yaml" })
	}
	return append(reference, examples...)
}

// TestShippedConfigurations makes a hub of each: every platform, skill and pool it
// names is there.
func TestShippedConfigurations(t *testing.T) {
	for _, path := range shipped(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c := load(t, path, here(t)...)
			var checked, log bytes.Buffer
			if err := app.Check(t.Context(), &checked, c, path); err != nil || !strings.HasPrefix(checked.String(), "configuration is fine ("+path+")\n") {
				t.Errorf("check: %v\n%s", err, &checked)
			}
			a, err := app.New(t.Context(), app.Options{Config: c, File: path, Version: "test", Log: zerolog.SyncWriter(&log)})
			if err != nil {
				t.Fatalf("new: %v\n%s", err, &log)
			}
			stopped, stop := context.WithCancel(t.Context())
			stop() // what New opened is closed by Run, whose work is over at once
			if err := a.Run(stopped); err != nil {
				t.Errorf("run: %v\n%s", err, &log)
			}
		})
	}
}

// TestNewRefuses makes hubs that cannot be: each says what a person is to do, and
// leaves nothing open behind.
func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		edit func(*configs.Config)
		want string
	}{
		{
			"a folder that cannot be", []string{"PARLEY_DATA_DIR=app_test.go/data"}, nil,
			"app_test.go/data is not a writable directory; create it, or give it to the user this process runs as",
		},
		{
			"an address of somebody else", []string{"PARLEY_HTTP_LISTEN=192.0.2.1:80"}, nil,
			"listen on 192.0.2.1:80: ",
		},
		{
			"a route to nobody", nil,
			func(c *configs.Config) {
				c.Routes = []configs.Route{{Name: "odd", To: configs.Target{Skill: "nosuch"}}}
			},
			`route "odd": there is no skill "nosuch" (there are: chat, start, help, new, recap, link, unlink, accounts, reach, model, forget, whoami, status)`,
		},
		{
			"kept answers of nobody", nil,
			func(c *configs.Config) { c.Models.Cache.Skills = []string{"chat", "caht"} },
			`models.cache: there is no skill "caht" (there are: chat, start, `,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := load(t, "../../configs/examples/minimal.yaml", append(here(t), c.env...)...)
			if c.edit != nil {
				c.edit(cfg)
			}
			a, err := app.New(t.Context(), app.Options{Config: cfg, Log: zerolog.SyncWriter(new(bytes.Buffer))})
			if a != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if class := fault.ClassOf(err); c.edit == nil && class != fault.NeedsHuman {
				t.Errorf("its class is %v", class)
			}
		})
	}
}

// TestLockIsGivenBack opens the same folder twice in turn: a hub that could not be
// made holds nothing.
func TestLockIsGivenBack(t *testing.T) {
	settings := here(t)
	broken := load(t, "../../configs/examples/minimal.yaml", append(settings, "PARLEY_HTTP_LISTEN=192.0.2.1:80")...)
	if _, err := app.New(t.Context(), app.Options{Config: broken, Log: zerolog.SyncWriter(new(bytes.Buffer))}); err == nil {
		t.Fatal("a hub on an address of somebody else")
	}
	a, err := app.New(t.Context(), app.Options{Config: load(t, "../../configs/examples/minimal.yaml", settings...), Log: zerolog.SyncWriter(new(bytes.Buffer))})
	if err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := a.Run(stopped); err != nil {
		t.Error(err)
	}
}

// TestServeWithoutAccounts runs the playground at a port of the system's choice until it
// is told to stop.
func TestServeWithoutAccounts(t *testing.T) {
	c, _, err := configs.Load(configs.Source{Env: here(t), Factories: app.Factories()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := &watched{word: "parley is up with the playground", seen: cancel}
	if err := app.Serve(ctx, app.Options{Config: c, Version: "test", Log: log}); err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
	if !strings.Contains(log.String(), `"channels":4`) {
		t.Errorf("the log:\n%s", log.String())
	}
}

// watched is a log that tells when it holds a word.
type watched struct {
	logtest.Log
	word string
	seen func()
}

func (w *watched) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.word)) {
		w.seen()
	}
	return w.Log.Write(p)
}
