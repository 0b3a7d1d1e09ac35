package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/models/modeltest"
	telegram "github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/hubtest"
)

// The cast. None of it is real.
const (
	token  = "4242:e2e-token-of-no-real-bot"
	bot    = 4242
	token2 = "4343:e2e-token-of-no-real-second-bot"
	bot2   = 4343
	key    = "e2e-key-of-no-real-worker"

	ann   = 7
	ben   = 8
	group = -77
)

// noLimits lets the hub send as fast as it can.
const noLimits = "limits: {account: {count: 0}, chat: {count: 0}, group: {count: 0}}, send_overlap: 0s"

// sections is the configuration of a usual hub. TOKEN, API, WORKER and KEY stand
// for this test's own; DIR and ADDRESS for the hub's.
var sections = map[string]string{
	"http":     `{listen: "ADDRESS"}`,
	"data_dir": `"DIR"`,
	"channels": `{telegram: {token: "TOKEN", api_url: "API", ` + noLimits + `}}`,
	"models":   `{pools: {chat: {model: fake, workers: [{url: "WORKER", api_key: "KEY", slots: 64}]}}}`,
	"skills":   `{rate: {count: 0}}`,
	"log":      `{level: debug}`,
}

// setup is what a world differs in from the usual one.
type setup struct {
	// config replaces sections; an empty one is left out.
	config map[string]string
	env    []string
	sim    telegram.Options
	model  modeltest.Options
	// api and worker replace the addresses of the simulator and the worker.
	api, worker string
}

// world is a hub among people, with a platform and a model.
type world struct {
	t     *testing.T
	sim   *telegram.Server
	api   string
	model *model
	hub   *hubtest.Hub
}

func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	w := &world{t: t}
	w.sim = telegram.New(s.sim)
	w.sim.AddBot(token, bot, "parley_bot", "Parley")
	w.sim.AddUser(telegram.User{ID: ann, FirstName: "Ann", Username: "ann", LanguageCode: "en"})
	w.sim.AddUser(telegram.User{ID: ben, FirstName: "Ben", LanguageCode: "de"})
	w.api = s.api
	if w.api == "" {
		w.api = hubtest.Serve(t, w.sim)
	}
	t.Cleanup(w.sim.Close) // before the hub's end would wait for its long poll
	w.model = newModel(t, s.model)
	if s.worker == "" {
		s.worker = w.model.worker.Base()
	}
	config := maps.Clone(sections)
	maps.Copy(config, s.config)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(config)) {
		if config[name] != "" {
			fmt.Fprintf(&text, "%s: %s\n", name, config[name])
		}
	}
	t.Cleanup(w.discreet) // after the hub's end, which registers later
	w.hub = hubtest.New(t, strings.NewReplacer("TOKEN2", token2, "TOKEN", token, "API", w.api, "WORKER", s.worker, "KEY", key).Replace(text.String()), s.env...)
	return w
}

// start runs the hub and waits until it is ready.
func start(t *testing.T, s setup) *world {
	t.Helper()
	w := newWorld(t, s)
	w.hub.Start()
	w.hub.WaitReady()
	return w
}

// discreet looks for secrets in all that the hub ever logged, and for people's words
// in what it logs without being asked for details.
func (w *world) discreet() {
	secrets := []string{token, token2, key}
	for _, c := range w.sim.Calls() {
		if s := c.Params["secret_token"]; s != "" {
			secrets = append(secrets, s)
		}
	}
	var words []string
	for _, c := range w.sim.Chats() {
		for _, m := range w.sim.Shown(c.Bot, c.Chat.ID) {
			if text := m.Text + m.Caption; len(text) > 10 && m.ByBot == 0 {
				words = append(words, text)
			}
		}
	}
	for _, line := range w.hub.Lines() {
		in := func(s string) bool { return strings.Contains(line, s) }
		if slices.ContainsFunc(secrets, in) {
			w.t.Errorf("a secret in the log: %s", line)
		}
		if !strings.HasPrefix(line, `{"level":"debug"`) && slices.ContainsFunc(words, in) {
			w.t.Errorf("what somebody said in the log: %s", line)
		}
	}
}

// until waits for something the simulator shows or knows.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), hubtest.Patience)
	defer cancel()
	if err := w.sim.Wait(ctx, ok); err != nil {
		w.t.Fatalf("%s: %v%s", what, err, w.report())
	}
}

