package app

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// angles are what texts are about, in degrees, as a model that knows several languages has it.
var angles = map[string]float64{
	"what will the weather be": 0, "do I need an umbrella": 10, "book a table": 90,
	"Will it rain tomorrow?": 20, "Brauche ich morgen einen Schirm?": 25, "¿Va a llover mañana?": 30, "明日は雨が降りますか": 15,
	"Einen Tisch für zwei, bitte": 70, "hello": 180, "a table outside, if it does not rain": 50, "the same again": 22, "once more": 24, "yet again": 23,
}

// meaning is the vector of a text.
func meaning(text string) []float32 {
	at, known := angles[text]
	if !known {
		at = 200
	}
	return []float32{float32(math.Cos(at * math.Pi / 180)), float32(math.Sin(at * math.Pi / 180))}
}

// bySystem answers with the first line of the instructions and the last thing that was said.
func bySystem(messages []models.Message) string {
	who, last := "chat", messages[len(messages)-1].Text
	for _, m := range messages {
		if _, rest, ok := strings.Cut(m.Text, "You are "); ok && m.Role == models.System {
			who, _, _ = strings.Cut(rest, ".")
		}
	}
	return who + ": " + last
}

// folder writes skills of instructions, by name, with examples of what they are for.
func promptFolder(t *testing.T, dir, name string, examples ...string) {
	t.Helper()
	text := fmt.Sprintf("---\nname: %s\ndescription: About %[1]s.\nmetadata:\n  parley-intents: |\n    %s\n---\nYou are %[1]s.\n", name, strings.Join(examples, "\n    "))
	if err := os.MkdirAll(filepath.Join(dir, name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name, "SKILL.md"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reads has the town's hub begin anew with a folder of skills, and model workers.
func (w *town) reads(dir string, workers map[string]*modeltest.Worker) {
	w.t.Helper()
	w.stop()
	w.cfg.Skills.Folder, w.outside = dir, true
	c := models.Config{Default: "talk", Intents: models.DefaultIntents(), Pools: map[string]models.PoolConfig{}}
	for name, worker := range workers {
		c.Pools[name] = poolAt(worker.Model(), worker.Base())
	}
	w.cfg.Models = c.WithDefaults()
	w.start()
}

func (w *town) metrics() string {
	rec := httptest.NewRecorder()
	w.app.telemetry.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return rec.Body.String()
}

// rules are those that chose, by the newest path first.
func (w *town) rules() (out []string) {
	for _, j := range w.app.telemetry.Journeys().Recent(100) {
		for _, s := range j.Steps {
			if s.Stage == core.StageRouted {
				out = append(out, s.Rule+" "+s.Skill)
			}
		}
	}
	return out
}

// A message goes to the skill whose examples it comes close to, in whatever language; its
// path, the metrics and explain say so. Without a vector it goes to the default.
func TestIntentsInTheHub(t *testing.T) {
	w := newTown(t)
	dir := t.TempDir()
	promptFolder(t, dir, "weather", "what will the weather be", "do I need an umbrella")
	promptFolder(t, dir, "table", "book a table")
	talk := modeltest.Start(t, modeltest.Options{Model: "talk", Answer: bySystem})
	vectors := modeltest.Start(t, modeltest.Options{Model: "embed-vectors", Vector: meaning})
	w.reads(dir, map[string]*modeltest.Worker{"talk": talk, "vectors": vectors})
	// Nothing makes vectors: that is said, and nobody is weighed.
	if log := w.log.String(); !strings.Contains(log, `"skills":["table","weather"]`) || !strings.Contains(log, "models.intents.pool") {
		t.Errorf("not told that no pool makes vectors:\n%s", log)
	}
	w.want(w.tell("Will it rain tomorrow?"), "chat: Will it rain tomorrow?")
	w.cfg.Models.Intents.Pool = "vectors"
	w.stop()
	w.start()
	for _, c := range []struct{ say, want string }{
		{"Will it rain tomorrow?", "weather"},
		{"Brauche ich morgen einen Schirm?", "weather"},
		{"¿Va a llover mañana?", "weather"},
		{"明日は雨が降りますか", "weather"},
		{"Einen Tisch für zwei, bitte", "table"},
		{"hello", "chat"},
		{"a table outside, if it does not rain", "chat"}, // both are close, and to each other
		{"Will it rain tomorrow?", "weather"},
	} {
		w.want(w.tell(c.say), c.want+": "+c.say)
	}
	if got := w.rules()[0]; got != "(intent) 0.98 weather" {
		t.Errorf("the path says %s", got)
	}
	for _, line := range []string{`parley_intents_total{outcome="made"} 7`, `parley_intents_total{outcome="kept"} 1`, `parley_turns_total{rule="(intent)",skill="weather"} 5`} {
		if !strings.Contains(w.metrics(), line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	// A change of the folder has its examples weighed.
	promptFolder(t, dir, "weather", "book a table")
	promptFolder(t, dir, "table", "what will the weather be")
	w.until("the skills are exchanged", func() bool { return strings.Count(w.log.String(), `"message":"a skill was taken"`) == 4 })
	w.want(w.tell("Brauche ich morgen einen Schirm?"), "table: Brauche ich morgen einen Schirm?")
	explained := w.explain("Brauche ich morgen einen Schirm?")
	for _, line := range []string{"YES  (intent)   table 0.91, then weather 0.42: it comes close to the examples of the skill table", "=> skill table (rule (intent) 0.91, role user)"} {
		if !strings.Contains(explained, line) {
			t.Errorf("explain does not say %q:\n%s", line, explained)
		}
	}
	// Who gets no vector, or not in time, gets an answer.
	vectors.SetFaults(modeltest.Fault{Kind: modeltest.SlowFirst, Wait: time.Minute})
	w.want(w.tell("yet again"), "chat: yet again")
	vectors.SetFaults()
	w.want(w.tell("yet again"), "chat: yet again") // as before: a turn that is run again goes the same way
	vectors.Refuse()
	w.want(w.tell("once more"), "chat: once more")
	if !strings.Contains(w.metrics(), `parley_intents_total{outcome="failed"} 3`+"\n") {
		t.Error("the failure is not counted")
	}
	if explained := w.explain("the same again"); !strings.Contains(explained, "(intent)     the message got no vector") {
		t.Errorf("explain:\n%s", explained)
	}
}

// until waits for something that no simulator tells of: it is looked at as often as the log
// is written to.
func (w *town) until(what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.log.Wait(ctx, ok); err != nil {
		w.t.Fatalf("%s: %v\n%s", what, err, w.log)
	}
}

// explain is what parley explain says of a message.
func (w *town) explain(text string) string {
	w.t.Helper()
	file := writeEnvelope(w.t, core.Sender{Realm: "telegram", ID: "7"}, text)
	var out bytes.Buffer
	if err := Explain(w.t.Context(), &out, w.cfg, []string{file}, ""); err != nil {
		w.t.Fatal(err)
	}
	return out.String()
}
