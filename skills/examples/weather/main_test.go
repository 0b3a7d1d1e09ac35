package main

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/plugintest"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const linz = `{"city": {"name": "Linz", "country": "AT"}, "list": [
	{"main": {"temp": 11.6, "humidity": 71}, "weather": [{"description": "%s"}]},
	{"main": {"temp": 8.2, "humidity": 80}, "weather": []}, {"main": {"temp": 15, "humidity": 60}}]}`

// openWeather answers as the service does.
func openWeather(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("appid") != "hunter2":
		w.WriteHeader(http.StatusUnauthorized)
	case q.Get("q") == "Atlantis":
		w.WriteHeader(http.StatusNotFound)
	case q.Get("q") == "Storm":
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		about := map[string]string{"de": "leichter Regen"}[q.Get("lang")]
		if about == "" {
			about = "light rain"
		}
		_, _ = fmt.Fprintf(w, linz, about)
	}
}

func world(key string, answers http.HandlerFunc) *skilltest.World {
	w := skilltest.NewWorld(Skill{}.Manifest())
	if answers != nil { // else nobody answers
		w.Answers = answers
	}
	if key != "" {
		w.Secrets = map[string]string{"key": key}
	}
	return w
}

func harness(s skills.Skill) skilltest.Harness {
	return skilltest.Harness{
		New:   func(*testing.T) skills.Skill { return s },
		World: func(*testing.T) skills.World { return world("hunter2", openWeather) },
	}
}

func TestInside(t *testing.T) { skilltest.Run(t, harness(Skill{})) }

func TestAsProgram(t *testing.T) {
	s := plugintest.Start(t, plugintest.Build(t, "."))
	skilltest.Run(t, harness(s))
	conversations(t, s)
}

func TestWords(t *testing.T) { conversations(t, Skill{}) }

func conversations(t *testing.T, s skills.Skill) {
	const down = "The weather service does not answer at the moment. Please try again later."
	for _, c := range []struct {
		name, input, language, want string
		world                       *skilltest.World
		class                       fault.Class
	}{
		{name: "a city", input: `{"city":"Linz","unit":"C"}`, want: "Linz, AT: 12 °C, light rain, humidity 71 %. In the next 24 hours 8 to 15 °C."},
		{name: "in German", input: `{"city":"Linz","unit":"F"}`, language: "de-AT", want: "Linz, AT: 12 °F, leichter Regen, Luftfeuchte 71 %. In den nächsten 24 Stunden 8 bis 15 °F."},
		{name: "no such city", input: `{"city":"Atlantis","unit":"C"}`, want: "I found no city called “Atlantis”."},
		{name: "the service fails", input: `{"city":"Storm","unit":"C"}`, want: down},
		{name: "nobody answers", input: `{"city":"Linz","unit":"C"}`, world: world("hunter2", nil), want: down},
		{
			name: "no forecast", input: `{"city":"Linz","unit":"C"}`, want: down,
			world: world("hunter2", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "{}") }),
		},
		{name: "a wrong key", input: `{"city":"Linz","unit":"C"}`, world: world("old", openWeather), class: fault.NeedsHuman},
		{name: "no key", input: `{"city":"Linz","unit":"C"}`, world: world("", openWeather), class: fault.NeedsHuman},
		{name: "no command", want: "Write /weather and a city."},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.world == nil {
				c.world = world("hunter2", openWeather)
			}
			var w skilltest.RecordingWriter
			files := &skilltest.Files{}
			err := s.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{
				Input: []byte(c.input), Language: c.language, World: c.world, Files: files,
			}), &w)
			if c.class != 0 {
				if got := fault.ClassOf(err); got != c.class || strings.Contains(err.Error(), "old") {
					t.Errorf("%v: %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := w.Text(); got != c.want {
				t.Errorf("%q", got)
			}
			if !strings.Contains(c.want, "°") {
				return
			}
			parts := w.Replies()[0]
			m, ok := parts[len(parts)-1].(core.Media)
			if !ok || m.Kind != core.Image || len(files.Kept) != 1 {
				t.Fatalf("no picture: %+v", parts)
			}
			img, err := png.Decode(bytes.NewReader(files.Kept[0]))
			if err != nil || img.Bounds().Dx() != m.Width || img.Bounds().Dy() != m.Height {
				t.Errorf("the picture: %v", err)
			}
		})
	}
}
