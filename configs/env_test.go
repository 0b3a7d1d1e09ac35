package configs_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
)

func sectionOf(t *testing.T, c *configs.Config, name core.Account) *section {
	t.Helper()
	s, ok := c.Channels[name].Config.(*section)
	if !ok {
		t.Fatalf("there is no channel %s; there are %v", name, c.Accounts())
	}
	return s
}

func TestOverridesWinOverTheFile(t *testing.T) {
	c := mustLoad(t, "http: {listen: nonsense}\nlog: {level: warn}\nmodels: {pools: {chat: {model: m, workers: [{url: \"http://a.test\"}]}}}\n",
		"PARLEY_HTTP_LISTEN=:9", "PARLEY_HTTP_PUBLIC_URL=https://a.test", "PARLEY_DATA_DIR=true", "PARLEY_SHUTDOWN=7s",
		"PARLEY_QUEUE_MAX_PER_CHAT=5", "PARLEY_LOG_LEVEL=", "PARLEY_SKILLS_CHAT_MAX_TOKENS=9", "PARLEY_SKILLS_CHAT_PROMPT=null",
		"PARLEY_ACCESS_ADMINS=telegram:1, telegram:2", "PARLEY_ACCESS_ALLOW_0=telegram:3",
		"PARLEY_MODELS_POOLS_CHAT_WORKERS_0_SLOTS=2", "PARLEY_MODELS_POOLS_CHAT_WORKERS_1_URL=http://b.test",
		"PARLEY_MODELS_POOLS_CHAT_FIRST_CONTENT_TIMEOUT=9s",
		"PARLEY_ROUTES_0_TO_SKILL=chat", "PARLEY_ROUTES_0_WHEN_ADDRESSED=true")
	if c.HTTP.Listen != ":9" || c.HTTP.PublicURL != "https://a.test" || c.DataDir != "true" || c.Shutdown != 7*time.Second {
		t.Errorf("http = %+v, data_dir = %s, shutdown = %s", c.HTTP, c.DataDir, c.Shutdown)
	}
	if c.Log.Level != "warn" {
		t.Errorf("an empty variable set log.level to %q", c.Log.Level)
	}
	if c.Queue.MaxPerChat != 5 || c.Skills.Chat != (configs.Chat{Prompt: "null", MaxTokens: 9, Tools: configs.ChatTools{Steps: 8, Calls: 16}}) {
		t.Errorf("queue = %+v, chat = %+v", c.Queue, c.Skills.Chat)
	}
	if len(c.Access.Admins) != 2 || c.Access.Admins[1].User != "2" || len(c.Access.Allow) != 1 || c.Access.Allow[0].User != "3" {
		t.Errorf("access = %+v", c.Access)
	}
	chat := c.Models.Pools["chat"]
	if len(chat.Workers) != 2 || chat.Workers[0].URL != "http://a.test" || chat.Workers[0].Slots != 2 || chat.Workers[1].URL != "http://b.test" {
		t.Errorf("workers = %+v", chat.Workers)
	}
	if chat.FirstContent != 9*time.Second {
		t.Errorf("first content = %s", chat.FirstContent)
	}
	if len(c.Routes) != 1 || c.Routes[0].To.Skill != "chat" || !*c.Routes[0].When.Addressed {
		t.Errorf("routes = %+v", c.Routes)
	}
}

func TestOverridesMakeChannels(t *testing.T) {
	c := mustLoad(t, "channels:\n  my-bot: {platform: pigeon, token: old}\n",
		"PARLEY_CHANNELS_TELEGRAM_TOKEN=env:REAL", "REAL=real", "PARLEY_CHANNELS_TELEGRAM_WEBHOOK_SECRET=s",
		"PARLEY_CHANNELS_HELP_DESK_TOKEN=desk", "PARLEY_CHANNELS_HELP_DESK_PLATFORM=telegram",
		"PARLEY_CHANNELS_MY_BOT_TOKEN=new", "PARLEY_CHANNELS_MY_BOT_LIMITS_CHAT_COUNT=4", "PARLEY_CHANNELS_MY_BOT_SCOPE=place")
	if diff := cmp.Diff([]core.Account{"help_desk", "my-bot", "telegram"}, c.Accounts()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	tg := sectionOf(t, c, "telegram")
	if tg.Token.Reveal() != "real" || tg.WebhookSecret.Reveal() != "s" || tg.Mode != "poll" {
		t.Errorf("telegram: token %q, webhook secret %q, mode %q", tg.Token.Reveal(), tg.WebhookSecret.Reveal(), tg.Mode)
	}
	if desk := c.Channels["help_desk"]; desk.Platform != "telegram" || sectionOf(t, c, "help_desk").Token.Reveal() != "desk" {
		t.Errorf("help_desk = %+v", desk)
	}
	if bot := sectionOf(t, c, "my-bot"); bot.Token.Reveal() != "new" || bot.Limits.Chat.Count != 4 || c.Channels["my-bot"].Scope != "place" {
		t.Errorf("my-bot: token %q, limits %+v, scope %q", bot.Token.Reveal(), bot.Limits, c.Channels["my-bot"].Scope)
	}
}

func TestOverridesWithoutAFile(t *testing.T) {
	c, warnings, err := configs.Load(configs.Source{
		Env: []string{"PARLEY_CHANNELS_PIGEON_TOKEN=x", "OTHER=y", "PARLEY=z", "no pair"}, Factories: platforms(),
	})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load: %v, warnings %v", err, warnings)
	}
	if got := sectionOf(t, c, "pigeon").Token.Reveal(); got != "x" {
		t.Errorf("token = %q", got)
	}
}

