package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin"
)

// town is a hub in this process between two platforms, that can be stopped and started again.
type town struct {
	t        *testing.T
	cfg      *configs.Config
	telegram *telegram.Server
	discord  *discord.Server
	dm       string
	person   string
	stop     func()
	log      *logtest.Log
	// outside is true for a hub without skills of the test's inside it.
	outside bool
	// also are skills inside it beside those, app the hub that runs.
	also []skills.Skill
	app  *App
}

const (
	annsID  = 7
	annsBot = 100
)

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, telegram: telegram.New(telegram.Options{}), discord: discord.New(discord.Options{Token: "discord-token", ApplicationID: "100"})}
	t.Cleanup(w.telegram.Close)
	t.Cleanup(w.discord.Close)
	w.telegram.AddBot("100:token", annsBot, "parley_bot", "Parley")
	w.telegram.AddUser(telegram.User{ID: annsID, FirstName: "Ann"})
	if err := w.telegram.OpenPrivate(annsBot, annsID); err != nil {
		t.Fatal(err)
	}
	w.person = w.discord.AddUser("Ann")
	w.dm = w.discord.OpenDM(w.person)
	tg, dc := httptest.NewServer(w.telegram), httptest.NewServer(w.discord)
	t.Cleanup(tg.Close)
	t.Cleanup(dc.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "parley.yaml")
	const unlimited = "limits: {account: {count: 0}, chat: {count: 0}}"
	text := fmt.Sprintf(`data_dir: %q
http: {listen: "127.0.0.1:0"}
channels:
  telegram: {token: "100:token", api_url: %q, %s}
  discord: {mode: gateway, token: discord-token, application_id: "100", api_url: %q, %s}
models: {pools: {none: {model: m, workers: [{url: "http://127.0.0.1:9"}]}}}
skills: {secrets: {survey: {key: hunter2}}}
`, filepath.Join(dir, "data"), tg.URL, unlimited, dc.URL, unlimited)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.cfg, _, err = configs.Load(configs.Source{Path: file, Factories: Factories()}); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start runs the hub until stop.
func (w *town) start() {
	w.t.Helper()
	log := &logtest.Log{}
	w.log = log
	cfg := *w.cfg // a test changes it for the next start while this hub reads it
	// The programs of these tests are not static, so the jail has nothing to run them with.
	o := Options{Config: &cfg, Log: log, skills: []skills.Skill{survey{}}, command: plugin.Plain}
	if w.outside {
		o.skills = nil
	}
	o.skills = append(o.skills, w.also...)
	a, err := New(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.app = a
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("run: %v\n%s", err, log)
		}
		if strings.Contains(log.String(), "hunter2") {
			w.t.Error("a secret is in the log")
		}
		w.stop = func() {}
	}
}

// tell says something on Telegram and waits for the answer.
func (w *town) tell(text string) string {
	w.t.Helper()
	before := len(w.onTelegram())
	if _, err := w.telegram.Say(annsID, text); err != nil {
		w.t.Fatal(err)
	}
	return w.next(w.telegram.Wait, w.onTelegram, before)
}

// ask runs something on Discord and waits for the answer.
func (w *town) ask(do func() error) string {
	w.t.Helper()
	before := len(w.onDiscord())
	if err := do(); err != nil {
		w.t.Fatal(err)
	}
	return w.next(w.discord.Wait, w.onDiscord, before)
}

func (w *town) next(wait func(context.Context, func() bool) error, answers func() []string, before int) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := wait(ctx, func() bool { return len(answers()) > before }); err != nil {
		w.t.Fatalf("no answer: %v\n%s", err, w.log)
	}
	return answers()[before]
}

func (w *town) onTelegram() (out []string) {
	for _, m := range w.telegram.Shown(annsBot, annsID) {
		if m.ByBot == annsBot {
			out = append(out, m.Text)
		}
	}
	return out
}

func (w *town) onDiscord() (out []string) {
	for _, m := range w.discord.Shown(w.dm) {
		if m.ByBot && !m.Thinking {
			out = append(out, m.Text)
		}
	}
	return out
}

func (w *town) want(got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%q, want %q", got, want)
	}
}

// run runs a command on Discord.
func (w *town) run(u discord.Run) string {
	w.t.Helper()
	u.Channel, u.From = w.dm, w.person
	return w.ask(func() error { _, err := w.discord.Run(u); return err })
}

// menu waits until the bot is there with its menu on Discord, which keeps nothing for it before.
func (w *town) menu() []discord.Command {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.discord.Wait(ctx, func() bool { return len(w.discord.Commands()) > 0 && w.discord.Connected() > 0 }); err != nil {
		w.t.Fatal(err)
	}
	return w.discord.Commands()
}

var codeInText = regexp.MustCompile(`/link ([A-Z0-9]+)`)

