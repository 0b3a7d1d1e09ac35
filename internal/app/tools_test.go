package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/storage"
)

// workshop is a skill whose tools are good for tests. Who calls what is counted, by turn.
type workshop struct {
	name  string
	roles []skills.Role
	// working gets the ID of each call of "stuck" that began.
	working chan core.EnvelopeID
	free    chan struct{}
	// drawn is told of each drawing.
	drawn chan struct{}

	mu   sync.Mutex
	runs map[string]int
}

func newWorkshop(name string, roles ...skills.Role) *workshop {
	return &workshop{name: name, roles: roles, working: make(chan core.EnvelopeID, 8), free: make(chan struct{}), drawn: make(chan struct{}, 8), runs: map[string]int{}}
}

func (s *workshop) Manifest() skills.Manifest {
	m := skills.Manifest{Name: s.name, Roles: s.roles, Timeout: time.Minute}
	for _, tool := range []string{"draw", "fail", "flood", "stuck", "wipe"} {
		m.Tools = append(m.Tools, skills.Tool{Name: s.name + "-" + tool, Description: "Does " + tool, Dangerous: tool == "wipe"})
	}
	return m
}

// times is how often a tool was run.
func (s *workshop) times(tool string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[tool]
}

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\b\x06\x00\x00\x00\x1f\x15\xc4\x89"

func (s *workshop) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if t.Called == nil {
		return errors.New("a person called it")
	}
	_, tool, _ := strings.Cut(t.Called.Tool, "-")
	s.mu.Lock()
	s.runs[tool]++
	s.mu.Unlock()
	switch tool {
	case "draw":
		w.Reply(core.Text{Text: "a dot"})
		for _, m := range []core.Media{{Kind: core.Image, Name: "dot.png"}, {Kind: core.Document, Name: "dot.txt"}} {
			m, err := t.Files.Keep(ctx, m, strings.NewReader(png))
			if err != nil {
				return err
			}
			w.Reply(m)
		}
		s.drawn <- struct{}{}
	case "fail":
		return errors.New("the database says no")
	case "flood":
		for range 1000 {
			w.Reply(core.Text{Text: strings.Repeat("x", 10_000)})
		}
	case "stuck":
		s.working <- t.ID
		select {
		case <-s.free:
			w.Reply(core.Text{Text: "free"})
		case <-ctx.Done():
			return ctx.Err()
		}
	case "wipe":
		w.Reply(core.Text{Text: "wiped"})
	}
	return nil
}

// newToolTown is a town with a model that calls what the test says: for each question, the
// calls of its first answer.
func newToolTown(t *testing.T, calls map[string][]models.ToolCall, inside ...skills.Skill) (*town, *modeltest.Worker) {
	t.Helper()
	worker := modeltest.Start(t, modeltest.Options{Kind: models.KindVLLM, Answer: func(m []models.Message) string {
		var told []string
		for _, one := range m {
			if one.Role == models.ToolResult {
				told = append(told, fmt.Sprintf("%.40s…%d", one.Text, len(one.Text)))
			}
		}
		return "told: " + strings.Join(told, " | ")
	}, Call: func(c modeltest.Chat) (string, []models.ToolCall) {
		last := c.Messages[len(c.Messages)-1]
		if last.Role != models.User {
			return "", nil
		}
		return "", calls[last.Text]
	}})
	w := newTown(t)
	w.stop()
	for name, p := range w.cfg.Models.Pools {
		p.Model, p.Workers[0].URL = worker.Model(), worker.Base()
		w.cfg.Models.Pools[name] = p
	}
	w.also, w.cfg.Shutdown = inside, time.Second
	w.start()
	return w, worker
}

func ask(id, tool string) models.ToolCall {
	return models.ToolCall{ID: id, Name: tool, Arguments: json.RawMessage(`{}`)}
}

// posts waits for so many messages of the bot on Telegram.
func (w *town) posts(n int) []telegram.Posted {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.telegram.Wait(ctx, func() bool { return len(w.posted()) >= n }); err != nil {
		w.t.Fatalf("%d messages, want %d: %v\n%s", len(w.posted()), n, err, w.log)
	}
	return w.posted()
}

// posted are the bot's messages on Telegram.
func (w *town) posted() (out []telegram.Posted) {
	for _, m := range w.telegram.Shown(annsBot, annsID) {
		if m.ByBot == annsBot {
			out = append(out, m)
		}
	}
	return out
}

