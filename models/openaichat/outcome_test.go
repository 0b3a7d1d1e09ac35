package openaichat_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

// TestBlame: what opens a breaker, and what never may.
func TestBlame(t *testing.T) {
	const hello = `data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}` + "\n\n"
	for _, test := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		class  fault.Class
		blame  models.Culprit
		is     error
	}{
		{"page", 200, nil, "<html>", fault.Retryable, models.BlameWorker, nil},
		{"no finish", 200, nil, hello + "data: [DONE]\n\n", fault.Retryable, models.BlameWorker, nil},
		{"gave up", 200, nil, hello + `data: {"choices":[{"finish_reason":"abort"}]}` + "\n\n", fault.Retryable, models.BlameWorker, nil},
		{"error event", 200, nil, hello + `data: {"error":{"message":"engine died","code":500}}` + "\n\ndata: [DONE]\n\n", fault.Retryable, models.BlameWorker, nil},
		{"error event without words", 200, nil, hello + "event: error\ndata: {}\n\n", fault.Retryable, models.BlameWorker, nil},
		{"refusal in the stream", 200, nil, `data: {"error":{"message":"bad logit_bias","type":"BadRequestError","code":400}}` + "\n\ndata: [DONE]\n\n", fault.Permanent, models.BlameRequest, nil},
		{"too long, in the stream", 200, nil, `data: {"error":{"code":400,"message":"request (9 tokens) exceeds the available context size (8 tokens)","type":"exceed_context_size_error"}}` + "\n\n", fault.Permanent, models.BlameRequest, models.ErrOverflow},
		{"overloaded, in the stream", 200, nil, `data: {"error":{"message":"slow down","code":429}}` + "\n\n", fault.RateLimited, models.BlameNobody, nil},
		{"error instead of an answer", 200, nil, `{"error":{"message":"no","code":"server_error"}}`, fault.Retryable, models.BlameWorker, nil},
		{"500", 500, nil, `{"error":{"message":"CUDA error","type":"server_error"}}`, fault.Retryable, models.BlameWorker, nil},
		{"500 of a parser", 500, nil, `{"error":{"code":500,"message":"[json.exception.parse_error.101] parse error","type":"server_error"}}`, fault.Permanent, models.BlameRequest, nil},
		{"500 of a template", 500, nil, `{"error":{"code":500,"message":"Conversation roles must alternate user/assistant","type":"server_error"}}`, fault.Permanent, models.BlameRequest, nil},
		{"500 of a grammar", 500, nil, `{"error":{"code":500,"message":"failed to parse grammar","type":"server_error"}}`, fault.Permanent, models.BlameRequest, nil},
		{"500 of a validation", 500, nil, `{"error":{"message":"1 validation error for ChatCompletionRequest"}}`, fault.Permanent, models.BlameRequest, nil},
		{"500, too long", 500, nil, `{"error":{"message":"This model's maximum context length is 8 tokens"}}`, fault.Permanent, models.BlameRequest, models.ErrOverflow},
		{"502", 502, nil, "<html>", fault.Retryable, models.BlameWorker, nil},
		{"503", 503, nil, "", fault.Retryable, models.BlameWorker, nil},
		{"503 with a wait", 503, map[string]string{"Retry-After": "2"}, "", fault.Retryable, models.BlameNobody, nil},
		{"503 loading", 503, nil, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, fault.Retryable, models.BlameNobody, models.ErrLoading},
		{"504", 504, nil, "", fault.Retryable, models.BlameWorker, nil},
		{"400", 400, nil, "", fault.Permanent, models.BlameRequest, nil},
		{"401", 401, nil, "", fault.NeedsHuman, models.BlameNobody, nil},
		{"404", 404, nil, "", fault.NeedsHuman, models.BlameNobody, models.ErrNoModel},
		{"408", 408, nil, "", fault.Retryable, models.BlameNobody, nil},
		{"413", 413, nil, "<html>", fault.Permanent, models.BlameRequest, nil},
		{"429", 429, nil, "", fault.RateLimited, models.BlameNobody, nil},
		{"429, but the money is gone", 429, nil, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}`, fault.NeedsHuman, models.BlameNobody, nil},
		{"429, do not retry", 429, map[string]string{"X-Should-Retry": "false"}, "", fault.Permanent, models.BlameNobody, nil},
		{"500, do not retry", 500, map[string]string{"X-Should-Retry": "false"}, "", fault.Permanent, models.BlameWorker, nil},
		{"409, retry", 409, map[string]string{"X-Should-Retry": "true"}, "", fault.Retryable, models.BlameRequest, nil},
		{"500 whose body is no JSON of ours", 500, nil, `{"error":7}`, fault.Retryable, models.BlameWorker, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cannedText(test.body)
			c.status, c.header = test.status, http.Header{}
			for k, v := range test.header {
				c.header.Set(k, v)
			}
			err := modeltest.Collect(t, t.Context(), c.client(t), modeltest.Ask("hi")).Err
			if fault.ClassOf(err) != test.class || models.Blame(err) != test.blame || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("class %v, to blame %v: %v", fault.ClassOf(err), models.Blame(err), err)
			}
		})
	}
	cut := &canned{body: func() io.Reader {
		return io.MultiReader(strings.NewReader(hello), iotest.ErrReader(io.ErrUnexpectedEOF))
	}}
	if err := modeltest.Collect(t, t.Context(), cut.client(t), modeltest.Ask("hi")).Err; models.Blame(err) != models.BlameWorker {
		t.Errorf("cut: %v", err)
	}
}

func TestTheCallersEndIsNobodysFault(t *testing.T) {
	w := modeltest.Start(t, modeltest.Options{PerToken: time.Millisecond, Answer: func([]models.Message) string { return strings.Repeat("word ", 100_000) }})
	c := newClientOf(t, w)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("the pool's patience"))
	defer cancel()
	err := modeltest.Collect(t, ctx, c, modeltest.Ask("go on")).Err
	if models.Blame(err) != models.BlameNobody || fault.ClassOf(err) != fault.Retryable {
		t.Errorf("to blame %v: %v", models.Blame(err), err)
	}
}

// TestSilentTruncation: both servers answered 200 to a prompt of 15000 words.
func TestSilentTruncation(t *testing.T) {
	for name, kind := range map[string]models.Kind{"llamacpp-2025-02.err_toolong": models.KindLlamaCPP, "ollama-0.17.4.err_toolong": models.KindOllama} {
		c := capture(t, name)
		client := newClient(t, openaichat.Options{Base: "http://worker.test", HTTP: c.http(), Kind: kind})
		err := modeltest.Collect(t, t.Context(), client, modeltest.Ask(strings.Repeat("word ", 15_000))).Err
		if !errors.Is(err, models.ErrOverflow) || models.Blame(err) != models.BlameRequest || fault.Public(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if res := modeltest.Collect(t, t.Context(), client, modeltest.Ask(strings.Repeat("word ", 1_000))); res.Err != nil {
			t.Errorf("%s: a prompt that fits: %v", name, res.Err)
		}
	}
}