func TestListElementsAreCountedNotSpelled(t *testing.T) {
	var env []string
	for _, i := range []string{"10", "2", "9", "0", "1", "3", "8", "4", "6", "5", "7"} {
		env = append(env, "PARLEY_ACCESS_ALLOW_"+i+"=telegram:"+i)
	}
	c := mustLoad(t, "", env...)
	if len(c.Access.Allow) != 11 || c.Access.Allow[2].User != "2" || c.Access.Allow[10].User != "10" {
		t.Errorf("allow = %v", c.Access.Allow)
	}
}

func TestUnknownVariablesAreWarnings(t *testing.T) {
	_, warnings, err := load(t, "", "PARLEY_SERVICE_HOST=10.0.0.1", "PARLEY_PORT=tcp://10.0.0.1:80", "PARLEY_HTTP=x",
		"PARLEY_HTTP_LISTENX=x", "PARLEY_CHANNELS_NOBODY_TOKEN=x", "PARLEY_ROUTES_X_NAME=x", "PARLEY_ROUTES=x",
		"PARLEY_CHANNELS=x", "PARLEY_LOG_LEVEL_X=y", "PARLEY_=x", "PARLEY__=x", "PARLEY_CHANNELS_TELEGRAM_=x", "PARLEY_ROUTES_-1_NAME=x")
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	got := make([]string, 0, len(warnings))
	for _, w := range warnings {
		got = append(got, w.Where)
	}
	if len(got) != 13 {
		t.Errorf("warnings for %v", got)
	}
}

func TestProblemsNameTheVariable(t *testing.T) {
	got := problems(t, "log: {level: loud}\naccess: {allow: everybody}\ndelivery: 7\n",
		"PARLEY_QUEUE_MAX_ITEMS=hunter2", "PARLEY_HTTP_LISTEN=hunter2", "PARLEY_LOG_LEVEL=hunter2", "PARLEY_SHUTDOWN=5",
		"PARLEY_CHANNELS_TELEGRAM_MODE=webhook", "PARLEY_CHANNELS_TELEGRAM_TOKEN=env:NOWHERE", "PARLEY_ACCESS_ADMINS=telegram:1,hunter2",
		"PARLEY_ACCESS_ALLOW_0=telegram:1", "PARLEY_ROUTES_1_NAME=x", "PARLEY_DELIVERY_PARALLEL=8",
		"PARLEY_MODELS_POOLS_CHAT_MODEL=m", "PARLEY_SKILLS_RATE_COUNT=1e3")
	want := []string{
		`access.allow (line 2): must be a list ([a, b], or a line with "- " for each)`,
		`delivery (line 3): must be a section of keys, each with a value (key: value)`,
		`access.admins[1] (PARLEY_ACCESS_ADMINS): must be a realm and a user id, such as telegram:123456`,
		`access.allow[0] (PARLEY_ACCESS_ALLOW_0): cannot be set: the file has something else there, or an earlier list element is missing`,
		`channels.telegram.token (PARLEY_CHANNELS_TELEGRAM_TOKEN): environment variable NOWHERE is not set`,
		`delivery.parallel (PARLEY_DELIVERY_PARALLEL): cannot be set: the file has something else there, or an earlier list element is missing`,
		`http.listen (PARLEY_HTTP_LISTEN): must be host:port or :port, such as 127.0.0.1:8080`,
		`http.public_url: must be the address where platforms reach this hub, since these need it: channels.telegram`,
		`log.level (PARLEY_LOG_LEVEL): must be one of: trace, debug, info, warn, error`,
		`models.pools.chat.workers: needs at least one worker with a url`,
		`queue.max_items (PARLEY_QUEUE_MAX_ITEMS): must be a whole number`,
		`routes[1].name (PARLEY_ROUTES_1_NAME): cannot be set: the file has something else there, or an earlier list element is missing`,
		`shutdown (PARLEY_SHUTDOWN): must be a time with its unit, such as 500ms, 10s, 5m or 48h`,
		`skills.rate.count (PARLEY_SKILLS_RATE_COUNT): must be a whole number`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
