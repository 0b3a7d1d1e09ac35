package openaichat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// maxTold bounds what is read of a server's answer about itself; real ones are a few
// kilobytes.
const maxTold = 1 << 20

// told is what the server last told of itself.
type told struct {
	kind models.Kind
	list modelList
}

// modelList is the answer of GET /models (OpenAI API, "List models") with the additions
// of vLLM and SGLang (root, parent, max_model_len) and of llama.cpp (aliases, meta,
// status, architecture).
type modelList struct {
	Object string        `json:"object"`
	Data   []listedModel `json:"data"`
	// unlisted is true for a server that has no such list.
	unlisted bool
}

type listedModel struct {
	ID      string `json:"id"`
	OwnedBy string `json:"owned_by"`
	// Root is the model's path or repository. Names of one model share it; an adapter
	// has its own, and the model below it as Parent.
	Root        string   `json:"root"`
	Parent      string   `json:"parent"`
	MaxModelLen int      `json:"max_model_len"`
	Aliases     []string `json:"aliases"`
	Meta        struct {
		Context int `json:"n_ctx"`
	} `json:"meta"`
	Status struct {
		Value string `json:"value"`
	} `json:"status"`
	Architecture struct {
		Input []string `json:"input_modalities"`
	} `json:"architecture"`
}

// readList reads a model list; what in it has an odd type is missing.
func readList(r io.Reader) (modelList, error) {
	var list modelList
	err := decodeLoose(r, &list)
	if err != nil {
		return modelList{}, fmt.Errorf("%w: %w", models.ErrNoModelList, err)
	}
	if list.Object != "list" {
		return modelList{}, models.ErrNoModelList
	}
	for _, m := range list.Data {
		if m.ID == "" {
			return modelList{}, fmt.Errorf("%w: a model without id", models.ErrNoModelList)
		}
	}
	return list, nil
}

// decodeLoose reads one JSON object and leaves out what has an odd type.
func decodeLoose(r io.Reader, to any) error {
	var odd *json.UnmarshalTypeError
	err := json.NewDecoder(io.LimitReader(r, maxTold)).Decode(to)
	if errors.As(err, &odd) && odd.Field != "" {
		return nil
	}
	return err
}

func (l modelList) ids() []string {
	ids := make([]string, len(l.Data))
	for i, m := range l.Data {
		ids[i] = m.ID
	}
	return ids
}

// kind guesses the server from what it says of its models; empty when it does not tell.
func (l modelList) kind(h http.Header) models.Kind {
	if h.Get("Server") == "llama.cpp" {
		return models.KindLlamaCPP
	}
	for _, m := range l.Data {
		switch m.OwnedBy {
		case "vllm":
			return models.KindVLLM
		case "sglang":
			return models.KindSGLang
		case "llamacpp":
			return models.KindLlamaCPP
		case "library":
			return models.KindOllama
		}
	}
	return ""
}

// find gives the entry of that name; nil for none.
func (l modelList) find(name string) *listedModel {
	for i := range l.Data {
		if l.Data[i].named(name) {
			return &l.Data[i]
		}
	}
	return nil
}

func (m *listedModel) named(name string) bool {
	return sameName(m.ID, name) || slices.ContainsFunc(m.Aliases, func(a string) bool { return sameName(a, name) })
}

// sameName compares names as servers use them: a path or repository counts by its last
// element, and the usual endings mean nothing.
func sameName(a, b string) bool { return a == b || strings.EqualFold(plainName(a), plainName(b)) }

func plainName(name string) string {
	name = path.Base(strings.TrimRight(strings.ReplaceAll(name, `\`, "/"), "/"))
	return strings.TrimSuffix(strings.TrimSuffix(name, ":latest"), ".gguf")
}

// another tells whether the name in an answer shows that another model gave it. It is
// sure only when the asked name is listed under /models; then every name of that model
// is right: its id, aliases, root, and the other names with the same root (vLLM echoes
// the first of its served names).
//
// vLLM, SGLang, llama.cpp and Ollama echo nothing else. Behind any other server names
// prove nothing: OpenAI answers an alias with a dated version of another name, a proxy
// with whatever it forwards to.
func (c *Client) another(asked, said string) bool {
	t := c.told.Load()
	if asked == said || t == nil || t.kind == models.KindOpenAI {
		return false
	}
	entry := t.list.find(asked)
	if entry == nil || sameName(asked, said) || entry.named(said) || entry.Root != "" && sameName(entry.Root, said) {
		return false
	}
	other := t.list.find(said)
	return other == nil || entry.Root == "" || other.Root != entry.Root
}

// kind is what the server is, as far as anybody knows.
func (c *Client) kind() models.Kind {
	if c.given != "" {
		return c.given
	}
	if t := c.told.Load(); t != nil {
		return t.kind
	}
	return models.KindOpenAI
}

// Models lists the ids the server serves. An answer that is no model list wraps
// models.ErrNoModelList.
func (c *Client) Models(ctx context.Context) ([]string, error) {
	t, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	return t.list.ids(), nil
}

// list asks for the models and remembers the answer.
func (c *Client) list(ctx context.Context) (*told, error) {
	const op = "list models"
	resp, err := c.get(ctx, op, c.base.JoinPath("models").String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	list, err := readList(resp.Body)
	if err != nil {
		return nil, fault.New(fault.Retryable, op, c.redact.err(err))
	}
	return c.remember(list, list.kind(resp.Header)), nil
}

// remember keeps what the server told. A kind that was found stays: the list alone does
// not show each.
func (c *Client) remember(list modelList, kind models.Kind) *told {
	if kind == "" {
		kind = c.kind()
	}
	if c.given != "" {
		kind = c.given
	}
	t := &told{kind, list}
	c.told.Store(t)
	return t
}

// get asks and gives an answer with status 200, whose body must be closed.
func (c *Client) get(ctx context.Context, op, address string) (*http.Response, error) {
	req, err := c.newRequest(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return c.do(ctx, op, req)
}

// do makes a call that does not stream.
func (c *Client) do(ctx context.Context, op string, req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.ended(ctx, ctx, op, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer func() { _ = resp.Body.Close() }()
		return nil, c.refused(op, resp)
	}
	return resp, nil
}

// missing tells whether an error says that the server has no such endpoint.
func missing(err error) bool {
	code := statusOf(err)
	return code == http.StatusNotFound || code == http.StatusMethodNotAllowed || code == http.StatusNotImplemented
}

// closed tells whether an error says that the server does not let us have an endpoint,
// or has none: proxies often pass on only what is below /v1.
func closed(err error) bool {
	code := statusOf(err)
	return code > 0 && code < 500 && code != http.StatusTooManyRequests && code != http.StatusRequestTimeout || missing(err)
}

// statusOf gives the HTTP status that an error is made of; 0 for others.
func statusOf(err error) int {
	var status *statusError
	if errors.As(err, &status) {
		return status.code
	}
	return 0
}
