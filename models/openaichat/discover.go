package openaichat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// continuesFrom is the first build of llama.cpp that goes on behind an assistant's last
// message (April 2025).
const continuesFrom = 5221

// maxContext and maxSlots are what a server can truthfully claim; more is unknown.
const (
	maxContext = 1 << 28
	maxSlots   = 1 << 16
)

// Discover asks the server what it is and what model can do: its kind, version, models,
// slots, and the capabilities and context of model. Options.Kind and Options.Overrides
// go before what it tells. What it does not tell has the defaults of its kind: a name
// with "embed" or "whisper" in it says what a model is for, other models chat, take
// tools and answer in JSON.
//
// A model that is not listed is a fault that wraps models.ErrNoModel (several servers
// answer 200 for every name, with whatever model they have), one that is still being
// loaded wraps models.ErrLoading; what was found until then is given too. A server
// without a model list is taken at its word. ctx bounds the wait for all of it.
func (c *Client) Discover(ctx context.Context, model string) (models.Server, error) {
	t, err := c.list(ctx)
	switch {
	case missing(err):
		t, err = c.remember(modelList{unlisted: true}, ""), nil
	case err != nil:
		return models.Server{}, err
	}
	s := models.Server{Kind: t.kind, Models: t.list.ids(), Capabilities: assumed(model)}
	if c.given == "" && s.Kind == models.KindOpenAI {
		if version, ok := c.ollama(ctx); ok {
			s.Kind, s.Version = models.KindOllama, version
			t = c.remember(t.list, s.Kind)
		}
	}
	listed := t.list.find(model)
	if listed == nil && !t.list.unlisted {
		s.Capabilities = c.overrides.Over(s.Capabilities)
		return s, fault.New(fault.NeedsHuman, "discover", models.Blamed(models.BlameNobody,
			fmt.Errorf("%w: %s; it lists %s", models.ErrNoModel, bounded(model), c.redact.text(bounded(strings.Join(s.Models, ", "))))),
			fault.WithPublic(publicNoModel))
	}
	if listed != nil {
		s.Context = listed.MaxModelLen
		s.Vision = slices.Contains(listed.Architecture.Input, "image")
	}
	switch s.Kind {
	case models.KindVLLM:
		err = c.tellVLLM(ctx, &s)
	case models.KindSGLang:
		err = c.tellSGLang(ctx, &s)
	case models.KindLlamaCPP:
		err = c.tellLlamaCPP(ctx, &s, listed)
	case models.KindOllama:
		err = c.tellOllama(ctx, &s, model)
	}
	s.Context, s.Slots = claimed(s.Context, maxContext), claimed(s.Slots, maxSlots)
	s.Capabilities = c.overrides.Over(s.Capabilities)
	return s, err
}

// claimed gives 0, unknown, for what makes no sense.
func claimed(n, most int) int {
	if n < 0 || n > most {
		return 0
	}
	return n
}

// assumed is what a model can do as far as its name tells.
func assumed(model string) models.Capabilities {
	name := strings.ToLower(model)
	switch {
	case strings.Contains(name, "embed"):
		return models.Capabilities{Embeddings: true}
	case strings.Contains(name, "whisper"):
		return models.Capabilities{Transcription: true}
	default:
		return models.Capabilities{Chat: true, Tools: true, JSONSchema: true}
	}
}

