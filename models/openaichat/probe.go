package openaichat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parley-hub/parley/models"
)

// maxGreeting bounds what is read of Ollama's greeting, in bytes.
const maxGreeting = 64

// errNoGreeting: something answers at Ollama's root, but not Ollama.
var errNoGreeting = errors.New("no greeting")

// Probe asks the server cheaply whether it lives. It never makes it generate: under a
// long prompt that takes seconds and would look like death. A server that still loads
// its model is a fault that wraps models.ErrLoading.
//
// vLLM and llama.cpp are asked for /health, Ollama for its greeting; SGLang (whose
// /health generates a token) and all others for their model list. The first time all
// are asked for the list: it tells the kind, and the names that an answer may have. A
// server without a list is alive too, and so is one of which a proxy shows nothing but
// the list. ctx bounds the wait.
func (c *Client) Probe(ctx context.Context) error {
	first := c.told.Load() == nil
	err := error(nil)
	if first {
		err = c.lists(ctx)
	}
	if err == nil {
		switch c.kind() {
		case models.KindVLLM, models.KindLlamaCPP:
			err = c.orLists(ctx, c.health(ctx))
		case models.KindOllama:
			err = c.orLists(ctx, c.greeting(ctx))
		default:
			if !first {
				err = c.lists(ctx)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// lists asks for the model list.
func (c *Client) lists(ctx context.Context) error {
	_, err := c.list(ctx)
	if missing(err) {
		c.remember(modelList{unlisted: true}, "")
		return nil
	}
	return err
}

// orLists asks for the list when a proxy passes on only the protocol itself.
func (c *Client) orLists(ctx context.Context, err error) error {
	if closed(err) || errors.Is(err, errNoGreeting) {
		return c.lists(ctx)
	}
	return err
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
	words, err := io.ReadAll(io.LimitReader(resp.Body, maxGreeting))
	if err != nil {
		return c.ended(ctx, ctx, "greeting", err)
	}
	if !strings.Contains(string(words), "Ollama") {
		return errNoGreeting
	}
	return nil
}
