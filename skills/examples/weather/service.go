package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/skills"
)

// forecast is what the service answers, as far as it is read
// (https://openweathermap.org/forecast5): the coming hours, in steps of three.
type forecast struct {
	City struct {
		Name    string `json:"name"`
		Country string `json:"country"`
	} `json:"city"`
	List []hour `json:"list"`
}

type hour struct {
	Main struct {
		Temp     float64 `json:"temp"`
		Humidity int     `json:"humidity"`
	} `json:"main"`
	Weather []struct {
		Description string `json:"description"`
	} `json:"weather"`
}

// steps is how many hours of three are asked for: a day and a night.
const steps = "9"

var (
	errNoCity = errors.New("the service knows no such city")
	errKey    = errors.New("the service refuses the key in skills.secrets.weather.key")
	errEmpty  = errors.New("the service answered without a forecast")
)

// ask gets a forecast. The key stands in the address, which the hub tells nobody.
func ask(ctx context.Context, calls skills.HTTP, a arguments, language string, key secret.String) (forecast, error) {
	units := map[string]string{"C": "metric", "F": "imperial"}[a.Unit]
	base, _, _ := strings.Cut(language, "-")
	query := url.Values{"q": {a.City}, "units": {units}, "lang": {base}, "cnt": {steps}, "appid": {key.Reveal()}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, service+"/data/2.5/forecast?"+query.Encode(), nil)
	if err != nil {
		return forecast{}, fault.New(fault.Bug, Name, err)
	}
	answer, err := calls.Do(r)
	if err != nil {
		return forecast{}, err
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return forecast{}, errNoCity
	case http.StatusUnauthorized, http.StatusForbidden:
		return forecast{}, fault.New(fault.NeedsHuman, Name, errKey, fault.WithPublic(refused.In(language)))
	default:
		return forecast{}, fault.New(fault.Retryable, Name, fmt.Errorf("the service answered %s", answer.Status))
	}
	var f forecast
	if err := json.NewDecoder(answer.Body).Decode(&f); err != nil {
		return forecast{}, fault.New(fault.Retryable, Name, fmt.Errorf("read the service's answer: %w", err))
	}
	if len(f.List) == 0 {
		return forecast{}, fault.New(fault.Retryable, Name, errEmpty)
	}
	return f, nil
}

func (f forecast) temperatures() []float64 {
	all := make([]float64, len(f.List))
	for i, h := range f.List {
		all[i] = h.Main.Temp
	}
	return all
}

func (h hour) about() string {
	if len(h.Weather) == 0 {
		return "–"
	}
	return h.Weather[0].Description
}
