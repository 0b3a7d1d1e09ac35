package configs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/app"
	"github.com/parley-hub/parley/models"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReferenceIsTheDefaults(t *testing.T) {
	got := mustLoad(t, read(t, "parley.yaml"))
	// The reference spells out lists that are empty.
	got.Access.Allow, got.Access.Admins, got.Routes, got.API.Keys = nil, nil, nil, nil
	got.Models.Cache.Skills, got.Models.Cache.Semantic.Skills = nil, nil
	got.Models.Prices.Table, got.Models.Budgets, got.Models.Prewarm = nil, nil, nil
	got.Models.Skills, got.Models.Accounts = nil, nil
	got.Skills.Secrets, got.Skills.Allow, got.Skills.MCP = nil, configs.AllowedSkills{}, nil
	got.API.MCP.Clients = nil
	if diff := cmp.Diff(defaults(t), got, secrets); diff != "" {
		t.Errorf("the values in parley.yaml differ from the defaults (-default +reference):\n%s", diff)
	}
}

var (
	switchedOff = regexp.MustCompile(`(?m)^(\s*)#(\S)`)
	// emptied are keys that stand there twice, empty and with their example.
	emptied = regexp.MustCompile(`(?m)^\s*(?:allow|admins|routes|pools|keys|default|prompt|pool|currency|table|budgets|prewarm|skills|accounts|secrets|folder|checksums|signers|mcp|clients): (?:\[\]|\{\}|"")\n`)
	files   = regexp.MustCompile(`file:/run/secrets/\S+`)
)

// switchedOn gives the reference with all its examples switched on.
func switchedOn(t *testing.T) string {
	t.Helper()
	text := emptied.ReplaceAllString(read(t, "parley.yaml"), "")
	return files.ReplaceAllString(switchedOff.ReplaceAllString(text, "$1$2"), "a-secret")
}

func TestReferenceHasEveryKey(t *testing.T) {
	text := switchedOn(t)
	c := mustLoad(t, text, "TELEGRAM_TOKEN=x", "GPU_KEY=y", "WEATHER_KEY=z", "CI_KEY=0123456789abcdef", "FILES_TOKEN=f", "TICKETS_AUTHORIZATION=t")
	if c.Models.Prices.Currency != "EUR" || len(c.Models.Prices.Table) != 2 || len(c.Models.Budgets) != 3 {
		t.Errorf("prices %+v, budgets %+v", c.Models.Prices, c.Models.Budgets)
	}
	if len(c.Routes) != 3 || len(c.Channels) != 2 || len(c.Models.Pools) != 3 {
		t.Errorf("there are %d routes, %d channels, %d pools", len(c.Routes), len(c.Channels), len(c.Models.Pools))
	}
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	mentioned := map[string]bool{}
	pathsOfNode("", root.Content[0], mentioned)
	for _, path := range pathsOfType("", reflect.TypeFor[configs.Config]()) {
		if !mentioned[path] {
			t.Errorf("parley.yaml does not mention %s", path)
		}
	}
}

// pathsOfNode collects the paths of a tree, with * for names and elements.
func pathsOfNode(path string, n *yaml.Node, into map[string]bool) {
	into[path] = true
	free := slices.Contains([]string{
		".channels", ".models.pools", ".models.cache.semantic.skills", ".models.skills", ".models.accounts", ".skills.secrets", ".skills.secrets.*",
		".skills.mcp.*.env", ".skills.mcp.*.headers",
	}, path)
	switch n.Kind { //nolint:exhaustive // the others have nothing inside
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if free {
				key = "*"
			}
			pathsOfNode(path+"."+key, n.Content[i+1], into)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			pathsOfNode(path+".*", item, into)
		}
	}
}

// pathsOfType lists the paths of a schema in the same form.
func pathsOfType(path string, t reflect.Type) []string {
	switch {
	case t == reflect.TypeFor[configs.Channel]():
		return append(pathsOfType(path, reflect.TypeFor[section]()), path+".platform", path+".scope")
	case t == reflect.TypeFor[configs.Person](), t == reflect.TypeFor[secret.String](), t == reflect.TypeFor[time.Duration]():
		return []string{path}
	case t == reflect.TypeFor[models.WorkerConfig]() && path != ".models.pools.*.workers.*":
		return []string{path} // the same wherever it stands
	case t.Kind() == reflect.Pointer:
		return pathsOfType(path, t.Elem())
	case t.Kind() == reflect.Map, t.Kind() == reflect.Slice:
		return append(pathsOfType(path+".*", t.Elem()), path)
	case t.Kind() == reflect.Struct:
		var out []string
		for i := range t.NumField() {
			out = append(out, pathsOfType(path+"."+t.Field(i).Tag.Get("yaml"), t.Field(i).Type)...)
		}
		return out
	default:
		return []string{path}
	}
}

// comments are the lines of a file that are comments.
var comments = regexp.MustCompile(`(?m)^\s*#.*$`)

func TestExamples(t *testing.T) {
	env := []string{
		"TELEGRAM_TOKEN=1", "PUBLIC_BOT_TOKEN=2", "TEAM_BOT_TOKEN=3", "GPU_KEY=4", "SLACK_BOT_TOKEN=5", "SLACK_APP_TOKEN=6",
		"DISCORD_TOKEN=7", "WHATSAPP_TOKEN=8", "WHATSAPP_APP_SECRET=9", "WHATSAPP_VERIFY_TOKEN=10",
	}
	want := map[string][]core.Account{
		"minimal.yaml": {"telegram"}, "two-bots.yaml": {"public", "team"}, "local-ollama.yaml": {"telegram"},
		"slack.yaml": {"slack"}, "discord.yaml": {"discord"}, "whatsapp.yaml": {"whatsapp"}, "whatsapp-web.yaml": {"wa-web"},
	}
	found, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(found) != len(want) {
		t.Fatalf("examples: %v, %v", found, err)
	}
	for _, path := range found {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, warnings, err := configs.Load(configs.Source{Path: path, Env: env, Factories: app.Factories()})
			if err != nil || len(warnings) > 0 {
				t.Fatalf("Load: %v, warnings %v", err, warnings)
			}
			if diff := cmp.Diff(want[filepath.Base(path)], c.Accounts()); diff != "" {
				t.Errorf("channels (-want +got):\n%s", diff)
			}
			// Without their secrets they name each of them.
			_, _, err = configs.Load(configs.Source{Path: path, Factories: app.Factories()})
			secrets := strings.Count(comments.ReplaceAllString(read(t, path), ""), "env:")
			if (err == nil) != (secrets == 0) || err != nil && strings.Count(err.Error(), "is not set") != secrets {
				t.Errorf("without an environment: %v", err)
			}
		})
	}
}
