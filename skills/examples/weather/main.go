// Command weather is an example of a skill that asks somebody else: it looks a city up at
// OpenWeather and answers with words and a picture.
//
// The key is a secret of the hub's configuration, skills.secrets.weather.key. To ask another
// server of the same kind, build it with its address:
//
//	GOFLAGS=-ldflags=-X=main.service=http://10.0.0.5:8080 parley skill install weather
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/sdk"
)

func main() { sdk.Main(Skill{}) }

// Name is the skill's name in the manifest.
const Name = "weather"

// service is who is asked. The manifest names its host: nothing else can be called.
var service = "https://api.openweathermap.org"

// Skill tells the weather. It is safe for concurrent use.
type Skill struct{}

// arguments are what stands behind the command: words, a form or a model's call. The person is
// told what is wrong with them before the skill is called.
type arguments struct {
	City string `json:"city"`
	Unit string `json:"unit"`
}

const input = `{
	"type": "object", "required": ["city"], "properties": {
		"city": {"type": "string", "minLength": 1, "maxLength": 100, "description": "A city, such as Linz or Linz,AT"},
		"unit": {"type": "string", "enum": ["C", "F"], "default": "C", "description": "Celsius or Fahrenheit"}}}`

// Manifest says what calls the skill, and what it may reach.
func (Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: Name, Version: "1.0.0", Description: description, Timeout: 30 * time.Second,
		Commands:    []skills.Command{{Name: "weather", Help: help, Input: json.RawMessage(input), Tool: true}},
		Permissions: skills.Permissions{Hosts: hosts(), Secrets: []string{"key"}, CallsPerMinute: 20},
	}
}

// hosts names the host of the service, as the manifest wants it.
func hosts() []string {
	u, err := url.Parse(service)
	if err != nil {
		return []string{service} // the hub says what is wrong with it
	}
	return []string{u.Host}
}

// Handle answers one turn.
func (Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	language := t.Envelope.From.Language
	if len(t.Input) == 0 { // a route may send any message here
		w.Reply(core.Text{Text: usage.In(language)})
		return nil
	}
	var a arguments
	if err := json.Unmarshal(t.Input, &a); err != nil {
		return fault.New(fault.Bug, Name, err)
	}
	w.Draft() // shows that the bot is typing
	key, err := t.World.Secret("key")
	if err != nil {
		return err // it needs the operator, who finds it in the log; the person is told so
	}
	f, err := ask(ctx, t.World.HTTP(), a, language, key)
	switch {
	case errors.Is(err, errNoCity):
		w.Reply(core.Text{Text: fmt.Sprintf(noCity.In(language), a.City)})
		return nil
	case fault.ClassOf(err) == fault.Retryable && ctx.Err() == nil:
		// The hub would try again, and the person wait. They can ask again themselves.
		t.Log.Warn().Err(err).Msg("the weather service is out")
		w.Reply(core.Text{Text: out.In(language)})
		return nil
	case err != nil:
		return err
	}
	parts := []core.Part{core.Text{Text: f.words(a.Unit, language)}}
	picture := core.Media{Kind: core.Image, Name: "weather.png", MIME: "image/png", Width: width, Height: height}
	if picture, err = t.Files.Keep(ctx, picture, bytes.NewReader(chart(f.temperatures()))); err != nil {
		return err
	}
	w.Reply(append(parts, picture)...)
	return nil
}

// words tell the forecast.
func (f forecast) words(unit, language string) string {
	now, all := f.List[0], f.temperatures()
	place := strings.TrimSuffix(f.City.Name+", "+f.City.Country, ", ")
	return fmt.Sprintf(told.In(language), place, now.Main.Temp, unit, now.about(), now.Main.Humidity, slices.Min(all), slices.Max(all), unit)
}
