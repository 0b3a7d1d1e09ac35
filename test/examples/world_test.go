package examples

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/hubtest"
)

// The cast. None of it is real.
const (
	telegramToken = "4242:examples-token-of-no-real-bot"
	telegramBot   = 4242
	discordToken  = "examples-token-of-no-real-bot"
	weatherKey    = "examples-key-of-no-real-service"
	friends       = -1000000000001
	people        = 10
)

// world is a hub with a folder for skills between two platforms, where ten people are in a
// private chat and in a group each. The first of them is the one that most tests look at.
type world struct {
	t        *testing.T
	hub      *hubtest.Hub
	folder   string
	telegram *telegram.Server
	discord  *discord.Server
	users    []string // on Discord
	channel  string
	weather  *weather
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, telegram: telegram.New(telegram.Options{}), discord: discord.New(discord.Options{Token: discordToken, ApplicationID: "100"}),
		folder: filepath.Join(t.TempDir(), "skills"), weather: &weather{},
	}
	t.Cleanup(w.telegram.Close)
	t.Cleanup(w.discord.Close)
	w.telegram.AddBot(telegramToken, telegramBot, "parley_bot", "Parley")
	members := []int64{telegramBot}
	for n := range people {
		w.telegram.AddUser(telegram.User{ID: person(n), FirstName: fmt.Sprint("T", n)})
		members = append(members, person(n))
		w.users = append(w.users, w.discord.AddUser(fmt.Sprint("D", n)))
	}
	if err := w.telegram.OpenPrivate(telegramBot, person(0)); err != nil {
		t.Fatal(err)
	}
	w.telegram.AddSupergroup(friends, "Friends", false, members...)
	w.channel = w.discord.AddChannel(w.discord.AddGuild("Friends", w.users...), "general")
	const unlimited = "limits: {account: {count: 0}, chat: {count: 0}, group: {count: 0}}"
	w.hub = hubtest.New(t, fmt.Sprintf(`data_dir: "DIR"
http: {listen: "ADDRESS"}
channels:
  telegram: {token: %q, api_url: %q, %s}
  discord: {mode: gateway, token: %q, application_id: "100", api_url: %q, %s}
models: {pools: {none: {model: m, workers: [{url: %q}]}}}
routes: [{name: outlook, when: {keywords: [outlook]}, to: {skill: weather}}]
skills: {rate: {count: 0}, folder: %q, secrets: {weather: {key: %q}}}
`, telegramToken, hubtest.Serve(t, w.telegram), unlimited, discordToken, hubtest.Serve(t, w.discord), unlimited,
		hubtest.Serve(t, modeltest.New(modeltest.Options{Model: "m", Call: looksOut, Answer: passesOn}))+"/v1", w.folder, weatherKey),
		// The example is built for another address than its own, as its first lines tell.
		"GOFLAGS=-ldflags=-X=main.service="+hubtest.Serve(t, w.weather))
	return w
}

// configure changes the hub's configuration.
func (w *world) configure(from, to string) {
	w.t.Helper()
	file := filepath.Join(w.hub.Dir, "parley.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		w.t.Fatalf("no %q in %s", from, text)
	}
	write(w.t, file, strings.ReplaceAll(string(text), from, to), 0o600)
}

func person(n int) int64 { return int64(100 + n) }

// run runs one of parley's commands with the hub's configuration.
func (w *world) run(command ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*hubtest.Patience) // it may build
	defer cancel()
	out, err := w.hub.Run(ctx, command...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// source is the folder of one of the examples.
func source(t *testing.T, name string) string {
	t.Helper()
	dir, err := filepath.Abs("../../skills/examples/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// install builds and installs one of the examples.
func (w *world) install(name string) {
	w.t.Helper()
	if out := w.run("skill", "install", source(w.t, name)); !strings.HasPrefix(out, name+" 1.0.0 is installed as ") {
		w.t.Fatal(out)
	}
}

func (w *world) start() {
	w.t.Helper()
	w.hub.Start()
	w.hub.WaitReady()
}

// offers waits until the menu has a command.
func (w *world) offers(command string) {
	w.t.Helper()
	w.until(w.discord.Wait, "the menu has /"+command, func() bool {
		return w.discord.Connected() > 0 && slices.ContainsFunc(w.discord.Commands(), func(c discord.Command) bool { return c.Name == command })
	})
}

func (w *world) until(wait func(context.Context, func() bool) error, what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), hubtest.Patience)
	defer cancel()
	if err := wait(ctx, ok); err != nil {
		lines := w.hub.Lines()
		w.t.Fatalf("%s: %v\non Telegram %q\nin the group %q\non Discord %q\nin the channel %q\n%s", what, err,
			words(w.onTelegram(person(0))), words(w.onTelegram(friends)), words(w.onDiscord(w.dm())), words(w.onDiscord(w.channel)),
			strings.Join(lines[max(0, len(lines)-40):], "\n"))
	}
}

// logged waits for words in the hub's log, of which nobody tells.
func (w *world) logged(words string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), hubtest.Patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for w.hub.Count(words) == 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("%q is not in the log:\n%s", words, strings.Join(w.hub.Lines(), "\n"))
		}
	}
}

// said is a message of the bot: its words, the data of its buttons by their labels, and its
// pictures.
type said struct {
	id       string
	text     string
	buttons  map[string]string
	pictures int
}

func words(all []said) (out []string) {
	for _, s := range all {
		out = append(out, s.text)
	}
	return out
}

