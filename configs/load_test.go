package configs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
)

// secrets compares secrets by their values, which nothing else may do.
var secrets = cmp.Comparer(func(a, b secret.String) bool { return a.Reveal() == b.Reveal() })

// defaults is the configuration of an empty file.
func defaults(t *testing.T) *configs.Config {
	t.Helper()
	c, warnings, err := configs.Load(configs.Source{Factories: platforms()})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load of nothing: %v, warnings %v", err, warnings)
	}
	return c
}

func TestNothingMeansDefaults(t *testing.T) {
	want := defaults(t)
	for name, text := range map[string]string{
		"empty": "", "comments": "# nothing\n", "null": "null\n", "rule": "---\n", "empty map": "{}",
		"null sections": "http:\nchannels:\nmodels:\nskills: {chat: , rate: ~}\nroutes:\nqueue: null\ncollect:\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := mustLoad(t, text)
			if got.Channels != nil && len(got.Channels) == 0 {
				got.Channels = nil
			}
			if diff := cmp.Diff(want, got, secrets); diff != "" {
				t.Errorf("differs from the defaults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingFileIsAWarning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent.yaml")
	c, warnings, err := configs.Load(configs.Source{Path: path})
	if err != nil || c == nil {
		t.Fatalf("Load: %v", err)
	}
	if len(warnings) != 1 || warnings[0].Where != path {
		t.Errorf("warnings = %v, want one for %s", warnings, path)
	}
}

func TestEveryKindOfValue(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := mustLoad(t, `
http: {listen: ":80", public_url: "https://a.test/parley", max_body: 512}
data_dir: 2024-01-02
channels:
  telegram: {token: env:TOKEN, webhook_secret: "file:`+file+`", mode: webhook}
  support:
    platform: pigeon
    token: 123456
    scope: place
    limits: {chat: {count: 3, per: 1m30s, burst: 2}}
access: {dm: listed, allow: [telegram:123, "slack:T1:U1"]}
session: {scope: account}
models:
  pools:
    chat: {model: m, workers: [{url: "http://a.test", slots: 4, api_key: k}]}
  prices: {currency: EUR, table: [{model: m, prompt: 0.10, cached: 0.020000, completion: 3}]}
  budgets: [{scope: role, name: guest, day: {tokens: 50000}, month: {cost: 5.50}}]
routes:
  - {when: {addressed: false, places: [thread]}, to: {ignore: true}}
  - {name: rest, to: {model: chat}}
collect: 1500ms
queue: {max_bytes: 2GB}
`, "TOKEN=from the environment")

	want := defaults(t)
	want.HTTP = configs.HTTP{Listen: ":80", PublicURL: "https://a.test/parley", MaxBody: 512}
	want.DataDir = "2024-01-02"
	tg := &section{Mode: "webhook", APIURL: "https://api.test", Token: secret.New("from the environment"), WebhookSecret: secret.New("from a file")}
	pg := &section{Mode: "poll", APIURL: "https://api.test", Token: secret.New("123456")}
	pg.Limits.Chat.Count, pg.Limits.Chat.Per, pg.Limits.Chat.Burst = 3, 90*time.Second, 2
	want.Channels = map[core.Account]configs.Channel{
		"telegram": {Platform: "telegram", Config: tg}, "support": {Platform: "pigeon", Scope: session.OfPlace, Config: pg},
	}
	want.Session.Scope = session.OfAccount
	want.Access.DM = configs.DMListed
	want.Access.Allow = []configs.Person{{Realm: "telegram", User: "123"}, {Realm: "slack:T1", User: "U1"}}
	want.Models = models.Config{Pools: map[string]models.PoolConfig{
		"chat": {Model: "m", Workers: []models.WorkerConfig{{URL: "http://a.test", Slots: 4, APIKey: secret.New("k")}}},
	}}.WithDefaults()
	cached := models.Amount(20_000)
	want.Models.Cache, want.Models.Intents = models.DefaultCache(), models.DefaultIntents()
	want.Models.Prices = models.Prices{Currency: "EUR", Table: []models.Price{{Model: "m", Prompt: 100_000, Cached: &cached, Completion: 3_000_000}}}
	want.Models.Budgets = []models.Budget{{
		Scope: models.ScopeRole, Name: "guest", Day: models.Limit{Tokens: 50_000}, Month: models.Limit{Cost: 5_500_000},
	}}
	no := false
	want.Routes = []configs.Route{
		{Name: "route-1", When: configs.When{Addressed: &no, Places: []string{"thread"}}, To: configs.Target{Ignore: true}},
		{Name: "rest", To: configs.Target{Model: "chat"}},
	}
	want.Collect = 1500 * time.Millisecond
	want.Queue.MaxBytes = 2_000_000_000
	if diff := cmp.Diff(want, got, secrets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	policy := session.Policy{Private: session.OfAccount, Accounts: map[core.Account]session.Scope{"support": session.OfPlace}}
	if diff := cmp.Diff(policy, got.Memories()); diff != "" {
		t.Errorf("memories (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]core.Account{"support", "telegram"}, got.Accounts()); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

func TestAllProblemsTogether(t *testing.T) {
	_, _, err := load(t, `http:
  listen: 8080
channels:
  telegram:
    tokn: hunter2
    mode: carrier pigeon
`)
	if err == nil {
		t.Fatal("no error")
	}
	_, got, _ := strings.Cut(err.Error(), "parley.yaml: ")
	want := `4 problems:
  http.listen (line 2): must be host:port or :port, such as 127.0.0.1:8080
  channels.telegram.token (line 4): is missing; give the token of the bot
  channels.telegram.tokn (line 5): unknown key, did you mean "token"?
  channels.telegram.mode (line 6): must be poll or webhook`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProblems(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"unknown key, near", "sesion: {}\n", []string{`sesion (line 1): unknown key, did you mean "session"?`}},
		{"unknown key, far", "fnord: 1\n", []string{`fnord (line 1): unknown key`}},
		{"unknown key, other spelling", "http:\n  Public-URL: x\n", []string{`http.Public-URL (line 2): unknown key, did you mean "public_url"?`}},
		{"strange key", "\"a b\\n\": 1\n", []string{`"a b\n" (line 1): unknown key`}},
		{"repeated key", "log:\n  level: info\n  level: warn\n", []string{`log.level (line 3): is given twice, the first time in line 2`}},
		{"section for a word", "http: 8080\n", []string{`http (line 1): must be a section of keys, each with a value (key: value)`}},
		{"list for a section", "http: [a]\n", []string{`http (line 1): must be a section of keys, each with a value (key: value)`}},
		{"list at the top", "- a\n", []string{`must be a section of keys, each with a value (key: value)`}},
		{"word for a list", "routes: all\n", []string{`routes (line 1): must be a list ([a, b], or a line with "- " for each)`}},
		{"number", "queue: {max_items: many}\n", []string{`queue.max_items (line 1): must be a whole number`}},
		{"fraction", "queue: {max_items: 1.5}\n", []string{`queue.max_items (line 1): must be a whole number`}},
		{"number in quotes", "queue: {max_items: \"5\"}\n", []string{`queue.max_items (line 1): must be a whole number`}},
		{"number too large", "queue: {max_items: 99999999999999999999}\n", []string{`queue.max_items (line 1): must be a whole number`}},
		{"truth", "routes: [{to: {ignore: yes}}]\n", []string{
			`routes[0].to.ignore (line 1): must be true or false`}},
		{"text", "data_dir: true\n", []string{`data_dir (line 1): must be text; put it in quotes if it is`}},
		{"tag", "data_dir: !!binary aGk=\n", []string{`data_dir (line 1): must be text, without a tag`}},
		{"time without unit", "shutdown: 25\n", []string{`shutdown (line 1): must be a time with its unit, such as 500ms, 10s, 5m or 48h`}},
		{"time zero", "shutdown: 0s\n", []string{`shutdown (line 1): must be a time above 0, such as 30s`}},
		{"size", "http: {max_body: 8 megs}\n", []string{`http.max_body (line 1): must be a size, such as 512, 64KiB, 16MiB or 2GB`}},
		{"section for a size", "http: {max_body: {}}\n", []string{`http.max_body (line 1): must be a single value`}},
		{"money", "models: {prices: {currency: EUR, table: [{model: m, prompt: 0.0000001, completion: -1}, {model: n, cached: free}]}}\n", []string{
			`models.prices.table[0].completion (line 1): must be an amount of money of 0 or more with up to six decimals, such as 0.10`,
			`models.prices.table[0].prompt (line 1): must be an amount of money of 0 or more with up to six decimals, such as 0.10`,
			`models.prices.table[1].cached (line 1): must be an amount of money of 0 or more with up to six decimals, such as 0.10`}},
		{"budget", "models: {budgets: [{scope: everybody, day: {tokens: 5}}, {scope: role, name: guest, month: {cost: 5}}]}\n", []string{
			`models.budgets[0].scope (line 1): must be one of: person, role, account`,
			`models.budgets[1].month.cost (line 1): needs models.prices: without a price nothing costs anything`}},
		{"person", "access:\n  allow:\n    - telegram:1\n    - \"@me\"\n    -\n", []string{
			`access.allow[1] (line 4): must be a realm and a user id, such as telegram:123456`,
			`access.allow[2] (line 5): is empty; give it a value or remove it`}},
		{"policies", "access: {dm: some, groups: no}\n", []string{
			`access.dm (line 1): must be one of: open, closed, listed`,
			`access.groups (line 1): must be one of: addressed, all, off`}},
		{"scopes", "session: {scope: bot}\nchannels: {telegram: {token: x, scope: chat}}\n", []string{
			`session.scope (line 1): must be one of: person, account, place`,
			`channels.telegram.scope (line 2): must be one of: person, account, place`}},
		{"merge key", "log: &a {level: info}\nqueue: {<<: *a}\n", []string{`queue (line 2): "<<" is not supported; write the keys out`}},
		{"key that is none", "? [a]\n: b\n", []string{`(line 1): has something that is not a key; a key is a plain word`}},
		{"unknown platform by name", "channels: {telegrm: {token: x}}\n", []string{
			`channels.telegrm (line 1): unknown platform, did you mean "telegram"?; give it a key platform with one of: pigeon, telegram`}},
		{"unknown platform", "channels: {a: {platform: b}}\n", []string{`channels.a.platform (line 1): unknown platform; known are: pigeon, telegram`}},
		{"channel's name", "channels:\n  My Bot: {platform: pigeon, token: x}\n", []string{
			`channels."My Bot" (line 2): is no name for a channel; use 1 to 32 of a-z, 0-9, _ and -, with a letter or digit first`}},
		{"channel without section", "channels: {telegram: }\n", []string{`channels.telegram.token (line 1): is missing; give the token of the bot`}},
		{"channel that is a word", "channels: {telegram: x}\n", []string{
			`channels.telegram (line 1): must be a section of keys, each with a value (key: value)`}},
		{"secret from nowhere", "channels: {telegram: {token: env:NOWHERE}}\n", []string{
			`channels.telegram.token (line 1): environment variable NOWHERE is not set`}},
		{"secret from a bad name", "channels: {telegram: {token: \"env:12:secret\"}}\n", []string{
			`channels.telegram.token (line 1): must have the name of an environment variable behind env:`}},
		{"webhook without address", "channels:\n  telegram: {token: x, mode: webhook}\n", []string{
			`http.public_url: must be the address where platforms reach this hub, since these need it: channels.telegram`}},
		{"address", "http: {public_url: bot.example.org}\n", []string{
			`http.public_url (line 1): must be an http or https address, such as https://bot.example.org`}},
		{"routes", `routes:
  - {name: a, to: {skill: chat, ignore: true}}
  - {name: a, to: {}}
  - to: {model: none}
    when:
      channels: [nobody]
      places: [moon]
      roles: [king]
      commands: [/help]
      keywords: [" "]
      pattern: "(a"
      languages: ["?"]
models: {pools: {chat: {model: m, workers: [{url: "http://a.test"}]}}}
`, []string{
			`routes[0].to (line 2): has ignore beside a skill or model; an ignored message is answered by nobody`,
			`routes[1].name (line 3): is the name of routes[0] already; give it another one`,
			`routes[1].to (line 3): must name a skill, a model, or ignore: true`,
			`routes[2].to.model (line 4): must name one of the pools in models.pools`,
			`routes[2].when.channels[0] (line 6): must be the name of a channel in channels`,
			`routes[2].when.places[0] (line 7): must be one of: private, group, thread`,
			`routes[2].when.roles[0] (line 8): must be one of: user, admin`,
			`routes[2].when.commands[0] (line 9): must be a command without its slash: 1 to 32 of a-z, 0-9 and _`,
			`routes[2].when.keywords[0] (line 10): must not be empty`,
			`routes[2].when.pattern (line 11): must be a regular expression (RE2 syntax, https://github.com/google/re2/wiki/Syntax)`,
			`routes[2].when.languages[0] (line 12): must be a language tag, such as en or pt-BR`}},
		{"models", "models:\n  default: big\n  pools: {chat: {model: m, workers: [{url: gpu}]}}\n", []string{
			`models.default (line 2): must name one of the pools (chat)`,
			`models.pools.chat.workers[0].url (line 3): must be an http or https address, as in http://127.0.0.1:8080/v1`}},
		{"api", `api:
  max_body: 0
  keys:
    - {name: CI, key: short, band: slow, role: A B}
    - {name: telegram, key: 0123456789abcdef, models: [chat, none, chat]}
    - {name: telegram, key: 0123456789abcdef}
    - {name: other, key: "0123456789 abcdef"}
    - {}
channels: {telegram: {token: x}}
models: {pools: {chat: {model: m, workers: [{url: "http://a.test"}]}}}
`, []string{
			`api.max_body (line 2): must be a size above 0, such as 32MiB`,
			`api.keys[0].band (line 4): must be one of: interactive, normal, batch`,
			`api.keys[0].key (line 4): must be at least 16 characters without spaces, such as openssl rand -hex 32 makes`,
			`api.keys[0].name (line 4): must be 1 to 32 of a-z, 0-9, _ and -, with a letter or digit first`,
			`api.keys[0].role (line 4): must be up to 32 of a-z, 0-9, _ and -`,
			`api.keys[1].models[1] (line 5): must name one of the pools in models.pools`,
			`api.keys[1].models[2] (line 5): is named before already`,
			`api.keys[1].name (line 5): is the name of a channel; their budgets would be one`,
			`api.keys[2].key (line 6): is the key of api.keys[1] already`,
			`api.keys[2].name (line 6): is the name of a channel; their budgets would be one`,
			`api.keys[3].key (line 7): must be at least 16 characters without spaces, such as openssl rand -hex 32 makes`,
			`api.keys[4].key (line 8): must be at least 16 characters without spaces, such as openssl rand -hex 32 makes`,
			`api.keys[4].name (line 8): must be 1 to 32 of a-z, 0-9, _ and -, with a letter or digit first`}},
		{"numbers", `session: {history_tokens: 0, ambient: -1}
skills: {timeout: 0s, rate: {count: 1, per: 0s, burst: 0}, max_text: 0, chat: {max_tokens: -1, tools: {steps: 0, calls: 1000}}, secrets: {Weather: {x: y}, poll: {"a b": x}}, limits: {memory: 32MiB, space: 0, cpu: 10ms}}
collect: -1s
queue: {max_items: 0, max_per_chat: 0, dedupe: 0s}
delivery: {parallel: 0}
log: {level: loud, format: xml}
`, []string{
			`session.ambient (line 1): must be a number of messages, 0 for none`,
			`session.history_tokens (line 1): must be a number of tokens above 0`,
			`skills.chat.max_tokens (line 2): must be a number of tokens, 0 to leave it to the model`,
			`skills.chat.tools.calls (line 2): must be a number from 1 to 256; tools: {off: true} has the model call nothing`,
			`skills.chat.tools.steps (line 2): must be a number from 1 to 64; tools: {off: true} has the model call nothing`,
			`skills.limits.cpu (line 2): must be a time of 1s or more, 0s for any`,
			`skills.limits.memory (line 2): must be a size of 64MiB or more (a program in Go begins with 48MiB), 0 to leave it to the manifests`,
			`skills.limits.space (line 2): must be a size, such as 64MiB`,
			`skills.max_text (line 2): must be a number of characters above 0`,
			`skills.rate.burst (line 2): must be a number above 0`,
			`skills.rate.per (line 2): must be a time above 0, such as 30s`,
			`skills.secrets.Weather (line 2): must be the name of a skill: lower case letters, digits and hyphens`,
			`skills.secrets.poll."a b" (line 2): must have a name of 1 to 64 of a-z, 0-9, _ and -`,
			`skills.timeout (line 2): must be a time above 0, such as 30s`,
			`collect (line 3): must be a time, 0s for not at all`,
			`queue.dedupe (line 4): must be a time above 0, such as 30s`,
			`queue.max_items (line 4): must be a number above 0`,
			`queue.max_per_chat (line 4): must be a number above 0`,
			`delivery.parallel (line 5): must be a number above 0`,
			`log.format (line 6): must be one of: json, text`,
			`log.level (line 6): must be one of: trace, debug, info, warn, error`}},
		{"two documents", "log: {}\n---\nlog: {}\n", []string{`(line 2): the file holds more than one document; remove what is behind the "---"`}},
		{"broken second document", "log: {}\n---\n}\n", []string{`(line 2): not valid YAML: did not find expected node content`}},
		{"no YAML", "log: {\n", []string{`(line 1): not valid YAML: did not find expected node content`}},
		{"secret that is an alias", "channels: {telegram: {token: *hunter2}}\n", []string{`not valid YAML: unknown anchor [...] referenced`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, problems(t, test.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAliases(t *testing.T) {
	c := mustLoad(t, "queue: {max_items: &n 7, max_per_chat: *n}\n")
	if c.Queue.MaxItems != 7 || c.Queue.MaxPerChat != 7 {
		t.Errorf("queue = %+v", c.Queue)
	}
	// An override of one place leaves the other alone.
	c = mustLoad(t, "models:\n  pools:\n    a: &p {model: m, workers: [{url: \"http://a.test\"}]}\n    b: *p\n  default: a\n",
		"PARLEY_MODELS_POOLS_B_MODEL=other")
	if a, b := c.Models.Pools["a"].Model, c.Models.Pools["b"].Model; a != "m" || b != "other" {
		t.Errorf("models = %q and %q", a, b)
	}
}

func TestNestedAliasesAreBounded(t *testing.T) {
	inner := "routes: [" + strings.Repeat("{when: {keywords: &w ["+strings.Repeat("a,", 1000)+"]}, to: {ignore: true}},", 1) +
		strings.Repeat("{when: {keywords: *w}, to: {ignore: true}},", 1000) + "]\n"
	got := problems(t, inner)
	if len(got) != 1 || !strings.Contains(got[0], "aliases") {
		t.Errorf("problems = %.300q", got)
	}
}

func TestFileTooLarge(t *testing.T) {
	got := problems(t, strings.Repeat("# filler\n", 1<<17))
	if diff := cmp.Diff([]string{"the file is larger than 1MiB"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnreadableFile(t *testing.T) {
	_, _, err := configs.Load(configs.Source{Path: t.TempDir()})
	var p *configs.Problems
	if !errors.As(err, &p) || len(p.List) != 1 || !strings.HasPrefix(p.List[0].Text, "cannot read the file") {
		t.Errorf("Load of a folder: %v", err)
	}
}

func TestNobodyListedIsAWarning(t *testing.T) {
	_, warnings, err := load(t, "access: {dm: listed}\n")
	if err != nil || len(warnings) != 1 || warnings[0].Where != "access.allow" {
		t.Errorf("warnings = %v, error %v", warnings, err)
	}
}