// ask reads a JSON object below the server's root. A server that refuses, or answers with
// something else, tells nothing: a proxy may pass on only the protocol itself. Only a
// server that is loading, or cannot be reached, is an error.
func (c *Client) ask(ctx context.Context, to any, query any, elements ...string) error {
	method, body := http.MethodGet, []byte(nil)
	if query != nil {
		var err error
		if body, err = json.Marshal(query); err != nil {
			return fault.New(fault.Bug, "discover", err)
		}
		method = http.MethodPost
	}
	req, err := c.newRequest(ctx, method, c.root.JoinPath(elements...).String(), body)
	if err != nil {
		return err
	}
	resp, err := c.do(ctx, "discover", req)
	switch {
	case statusOf(err) != 0 && !errors.Is(err, models.ErrLoading):
		return nil
	case err != nil:
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := decodeLoose(resp.Body, to); err != nil && ctx.Err() != nil {
		return c.ended(ctx, ctx, "discover", err)
	}
	return nil
}

type version struct {
	Version string `json:"version"`
}

func (c *Client) tellVLLM(ctx context.Context, s *models.Server) error {
	s.Continue = s.Chat
	var v version
	err := c.ask(ctx, &v, nil, "version")
	s.Version = bounded(v.Version)
	return err
}

// tellSGLang reads what SGLang was started with. The endpoints lost their "get_" in
// 2026.
func (c *Client) tellSGLang(ctx context.Context, s *models.Server) error {
	s.Continue = s.Chat
	var server struct {
		Version string `json:"version"`
		Context int    `json:"context_length"`
		Slots   int    `json:"max_running_requests"`
		// States are those of the schedulers, with the limit that was worked out.
		States []struct {
			Slots int `json:"effective_max_running_requests_per_dp"`
		} `json:"internal_states"`
	}
	var model struct {
		Generates *bool `json:"is_generation"`
		Vision    bool  `json:"has_image_understanding"`
	}
	for _, prefix := range []string{"", "get_"} {
		if err := errors.Join(c.ask(ctx, &server, nil, prefix+"server_info"), c.ask(ctx, &model, nil, prefix+"model_info")); err != nil {
			return err
		}
		if server.Version != "" {
			break
		}
	}
	s.Version, s.Slots = bounded(server.Version), server.Slots
	if s.Slots <= 0 {
		for _, state := range server.States {
			s.Slots += max(0, state.Slots)
		}
	}
	if s.Context == 0 {
		s.Context = server.Context
	}
	s.Vision = s.Vision || model.Vision
	if model.Generates != nil && !*model.Generates {
		s.Capabilities = models.Capabilities{Embeddings: true, Context: s.Context}
	}
	return nil
}

// tellLlamaCPP reads /props. Its context is that of one slot.
func (c *Client) tellLlamaCPP(ctx context.Context, s *models.Server, listed *listedModel) error {
	if listed != nil {
		s.Context = listed.Meta.Context
		if listed.Status.Value == "loading" {
			return fault.New(fault.Retryable, "discover", models.Blamed(models.BlameNobody, models.ErrLoading), fault.WithWait(loadingWait))
		}
	}
	var props struct {
		Settings struct {
			Context int `json:"n_ctx"`
		} `json:"default_generation_settings"`
		Slots int    `json:"total_slots"`
		Build string `json:"build_info"`
		// Caps tell what the chat template can show; older builds have none.
		Caps struct {
			Tools *bool `json:"supports_tools"`
		} `json:"chat_template_caps"`
		Modalities struct {
			Vision bool `json:"vision"`
		} `json:"modalities"`
	}
	if err := c.ask(ctx, &props, nil, "props"); err != nil {
		return err
	}
	s.Version, s.Slots = bounded(props.Build), props.Slots
	if props.Settings.Context > 0 {
		s.Context = props.Settings.Context
	}
	s.Vision = s.Vision || props.Modalities.Vision
	if props.Caps.Tools != nil {
		s.Tools = *props.Caps.Tools
	}
	s.Continue = s.Chat && build(props.Build) >= continuesFrom
	vectors, err := c.hasVectors(ctx)
	s.Embeddings = vectors
	return err
}

// build reads llama.cpp's number of a build, as in "b5747-0142961a".
func build(info string) int {
	number, _, _ := strings.Cut(strings.TrimPrefix(info, "b"), "-")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return n
}

// hasVectors asks llama.cpp for the vectors of nothing: a server that makes vectors
// misses the input, one that does not says so. Neither computes anything.
func (c *Client) hasVectors(ctx context.Context) (bool, error) {
	req, err := c.newRequest(ctx, http.MethodPost, c.base.JoinPath("embeddings").String(), []byte("{}"))
	if err != nil {
		return false, err
	}
	resp, err := c.do(ctx, "discover", req)
	if err == nil {
		return false, resp.Body.Close()
	}
	var status *statusError
	if !errors.As(err, &status) || errors.Is(err, models.ErrLoading) {
		return false, err
	}
	return status.code == http.StatusBadRequest && strings.Contains(status.text, `"input"`), nil
}

// ollama tells whether the server is Ollama, and its version. No other server has the
// endpoint.
func (c *Client) ollama(ctx context.Context) (string, bool) {
	var v version
	err := c.ask(ctx, &v, nil, "api", "version")
	return bounded(v.Version), err == nil && v.Version != ""
}

// tellOllama reads what the model was made for and how much context Ollama gives it: as
// it was loaded, else as its parameters say, else what it was trained for, of which
// Ollama may give less.
func (c *Client) tellOllama(ctx context.Context, s *models.Server, model string) error {
	var show struct {
		Capabilities []string                   `json:"capabilities"`
		Parameters   string                     `json:"parameters"`
		Info         map[string]json.RawMessage `json:"model_info"`
	}
	var loaded struct {
		Models []struct {
			Name    string `json:"name"`
			Context int    `json:"context_length"`
		} `json:"models"`
	}
	if s.Version == "" {
		s.Version, _ = c.ollama(ctx)
	}
	if err := errors.Join(c.ask(ctx, &show, map[string]string{"model": model}, "api", "show"), c.ask(ctx, &loaded, nil, "api", "ps")); err != nil {
		return err
	}
	if len(show.Capabilities) > 0 {
		chats := slices.Contains(show.Capabilities, "completion")
		s.Capabilities = models.Capabilities{
			Chat: chats, JSONSchema: chats, Tools: slices.Contains(show.Capabilities, "tools"),
			Vision: slices.Contains(show.Capabilities, "vision"), Embeddings: slices.Contains(show.Capabilities, "embedding"),
		}
	}
	for key, value := range show.Info {
		if n, err := strconv.Atoi(string(bytes.TrimSpace(value))); err == nil && strings.HasSuffix(key, ".context_length") {
			s.Context = n
		}
	}
	for line := range strings.Lines(show.Parameters) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == "num_ctx" {
			if n, err := strconv.Atoi(words[1]); err == nil {
				s.Context = n
			}
		}
	}
	for _, m := range loaded.Models {
		if sameName(m.Name, model) && m.Context > 0 {
			s.Context = m.Context
		}
	}
	return nil
}