func (w *world) onTelegram(chat int64) (out []said) {
	for _, m := range w.telegram.Shown(telegramBot, chat) {
		if m.ByBot != telegramBot {
			continue
		}
		s := said{id: fmt.Sprint(m.MessageID), text: m.Text + m.Caption, buttons: map[string]string{}}
		for _, row := range m.Buttons() {
			for _, b := range row {
				s.buttons[b.Text] = b.CallbackData
			}
		}
		if len(m.Photo) > 0 {
			s.pictures++
		}
		out = append(out, s)
	}
	return out
}

func (w *world) dm() string { return w.discord.OpenDM(w.users[0]) }

func (w *world) onDiscord(channel string) (out []said) {
	for _, m := range w.discord.Shown(channel) {
		if !m.ByBot || m.Thinking {
			continue
		}
		s := said{id: m.ID, text: m.Text, buttons: map[string]string{}, pictures: len(m.Attachments)}
		for _, row := range m.Components {
			for _, b := range row.Components {
				s.buttons[b.Label] = b.CustomID
			}
		}
		out = append(out, s)
	}
	return out
}

// chat is a place where somebody says something and the bot answers.
type chat struct {
	*world
	name  string
	say   func(text string) error
	press func(from int, message, data string) error
	shown func() []said
	wait  func(context.Context, func() bool) error
}

// private are the chats of the first person on each platform; groups those of all ten.
func (w *world) private() []chat {
	dm := w.dm()
	return []chat{
		{w, "telegram", func(text string) error { _, err := w.telegram.Say(person(0), text); return err }, w.pressTelegram(person(0)),
			func() []said { return w.onTelegram(person(0)) }, w.telegram.Wait},
		{w, "discord", w.sayDiscord(dm), w.pressDiscord(dm), func() []said { return w.onDiscord(dm) }, w.discord.Wait},
	}
}

func (w *world) groups() []chat {
	return []chat{
		{w, "telegram", func(text string) error { _, err := w.telegram.SayIn(friends, person(0), text); return err }, w.pressTelegram(friends),
			func() []said { return w.onTelegram(friends) }, w.telegram.Wait},
		{w, "discord", w.sayDiscord(w.channel), w.pressDiscord(w.channel), func() []said { return w.onDiscord(w.channel) }, w.discord.Wait},
	}
}

// sayDiscord says something as the first person: a command as one of the menu.
func (w *world) sayDiscord(channel string) func(string) error {
	return func(text string) error {
		if name, ok := strings.CutPrefix(text, "/"); ok {
			name, args, _ := strings.Cut(name, " ")
			_, err := w.discord.Command(channel, w.users[0], name, args)
			return err
		}
		_, err := w.discord.Say(channel, w.users[0], text)
		return err
	}
}

func (w *world) pressDiscord(channel string) func(int, string, string) error {
	return func(from int, message, data string) error {
		_, err := w.discord.Press(channel, message, w.users[from], data)
		return err
	}
}

func (w *world) pressTelegram(chat int64) func(int, string, string) error {
	return func(from int, message, data string) error {
		var id int64
		if _, err := fmt.Sscan(message, &id); err != nil {
			return err
		}
		bot := int64(telegramBot)
		if chat < 0 {
			bot = 0
		}
		_, err := w.telegram.Press(bot, chat, id, person(from), data)
		return err
	}
}

// answer does something and gives what the bot says then.
func (c chat) answer(do func() error) said {
	c.t.Helper()
	before := len(c.shown())
	if err := do(); err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
	c.until(c.wait, "an answer on "+c.name, func() bool { return len(c.shown()) > before })
	return c.shown()[before]
}

func (c chat) ask(text string) said {
	c.t.Helper()
	return c.answer(func() error { return c.say(text) })
}

func (c chat) want(text, want string) {
	c.t.Helper()
	if got := c.ask(text).text; got != want {
		c.t.Errorf("%s on %s: %q, want %q", text, c.name, got, want)
	}
}

// weather is the service that the example asks. broken has it fail.
type weather struct{ broken atomic.Bool }

func (s *weather) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	type object = map[string]any
	q := r.URL.Query()
	switch {
	case s.broken.Load():
		w.WriteHeader(http.StatusBadGateway)
	case q.Get("appid") != weatherKey:
		w.WriteHeader(http.StatusUnauthorized)
	case q.Get("q") == "Atlantis":
		w.WriteHeader(http.StatusNotFound)
	default:
		hour := object{"main": object{"temp": 11.6, "humidity": 71}, "weather": []object{{"description": "light rain"}}}
		_ = json.NewEncoder(w).Encode(object{"city": object{"name": q.Get("q"), "country": "AT"}, "list": []object{hour, hour}})
	}
}

// looksOut is a model that asks for the weather when somebody asks about an umbrella.
func looksOut(c modeltest.Chat) (string, []models.ToolCall) {
	if last := c.Messages[len(c.Messages)-1]; last.Role != models.User || !strings.Contains(last.Text, "umbrella") {
		return "", nil
	}
	return "", []models.ToolCall{{ID: "call-1", Name: "weather", Arguments: json.RawMessage(`{"city":"Graz"}`)}}
}

// passesOn says what it was told last.
func passesOn(messages []models.Message) string { return "I hear: " + messages[len(messages)-1].Text }

// left lists what a hub keeps its programs in.
func left(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "parley-") {
			out = append(out, e.Name())
		}
	}
	return out
}
