package app_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/app"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// TestAPI asks a whole hub as another program does: with a key, without one, and where
// nobody has one.
func TestAPI(t *testing.T) {
	worker := modeltest.Start(t, modeltest.Options{})
	pools := models.Config{Pools: map[string]models.PoolConfig{"chat": {Model: worker.Model(), Workers: []models.WorkerConfig{{URL: worker.Base()}}}}}
	keys := []configs.APIKey{{Name: "ci", Key: secret.New("0123456789abcdef")}}
	const body = `{"messages":[{"role":"user","content":"hi"}]}`
	for _, c := range []struct {
		name   string
		keys   []configs.APIKey
		models models.Config
		bearer string
		status int
		answer string
	}{
		{"with a key", keys, pools, "0123456789abcdef", http.StatusOK, `"content":"[1] hi"`},
		{"with a wrong key", keys, pools, "0123456789abcdeg", http.StatusUnauthorized, `"code":"invalid_api_key"`},
		{"where it is off", nil, pools, "0123456789abcdef", http.StatusNotFound, "404 page not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := serve(t, func(cfg *configs.Config) { cfg.API.Keys, cfg.Models = c.keys, c.models })
			status, answer := ask(t, url+"/v1/chat/completions", body, c.bearer)
			if status != c.status || !strings.Contains(answer, c.answer) {
				t.Errorf("%d %s", status, answer)
			}
			_, metrics := ask(t, url+"/metrics", "", "")
			if counted := strings.Contains(metrics, `parley_stage_total{account="ci",kind="",stage="api"} 1`); counted != (c.status == http.StatusOK) {
				t.Errorf("counted: %t", counted)
			}
		})
	}
}

// serve runs a hub in the playground until the test ends, and gives its address.
func serve(t *testing.T, edit func(*configs.Config)) string {
	t.Helper()
	c, _, err := configs.Load(configs.Source{Env: here(t), Factories: app.Factories()})
	if err != nil {
		t.Fatal(err)
	}
	edit(c)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	up, done := make(chan struct{}, 1), make(chan error, 1)
	log := &watched{word: "parley is up", seen: func() { up <- struct{}{} }}
	go func() { done <- app.Serve(ctx, app.Options{Config: c, Version: "test", Log: log}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%v\n%s", err, log)
		}
	})
	select {
	case <-up:
	case err := <-done:
		done <- err
		t.Fatalf("%v\n%s", err, log)
	}
	return regexp.MustCompile(`"page":"([^"]*)/"`).FindStringSubmatch(log.String())[1]
}

// ask sends a body, or gets where there is none.
func ask(t *testing.T, url, body, bearer string) (status int, answer string) {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
