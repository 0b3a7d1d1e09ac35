package openaichat

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// Probe asks the server cheaply whether it lives. It never makes it generate: under a
// long prompt that takes seconds and would look like death. A server that still loads
// its model is a fault that wraps models.ErrLoading.
//
// vLLM and llama.cpp are asked for /health, Ollama for its greeting; SGLang (whose
// /health generates a token) and all others for their model list, where a server without
// one is alive too. The first time all are asked for the list: it tells the kind, and
// the names that an answer may have.
func (c *Client) Probe(ctx context.Context) error {
	if c.told.Load() == nil {
		if _, err := c.list(ctx); err != nil && !missing(err) {
			return fmt.Errorf("probe: %w", err)
		}
	}
	var err error
	switch c.kind() {
	case models.KindVLLM, models.KindLlamaCPP:
		err = c.health(ctx)
	case models.KindOllama:
		err = c.greeting(ctx)
	default:
		if _, err = c.list(ctx); missing(err) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// health asks vLLM (200 with an empty body, 503 when the engine is dead) or llama.cpp
// (503 while loading).
func (c *Client) health(ctx context.Context) error {
	resp, err := c.get(ctx, "health", c.root.JoinPath("health").String())
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// greeting asks Ollama, which has no /health: GET / says "Ollama is running".
func (c *Client) greeting(ctx context.Context) error {
	resp, err := c.get(ctx, "greeting", c.root.JoinPath("/").String())
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	words, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorText))
	if err != nil {
		return c.ended("greeting", ctx, ctx, err)
	}
	if !strings.Contains(string(words), "Ollama") {
		return fault.New(fault.Retryable, "greeting", fmt.Errorf("something else listens here: %s", c.redact.text(bounded(string(words)))))
	}
	return nil
}