// A question waits through a restart, and is answered on another platform of its person, whom
// what skills keep follows there.
func TestQuestionsOutliveTheHub(t *testing.T) {
	w := newTown(t)
	w.menu()
	w.want(w.run(discord.Run{Name: "keep", Text: "something"}), "kept")
	w.want(w.tell("/kept"), "false")
	code := codeInText.FindStringSubmatch(w.tell("/link"))
	if code == nil {
		t.Fatal("no code")
	}
	w.run(discord.Run{Name: "link", Text: code[1]})
	w.next(w.telegram.Wait, w.onTelegram, 2)  // that a link was made is told here too
	w.want(w.tell("/kept"), "something true") // what was kept came along
	said := len(w.onTelegram())
	w.want(w.tell("/survey"), "name?")
	w.stop()
	w.start()
	w.menu()
	w.want(w.ask(func() error { _, err := w.discord.Say(w.dm, w.person, "Ada"); return err }), "color?")
	w.want(w.tell("green"), "Ada likes green")
	if got := len(w.onTelegram()) - said; got != 2 {
		t.Errorf("%d answers on Telegram", got)
	}
	w.want(w.tell("please tell me EVERYTHING"), "triggered")
	w.tell("/survey")
	w.want(w.tell("/cancel"), "All right. I no longer wait for your answer.")
	w.want(w.tell("tell me everything"), "triggered")
}

// One schema is words on one platform and a form on another.
func TestArgumentsOnPlatforms(t *testing.T) {
	w := newTown(t)
	i := slices.IndexFunc(w.menu(), func(c discord.Command) bool { return c.Name == "forecast" })
	low, high := 1.0, 7.0
	want := []discord.CommandOption{
		{Type: 3, Name: "city", Description: "Where", Required: true},
		{Type: 4, Name: "days", Description: "days", MinValue: &low, MaxValue: &high},
		{Type: 3, Name: "unit", Description: "unit", Choices: []discord.CommandChoice{{Name: "C", Value: "C"}, {Name: "F", Value: "F"}}},
		{Type: 3, Name: "text_", Description: "text"},
	}
	if diff := cmp.Diff(want, w.discord.Commands()[i].Options); diff != "" {
		t.Errorf("the form (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		form map[string]any
		want string
	}{
		{map[string]any{"city": "Rome"}, `{"city":"Rome","days":3}`},
		{map[string]any{"city": `New "York" \ days=9`, "days": 5, "unit": "F", "text_": "a b"}, `{"city":"New \"York\" \\ days=9","days":5,"text":"a b","unit":"F"}`},
	} {
		w.want(w.run(discord.Run{Name: "forecast", Form: c.form}), c.want)
	}
	w.want(w.tell("/forecast Rome days=2"), `{"city":"Rome","days":2}`)
	w.want(w.tell(`/forecast "New York" 2 f`), `{"city":"New York","days":2,"unit":"F"}`)
	w.want(w.tell("/forecast days=9"), "city is missing.\ndays is “9”, but must be a whole number, from 1 to 7.\n\n"+
		"Please write it like this:\n/forecast <city> [days=…] [unit=C|F] [text=…]\ncity – Where")
	if help := w.tell("/help"); !strings.Contains(help, "/forecast <city> [days=…] [unit=C|F] [text=…] – A survey") {
		t.Errorf("help: %s", help)
	}
}

func TestWorldInTheHub(t *testing.T) {
	w := newTown(t)
	w.want(w.tell("/secret"), "7")
	w.want(w.tell("/far hello"), "told true")
	if got := w.next(w.telegram.Wait, w.onTelegram, 2); got != "from afar: hello" {
		t.Errorf("%q", got)
	}
	w.tell("/keep a very private thing")
	w.stop()
	ann := configs.Person{Realm: "telegram", User: "7"}
	export := func() string {
		t.Helper()
		var out bytes.Buffer
		if err := (Person{Config: w.cfg, Out: &out}).Export(t.Context(), ann); err != nil {
			t.Fatal(err)
		}
		var stored []string
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, `"stored"`) {
				stored = append(stored, strings.TrimSpace(line))
			}
		}
		return strings.Join(stored, "\n")
	}
	w.want(export(), `{"stored":{"skill":"survey","name":"words","value":"YSB2ZXJ5IHByaXZhdGUgdGhpbmc="}}`)
	if err := (Person{Config: w.cfg, Out: &bytes.Buffer{}}).Erase(t.Context(), ann, false); err != nil {
		t.Fatal(err)
	}
	w.want(export(), "")
	w.start()
	w.want(w.tell("/kept"), "false")
	w.tell("/keep again")
	w.tell("/forget yes")
	w.want(w.tell("/kept"), "false")
}

// What a form of a platform gives back is read as it was filled in.
func FuzzForms(f *testing.F) {
	schema, err := skills.ParseSchema(json.RawMessage(surveySchema))
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"Rome", "", `"`, `\`, `a "b" c`, "city=x", "“x”", "a\nb", `\" `, "{}", "'"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, city, text string) {
		city, text = strings.ToValidUTF8(city, ""), strings.ToValidUTF8(text, "")
		input, wrong := schema.Read(adapters.Spell("city", city) + " " + adapters.Spell("text", text))
		var got struct{ City, Text string }
		if err := json.Unmarshal(input, &got); err != nil || len(wrong) > 0 || got.City != city || got.Text != text {
			t.Errorf("%q and %q became %s, %v", city, text, input, err)
		}
	})
}
