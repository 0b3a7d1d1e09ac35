package openaichat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// loadLook is how often it is looked whether a model that was to be loaded is.
const loadLook = 200 * time.Millisecond

// warmed is what is asked behind the opening. It is the same for all, and short.
const warmed = "Hello"

// Warming is what a server is made ready for.
type Warming struct {
	// Model is the id that it knows.
	Model string
	// Opening is what all prompts begin with, as a system's message; empty for nothing.
	Opening string
	// Keep is how long the model is to stay in memory, where the server takes that; 0
	// leaves it to the server.
	Keep time.Duration
}

// Warm makes the server ready for the first request to a model, or keeps it so: it has the
// model loaded or woken where that is a step of its own (llama.cpp's router, Ollama, vLLM
// in sleep mode), and lets it read the opening, so that it is cached. A server of KindOpenAI
// is left alone: it may cost money and has nothing to be warmed.
//
// What it refuses because of the request is no fault: then there is nothing to warm. Other
// faults are those of Chat. ctx bounds all of it, with the loading.
func (c *Client) Warm(ctx context.Context, w Warming) error {
	var err error
	switch c.kind() {
	case models.KindLlamaCPP:
		err = c.load(ctx, w.Model)
	case models.KindOllama:
		err = c.keep(ctx, w)
	case models.KindVLLM:
		err = c.wake(ctx)
	case models.KindSGLang:
	default:
		return nil
	}
	if err == nil {
		err = c.prefill(ctx, w)
	}
	if err == nil || models.Blame(err) == models.BlameRequest {
		return nil
	}
	return fmt.Errorf("warm: %w", err)
}

// prefill has the model read the opening and say one word.
func (c *Client) prefill(ctx context.Context, w Warming) error {
	switch can := c.overrides.Over(assumed(w.Model)); {
	case can.Chat:
	case can.Embeddings:
		_, err := c.Embed(ctx, models.EmbedRequest{Model: w.Model, Texts: []string{warmed}})
		return err
	default:
		return nil
	}
	r := models.Request{Model: w.Model, MaxTokens: 1, Messages: []models.Message{{Role: models.User, Text: warmed}}}
	if w.Opening != "" {
		r.Messages = append([]models.Message{{Role: models.System, Text: w.Opening}}, r.Messages...)
	}
	for _, err := range c.Chat(ctx, r) {
		if err != nil {
			return err
		}
	}
	return nil
}

// load has llama.cpp's router load the model (POST /models/load), and waits until it has. A
// server of one model lists no status.
func (c *Client) load(ctx context.Context, model string) error {
	look := time.NewTicker(loadLook)
	defer look.Stop()
	for asked, loading := false, false; ; {
		t, err := c.list(ctx)
		switch {
		case loading && ctx.Err() != nil:
			return fault.New(fault.Retryable, "load", models.Blamed(models.BlameNobody, errors.Join(models.ErrLoading, context.Cause(ctx))))
		case err != nil:
			return err
		}
		listed := t.list.find(model)
		if listed == nil {
			return nil
		}
		switch listed.Status.Value {
		case "unloaded", "sleeping":
			if asked {
				return fault.New(fault.Retryable, "load", errors.New("the model was not loaded"))
			}
			if err := c.post(ctx, map[string]string{"model": model}, "models", "load"); err != nil {
				return err
			}
			asked = true
			continue
		case "loading":
			loading = true
		default:
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
}

// keep has Ollama load the model, or keep it: an empty prompt does no more than that. It never
// sends options, which would load the model anew for requests that have others.
func (c *Client) keep(ctx context.Context, w Warming) error {
	body := map[string]string{"model": w.Model}
	if w.Keep > 0 {
		body["keep_alive"] = fmt.Sprintf("%ds", int(w.Keep.Seconds()))
	}
	return c.post(ctx, body, "api", "generate")
}

// wake wakes vLLM. It tells whether it sleeps only in its development mode (VLLM_SERVER_DEV_MODE),
// without which it cannot sleep.
func (c *Client) wake(ctx context.Context) error {
	var state struct {
		Sleeping bool `json:"is_sleeping"`
	}
	if err := c.ask(ctx, &state, nil, "is_sleeping"); err != nil || !state.Sleeping {
		return err
	}
	return c.post(ctx, nil, "wake_up")
}

// post tells the server to do something below its root. Where a proxy shows nothing but the
// protocol itself, nothing is done.
func (c *Client) post(ctx context.Context, query any, elements ...string) error {
	body := []byte("{}")
	if query != nil {
		var err error
		if body, err = json.Marshal(query); err != nil {
			return fault.New(fault.Bug, "warm", err)
		}
	}
	req, err := c.newRequest(ctx, http.MethodPost, c.root.JoinPath(elements...).String(), body)
	if err != nil {
		return err
	}
	resp, err := c.do(ctx, "warm", req)
	switch {
	case missing(err):
		return nil
	case err != nil:
		return err
	}
	return resp.Body.Close()
}
