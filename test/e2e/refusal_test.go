package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models/modeltest"
	telegram "github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/hubtest"
)

// TestConfigurationRefused starts hubs that must not start. Each says where the
// mistake is and what would be right; the exit code tells it from a failure.
func TestConfigurationRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		env          []string
		want         []string
	}{
		{
			name: "no token", config: "channels:\n  telegram: {}\n",
			want: []string{"1 problem:", "channels.telegram.token (line 2): is missing; give the token of the bot, as BotFather printed it (123456:ABC-...)"},
		},
		{
			name: "a variable that is not set", config: "channels:\n  telegram: {token: env:NO_SUCH_TOKEN}\n",
			want: []string{"1 problem:", "channels.telegram.token (line 2): ", "NO_SUCH_TOKEN is not set"},
		},
		{
			name: "a token with a space", config: "channels:\n  telegram: {token: \"12:ab cd\"}\n",
			want: []string{"channels.telegram.token (line 2): holds a space, a slash or another sign no token has; give it as BotFather printed it (123456:ABC-...)"},
		},
		{
			name: "an unknown key", config: "data_dri: ./data\nchannels:\n  telegram: {token: x, moed: poll}\n",
			want: []string{"2 problems:", `data_dri (line 1): unknown key, did you mean "data_dir"?`, `channels.telegram.moed (line 3): unknown key, did you mean "mode"?`},
		},
		{
			name: "an unknown platform", config: "channels:\n  telegarm: {token: x}\n",
			want: []string{`channels.telegarm (line 2): unknown platform, did you mean "telegram"?; give it a key platform with one of: discord, slack, telegram, whatsapp`},
		},
		{
			name: "several at once",
			config: "http: {listen: nowhere}\nchannels:\n  telegram: {token: x, mode: webhook}\nmodels:\n  default: chta\n  pools:\n" +
				"    chat: {model: m, workers: [{url: \"gpu-1:8000\"}]}\nroutes:\n  - {when: {places: [moon]}, to: {skill: chat}}\nshutdown: soon\n",
			want: []string{
				"6 problems:", "http.listen (line 1): must be host:port or :port, such as 127.0.0.1:8080",
				"http.public_url (line 1): must be the address where platforms reach this hub, since these need it: channels.telegram",
				"models.default (line 5): ", "models.pools.chat.workers[0].url (line 7): ",
				"routes[0].when.places[0] (line 9): must be one of: private, group, thread", "shutdown (line 10): ",
			},
		},
		{
			name: "a variable with a wrong value", config: "channels:\n  telegram: {token: x}\n", env: []string{"PARLEY_LOG_LEVEL=loud"},
			want: []string{"log.level (PARLEY_LOG_LEVEL): must be one of: trace, debug, info, warn, error"},
		},
		{name: "no YAML", config: "channels: [\n", want: []string{"1 problem:", "not valid YAML"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "parley.yaml"), c.config)
			got := hubtest.Run(t, dir, c.env, "serve")
			if got.Code != 2 || got.Out != "" {
				t.Errorf("exit code %d, output %q", got.Code, got.Out)
			}
			for _, want := range c.want {
				if !strings.Contains(got.ErrOut, want) {
					t.Errorf("it does not say %q:\n%s", want, got.ErrOut)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
				t.Error("it began to store something")
			}
			if checked := hubtest.Run(t, dir, c.env, "check"); checked.Code != 2 || checked.ErrOut != got.ErrOut {
				t.Errorf("check says something else, with code %d:\n%s", checked.Code, checked.ErrOut)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fails starts a hub that must end by itself with code 1 and these words.
func (w *world) fails(words ...string) {
	w.t.Helper()
	w.hub.Start()
	if code := w.hub.WaitEnd(); code != 1 {
		w.t.Errorf("exit code %d", code)
	}
	text := strings.Join(w.hub.Lines(), "\n")
	for _, want := range words {
		if !strings.Contains(text, want) {
			w.t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

func TestDataDirectoryNotWritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "not a directory")
	newWorld(t, setup{config: map[string]string{"data_dir": file + "/data"}}).fails(
		"parley: open data directory: " + file + "/data is not a writable directory; create it, or give it to the user this process runs as")
}

func TestDataDirectoryInUse(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	dir := filepath.Join(w.hub.Dir, "data")
	newWorld(t, setup{config: map[string]string{"data_dir": dir}}).fails(
		fmt.Sprintf("process %d holds %s; stop it or choose another data directory", w.hub.PID(), filepath.Join(dir, "parley.lock")))
	w.told(w.ask(ann, "still there?", 1), "You said: still there?")
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	newWorld(t, setup{config: map[string]string{"http": `{listen: "` + w.hub.Address + `"}`}}).fails(
		"listen on "+w.hub.Address, "another program listens there: stop it, or choose another address to listen on")
	w.told(w.ask(ann, "still there?", 1), "You said: still there?")
}

// TestWrongToken lets a token become wrong while messages wait: the hub stays up
// and says what to do, and keeps questions and answers until the token is right.
func TestWrongToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{
		config: map[string]string{"channels": `{telegram: {token: "env:BOT_SECRET", api_url: "API", ` + noLimits + `}}`, "shutdown": "2s"},
		env:    []string{"BOT_SECRET=" + token},
	})
	w.hub.Start()
	// Ann's question waits for the model, the answer to Ben's for the platform.
	w.model.hold()
	w.say(0, ann, "hello")
	w.eventually("the model thinks", func() bool { return len(w.model.prompts()) == 1 })
	broken := w.sim.Inject(telegram.Fault{Kind: telegram.FaultBadGateway, Method: "sendMessage", Chat: ben, Count: -1})
	w.say(0, ben, "/whoami")
	w.until("the answer is held up", func() bool { return broken.Hits() > 0 })
	stop := func() {
		if code := w.hub.Stop(); code != 0 {
			t.Errorf("exit code %d%s", code, w.report())
		}
	}
	stop()
	broken.Remove()

	w.hub.SetEnv("BOT_SECRET=" + token2)
	w.hub.Start()
	w.eventually("/readyz asks for a human", func() bool {
		status, body, err := w.hub.Get("/readyz")
		return err == nil && status == 503 && strings.Contains(body, `"name":"account telegram","text":"needs_human: `) &&
			strings.Contains(body, "the server does not know this token") &&
			strings.Contains(body, "ask BotFather for the current one and put it into the configuration")
	})
	if status, _, err := w.hub.Get("/healthz"); err != nil || status != 200 {
		t.Errorf("/healthz: %d, %v", status, err)
	}
	w.eventually("both wait for the token", func() bool {
		return w.metric("parley_faults_total", `stage="retry"`, `class="needs_human"`) > 0 &&
			w.metric("parley_queue_items", `box="outbox"`) == 1 && w.metric("parley_queue_items", `box="inbox"`) == 1
	})
	stop()

	w.hub.SetEnv("BOT_SECRET=" + token)
	w.hub.Start()
	w.model.release()
	w.told(w.answered(ann, 1), "You said: hello")
	w.told(w.ask(ann, "again", 2), "You said: again")
	// Ben's answer comes within the minute after which a refused token is tried again.
	w.eventually("Ben's answer waits or stands", func() bool {
		return w.metric("parley_queue_items", `box="outbox"`)+float64(len(w.answers(ben))) == 1
	})
	if n := w.metric("parley_queue_dead_letters"); n != 0 {
		t.Errorf("%v dead letters", n)
	}
}

// TestPlatformUnreachable starts the hub before its platform: it heals by itself.
func TestPlatformUnreachable(t *testing.T) {
	t.Parallel()
	address := hubtest.FreeAddress(t)
	w := newWorld(t, setup{api: "http://" + address})
	w.hub.Start()
	w.eventually("/readyz says so", func() bool {
		body := w.ready()
		return strings.Contains(body, `"text":"healing: `) && strings.Contains(body, "connection refused")
	})
	w.say(0, ann, "hello")
	hubtest.ServeAt(t, address, w.sim)
	w.told(w.answered(ann, 1), "You said: hello")
	w.hub.WaitReady()
}

// TestWorkerUnreachable has nobody to think: the person is told so after a few
// tries, the message is kept for replay, and the next one is answered when the
// worker is back.
func TestWorkerUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.model.worker.Refuse()
	w.hub.Start()
	matches(t, "the apology", `The model is not reachable right now\. \(\S+\)`, w.ask(ann, "hello", 1).Text)
	w.eventually("the message is buried", func() bool { return w.metric("parley_queue_dead_letters", `box="inbox"`) == 1 })
	w.eventually("/readyz says so", func() bool { return strings.Contains(w.ready(), "no worker of this pool answers") })
	ref := strings.TrimSuffix(w.answers(ann)[0].Text[strings.LastIndex(w.answers(ann)[0].Text, "(")+1:], ")")
	if w.hub.Count(`"ref":"`+ref+`"`) != 1 {
		t.Errorf("the log does not have the reference %q that the person was told", ref)
	}
	w.model.worker.Return(t)
	w.hub.WaitReady()
	w.told(w.ask(ann, "again", 2), "You said: again")
	same(t, "what the model was told", []string{"user: again"}, w.model.heard())
}

// TestWorkerRefusesKey is nothing that trying again would heal.
func TestWorkerRefusesKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{model: modeltest.Options{Key: "another-key"}})
	w.hub.Start()
	matches(t, "the apology", `The model is not reachable right now\. \(\S+\)`, w.ask(ann, "hello", 1).Text)
	w.logged("status 401")
	w.eventually("the message is buried", func() bool { return w.metric("parley_queue_dead_letters", `box="inbox"`) == 1 })
	if n := w.metric("parley_stage_total", `stage="retry"`); n != 0 {
		t.Errorf("it was tried %v times more", n)
	}
	matches(t, "a skill that needs no model", `Name: Ann.*`, w.ask(ann, "/whoami", 2).Text)
}

// TestSecondPoller runs two hubs with one token.
func TestSecondPoller(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	second := newWorld(t, setup{api: w.api})
	second.hub.Start()
	told := func(w *world) bool {
		return strings.Contains(w.ready(), "needs_human: ") && strings.Contains(w.ready(),
			"account telegram: another process receives updates with this token") &&
			strings.Contains(w.ready(), "stop it, or give this hub a bot of its own")
	}
	w.eventually("one of them explains it", func() bool { return told(w) || told(second) })
	w.told(w.ask(ann, "hello", 1), "You said: hello")
}
