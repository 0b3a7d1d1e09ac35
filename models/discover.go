package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	discoverWait = 300 * time.Millisecond
	// maxModelList bounds the answer of GET /models; real ones are a few kilobytes.
	maxModelList = 1 << 20
)

// ErrNoModelList is returned for an answer that is not a list of models.
var ErrNoModelList = errors.New("not a model list")

// DefaultCandidates are the addresses at which model servers listen when nobody
// told them otherwise: Ollama and llama.cpp's server.
func DefaultCandidates() []string {
	return []string{"http://127.0.0.1:11434/v1", "http://127.0.0.1:8080/v1"}
}

// Discover asks every candidate for its models, all at once and for at most 300
// ms, and gives the first candidate, in their order, that serves a chat model,
// with that model. Only a real model list counts: other programs answer with 200
// too. A candidate that is the caller's own address must be left out by the caller.
func Discover(ctx context.Context, candidates []string, client *http.Client) (base, model string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, discoverWait)
	defer cancel()
	found := make([]string, len(candidates))
	var asked sync.WaitGroup
	for i, candidate := range candidates {
		asked.Go(func() { found[i] = firstChatModel(ctx, client, candidate) })
	}
	asked.Wait()
	for i, model := range found {
		if model != "" {
			return candidates[i], model, true
		}
	}
	return "", "", false
}

// firstChatModel gives "" for whatever goes wrong: the answer to all of it is to
// look elsewhere.
func firstChatModel(ctx context.Context, client *http.Client, base string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/models", nil)
	if err != nil {
		return ""
	}
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	ids, err := ReadModelList(resp.Body)
	if err != nil {
		return ""
	}
	for _, id := range ids {
		// Ollama lists what was pulled last first, often an embedding model, which
		// cannot chat.
		if !strings.Contains(strings.ToLower(id), "embed") {
			return id
		}
	}
	return ""
}

// ReadModelList reads the answer of GET /models (OpenAI API, "List models") and
// gives the ids in its order. What is not such a list, or longer than 1 MiB, wraps
// ErrNoModelList.
func ReadModelList(r io.Reader) ([]string, error) {
	var list struct {
		Object string `json:"object"`
		Data   []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(r, maxModelList)).Decode(&list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoModelList, err)
	}
	if list.Object != "list" {
		return nil, ErrNoModelList
	}
	ids := make([]string, 0, len(list.Data))
	for _, m := range list.Data {
		if m.ID == "" {
			return nil, fmt.Errorf("%w: a model without id", ErrNoModelList)
		}
		ids = append(ids, m.ID)
	}
	return ids, nil
}