// eventually waits for something that nobody tells.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(hubtest.Patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("%s: it did not happen%s", what, w.report())
		}
	}
}

// report is what there is to see when a test fails.
func (w *world) report() string {
	var b strings.Builder
	for _, c := range w.sim.Chats() {
		fmt.Fprintf(&b, "\nchat %d with bot %d:", c.Chat.ID, c.Bot)
		for _, m := range w.sim.Shown(c.Bot, c.Chat.ID) {
			fmt.Fprintf(&b, "\n  %d by bot %d: %.200q", m.MessageID, m.ByBot, m.Text+m.Caption)
		}
	}
	_, ready, _ := w.hub.Get("/readyz")
	fmt.Fprintf(&b, "\nreadyz: %s\nlog:\n", ready)
	lines := w.hub.Lines()
	b.WriteString(strings.Join(lines[max(0, len(lines)-60):], "\n"))
	return b.String()
}

// say is a person's text: in a chat, or in private where chat is 0.
func (w *world) say(chat, from int64, text string) telegram.Message {
	w.t.Helper()
	return w.speak(telegram.Utterance{Bot: bot, Chat: chat, From: from, Text: text})
}

func (w *world) speak(u telegram.Utterance) telegram.Message {
	w.t.Helper()
	if u.Chat < 0 {
		u.Bot = 0
	}
	m, err := w.sim.Speak(u)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// answers are the bot's messages in a chat.
func (w *world) answers(chat int64) []telegram.Posted { return w.answersOf(bot, chat) }

func (w *world) answersOf(bot, chat int64) []telegram.Posted {
	return slices.DeleteFunc(w.sim.Shown(bot, chat), func(m telegram.Posted) bool { return m.ByBot != bot })
}

// answered waits until the bot has said n things in a chat and gives the last one.
// A draft that stands in a group counts too.
func (w *world) answered(chat int64, n int) telegram.Posted {
	w.t.Helper()
	w.until(fmt.Sprintf("answer %d in chat %d", n, chat), func() bool { return len(w.answers(chat)) >= n })
	all := w.answers(chat)
	if len(all) > n {
		w.t.Fatalf("%d answers in chat %d, want %d%s", len(all), chat, n, w.report())
	}
	return all[n-1]
}

// ask says something in private and gives the answer, the n-th in the chat.
func (w *world) ask(from int64, text string, n int) telegram.Posted {
	w.t.Helper()
	w.say(0, from, text)
	return w.answered(from, n)
}

// told says whether the bot's words are as wanted.
func (w *world) told(got telegram.Posted, want string) {
	w.t.Helper()
	if diff := cmp.Diff(want, got.Text); diff != "" {
		w.t.Errorf("answer (-want +got):\n%s%s", diff, w.report())
	}
}

// stored waits until the hub has taken all updates of a bot.
func (w *world) stored(bot int64) {
	w.t.Helper()
	w.until("all updates stored", func() bool { return w.sim.Pending(bot) == 0 })
}

// metric sums the samples of a metric whose labels contain all of these pairs.
func (w *world) metric(name string, labels ...string) float64 {
	_, body, err := w.hub.Get("/metrics")
	if err != nil {
		return -1
	}
	sum := 0.0
	for line := range strings.Lines(body) {
		head, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if !ok || !strings.HasPrefix(head, name+"{") {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			continue
		}
		if !slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(head, l) }) {
			sum += v
		}
	}
	return sum
}

// ready gives what /readyz says.
func (w *world) ready() string {
	_, body, _ := w.hub.Get("/readyz")
	return body
}

// logged waits for words in the log.
func (w *world) logged(words string) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%q in the log", words), func() bool { return w.hub.Count(words) > 0 })
}

// same compares and reports.
func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, name, string(want), got)
}

// matches tells whether a whole text has a shape.
func matches(t *testing.T, what, pattern, got string) {
	t.Helper()
	if !regexp.MustCompile(`(?s)\A` + pattern + `\z`).MatchString(got) {
		t.Errorf("%s is %q, want the shape %q", what, got, pattern)
	}
}

// post calls a URL as a platform would.
func post(t *testing.T, method, url, secret string, body io.Reader) (status int, head http.Header) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hubtest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if secret != "" {
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header
}