// The model calls skills over a worker's real protocol: results, files, failures and what is
// not permitted, each as it is told and counted.
func TestModelCallsSkills(t *testing.T) {
	shop, vault := newWorkshop("shop"), newWorkshop("vault", skills.Admin)
	close(shop.free)
	forecast := models.ToolCall{ID: "a", Name: "forecast", Arguments: json.RawMessage(`{"city":"Rome"}`)}
	w, worker := newToolTown(t, map[string][]models.ToolCall{
		"all": {forecast, ask("b", "shop-draw"), ask("c", "shop-fail"), ask("d", "shop-flood"), ask("e", "shop-stuck"), ask("f", "vault-wipe")},
	}, shop, vault)
	want := `told: {"city":"Rome","days":3}…24 | a dot` + "\n" // the rest is about the files
	if got := w.tell("all"); !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	photos, files := 0, 0
	for _, m := range w.posts(3) {
		if len(m.Photo) > 0 {
			photos++
		}
		if m.Document != nil {
			files++
		}
	}
	if photos != 1 || files != 1 {
		t.Errorf("%d photos and %d files in %+v", photos, files, w.posted())
	}
	last := worker.Last()
	if strings.Contains(string(last.Body), `"name":"vault-draw"`) || !strings.Contains(string(last.Body), `"name":"shop-draw"`) || vault.times("wipe") > 0 {
		t.Errorf("what the person may not use is offered or was called: %s", last.Body)
	}
	var told []string
	for _, m := range last.Messages {
		if m.Role == models.ToolResult {
			told = append(told, m.Text)
		}
	}
	if len(told) != 6 || told[2] != "The tool failed: Something went wrong on its side." || len(told[3]) > 17_000 || told[4] != "free" ||
		!strings.HasPrefix(told[5], `Not called: there is no tool "vault-wipe"`) {
		t.Errorf("the model was told %.200q", told)
	}
	rec := httptest.NewRecorder()
	w.app.telemetry.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`parley_tool_calls_total{outcome="done",skill="survey",tool="forecast"} 1`, `parley_tool_calls_total{outcome="failed",skill="shop",tool="shop-fail"} 1`,
		`parley_tool_calls_total{outcome="unknown",skill="chat",tool=""} 1`,
	} {
		if !strings.Contains(rec.Body.String(), line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	var steps []string
	for _, s := range (journeys{w.app.telemetry.Journeys()}).Recent(1)[0].Steps {
		if s.Stage == string(core.StageTool) {
			steps = append(steps, s.Tool+" "+s.Outcome)
		}
	}
	slices.Sort(steps)
	if got := strings.Join(steps, ", "); got != " unknown, forecast done, shop-draw done, shop-fail failed, shop-flood done, shop-stuck done" {
		t.Errorf("the path shows %s", got)
	}
}

// A dangerous call waits for the person, through a restart of the hub.
func TestDangerousToolOverRestart(t *testing.T) {
	shop := newWorkshop("shop")
	w, _ := newToolTown(t, map[string][]models.ToolCall{"clean up": {ask("a", "shop-draw"), ask("b", "shop-wipe")}}, shop)
	for _, c := range []struct {
		button int
		want   string
		wiped  int
	}{{1, "| Not called: the person was asked and doe", 0}, {0, "| wiped…5", 1}} {
		before := len(w.posted())
		w.tell("clean up")
		w.posts(before + 3) // two files and the question
		if shop.times("wipe") != 0 {
			t.Fatal("it was called without a question")
		}
		w.stop()
		w.start()
		i := slices.IndexFunc(w.posted()[before:], func(m telegram.Posted) bool { return len(m.Buttons()) > 0 })
		if i < 0 {
			t.Fatalf("no question in %+v", w.posted()[before:])
		}
		m := w.posted()[before+i]
		if !strings.HasPrefix(m.Text, "May I do this for you?\n\nshop-wipe – Does wipe") {
			t.Errorf("the question is %q", m.Text)
		}
		said := len(w.onTelegram())
		if _, err := w.telegram.Press(annsBot, annsID, m.MessageID, annsID, m.Buttons()[0][c.button].CallbackData); err != nil {
			t.Fatal(err)
		}
		if got := w.next(w.telegram.Wait, w.onTelegram, said); !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q in it", got, c.want)
		}
		if got := shop.times("wipe"); got != c.wiped {
			t.Errorf("wiped %d times", got)
		}
	}
	if got := shop.times("draw"); got != 2 {
		t.Errorf("drew %d times", got)
	}
}

// A hub that ends in the middle of calls takes up those that are recorded as done.
func TestCallsOutliveTheHub(t *testing.T) {
	shop := newWorkshop("shop")
	w, _ := newToolTown(t, map[string][]models.ToolCall{"go": {ask("a", "shop-draw"), ask("b", "shop-stuck")}}, shop)
	said := len(w.onTelegram())
	if _, err := w.telegram.Say(annsID, "go"); err != nil {
		t.Fatal(err)
	}
	first := <-shop.working
	<-shop.drawn
	w.stop() // it does not wait for the call that is stuck
	w.start()
	if again := <-shop.working; again != first {
		t.Errorf("the call is %s, then %s", first, again)
	}
	close(shop.free)
	if got := w.next(w.telegram.Wait, w.onTelegram, said); !strings.HasSuffix(got, "| free…4") {
		t.Errorf("%q", got)
	}
	if got := shop.times("draw"); got != 1 {
		t.Errorf("drew %d times", got)
	}
	kept := func() int {
		t.Helper()
		at := storage.Space{Skill: "chat", Person: core.Sender{Realm: "telegram", ID: "7"}.Person()}
		names, err := w.app.storage.Names(t.Context(), at, "")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	w.posts(3)
	if n := kept(); n != 3 {
		t.Errorf("%d entries of steps are kept", n)
	}
	w.tell("thanks")
	if n := kept(); n != 0 {
		t.Errorf("%d entries of steps are kept behind the next turn", n)
	}
	shop.free = make(chan struct{})
	close(shop.free)
	w.tell("go")
	w.posts(4 + 3)
	w.tell("/forget yes")
	if n := kept(); n != 0 {
		t.Errorf("%d entries of steps outlive /forget", n)
	}
}
