package openaiapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// official is the official client. It repeats nothing by itself, so that a test counts.
func (h *hub) official(key string) openai.Client {
	return openai.NewClient(option.WithBaseURL(h.url), option.WithAPIKey(key), option.WithHTTPClient(h.client), option.WithMaxRetries(0))
}

func question(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "chat", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func TestOfficialClientPlain(t *testing.T) {
	h, w := overWorker(t, modeltest.Options{Model: "tiny"})
	q := question("how are you?")
	q.Messages = append([]openai.ChatCompletionMessageParamUnion{openai.DeveloperMessage("be brief")}, q.Messages...)
	q.MaxCompletionTokens = openai.Int(100)
	q.Temperature = openai.Float(0.5)
	var resp *http.Response
	client := h.official(keyCI)
	got, err := client.Chat.Completions.New(t.Context(), q, option.WithResponseInto(&resp))
	if err != nil {
		t.Fatal(err)
	}
	choice := got.Choices[0]
	if choice.Message.Content != "[1] how are you?" || choice.FinishReason != "stop" || choice.Message.Role != "assistant" ||
		got.Model != "chat" || got.Usage.CompletionTokens == 0 || got.Usage.TotalTokens != got.Usage.PromptTokens+got.Usage.CompletionTokens {
		t.Errorf("%s", got.RawJSON())
	}
	if resp.Header.Get("X-Model-Id") != "chat" || resp.Header.Get("X-Model-Version") != "main" || resp.Header.Get("X-Model-Name") != "tiny" || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("headers %v", resp.Header)
	}
	last := w.Last()
	if last.Messages[0].Role != models.System || last.Model != "tiny" || last.MaxTokens != 100 || *last.Temperature != 0.5 {
		t.Errorf("the worker got %+v", last)
	}
}

func TestOfficialClientStream(t *testing.T) {
	h, _ := overWorker(t, modeltest.Options{PerToken: 30 * time.Millisecond, Answer: func([]models.Message) string { return "one two \"three\"\nfour ünf" }})
	for _, usage := range []bool{false, true} {
		q := question("count")
		q.StreamOptions.IncludeUsage = openai.Bool(usage)
		client := h.official(keyCI)
		stream := client.Chat.Completions.NewStreaming(t.Context(), q)
		all, pieces := openai.ChatCompletionAccumulator{}, 0
		for stream.Next() {
			pieces++
			if !all.AddChunk(stream.Current()) {
				t.Errorf("the client cannot add %s", stream.Current().RawJSON())
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		if all.Choices[0].Message.Content != "one two \"three\"\nfour ünf" || all.Choices[0].FinishReason != "stop" || pieces < 3 {
			t.Errorf("%d pieces: %+v", pieces, all.Choices)
		}
		if (all.Usage.TotalTokens > 0) != usage {
			t.Errorf("asked for usage %t, got %+v", usage, all.Usage)
		}
	}
}

func weatherTool() openai.ChatCompletionToolUnionParam {
	return openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
		Name: "weather", Description: openai.String("tells the weather"),
		Parameters: shared.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}},
	})
}

func twoCalls() *played {
	return &played{deltas: []models.Delta{{Text: "Let me see."}, {
		Finish: models.FinishToolCalls, Calls: []models.ToolCall{
			{ID: "call_1", Name: "weather", Arguments: json.RawMessage(`{"city":"Köln"}`)},
			{ID: "call_2", Name: "weather", Arguments: json.RawMessage(`{"city":"Rome"}`)},
		},
	}}}
}

// overClient serves one pool, chat, of one worker that is played.
func overClient(t *testing.T, c models.Client) *hub {
	t.Helper()
	return start(t, map[string]models.Client{"chat": pool.New(pool.Options{
		Name: "chat", Model: "tiny", Vision: true, Workers: []pool.Worker{{Name: "w1", Client: c, Slots: 8}},
	})})
}

func TestOfficialClientTools(t *testing.T) {
	worker := twoCalls()
	h := overClient(t, worker)
	client := h.official(keyCI)
	q := question("what is the weather in Cologne and Rome?")
	q.Tools = []openai.ChatCompletionToolUnionParam{weatherTool()}
	q.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "weather"})

	stream := client.Chat.Completions.NewStreaming(t.Context(), q)
	all, finished := openai.ChatCompletionAccumulator{}, 0
	for stream.Next() {
		all.AddChunk(stream.Current())
		if call, ok := all.JustFinishedToolCall(); ok {
			finished++
			if call.Name != "weather" || !json.Valid([]byte(call.Arguments)) {
				t.Errorf("%+v", call)
			}
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	plain, err := client.Chat.Completions.New(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]openai.ChatCompletionChoice{"streamed": all.Choices[0], "plain": plain.Choices[0]} {
		calls := got.Message.ToolCalls
		if got.FinishReason != "tool_calls" || got.Message.Content != "Let me see." || len(calls) != 2 ||
			calls[0].ID != "call_1" || calls[1].ID != "call_2" || calls[0].Function.Arguments != `{"city":"Köln"}` || calls[1].Function.Name != "weather" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if finished != 2 {
		t.Errorf("the client saw %d calls end", finished)
	}
	asked := worker.asked()
	if len(asked.Tools) != 1 || asked.Tools[0].Name != "weather" || !strings.Contains(string(asked.Tools[0].Parameters), `"city"`) || asked.ToolChoice != "weather" {
		t.Errorf("the worker got %+v, %q", asked.Tools, asked.ToolChoice)
	}

	// The results go back, with the calls.
	q.Messages = append(q.Messages, plain.Choices[0].Message.ToParam(), openai.ToolMessage("sunny", "call_1"), openai.ToolMessage("rainy", "call_2"))
	q.ParallelToolCalls = openai.Bool(false)
	again, err := client.Chat.Completions.New(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(again.Choices[0].Message.ToolCalls); n != 1 {
		t.Errorf("%d calls where no parallel ones are wanted", n)
	}
	asked = worker.asked()
	if len(asked.Messages) != 4 || len(asked.Messages[1].Calls) != 2 || asked.Messages[3].CallID != "call_2" || asked.Messages[3].Role != models.ToolResult {
		t.Errorf("the worker got %+v", asked.Messages)
	}
}

func TestOfficialClientFormatAndImage(t *testing.T) {
	worker := says("a cat")
	h := overClient(t, worker)
	client := h.official(keyApp)
	q := question("")
	q.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("what is this?"),
		openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: pixel}),
	})}
	q.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
		Name: "animal", Strict: openai.Bool(true), Schema: map[string]any{"type": "object"},
	}}
	q.Seed, q.Stop.OfStringArray = openai.Int(7), []string{"END"}
	q.PresencePenalty, q.FrequencyPenalty, q.TopP = openai.Float(1), openai.Float(-1), openai.Float(0.9)
	if _, err := client.Chat.Completions.New(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	r := worker.asked()
	if m := r.Messages[0]; m.Text != "what is this?" || len(m.Images) != 1 || m.Images[0].MIME != "image/gif" || !bytes.HasPrefix(m.Images[0].Data, []byte("GIF89a")) {
		t.Errorf("message %+v", m)
	}
	if r.Format == nil || r.Format.Name != "animal" || !r.Format.Strict || string(r.Format.Schema) != `{"type":"object"}` {
		t.Errorf("format %+v", r.Format)
	}
	if *r.Seed != 7 || len(r.Stop) != 1 || *r.PresencePenalty != 1 || *r.FrequencyPenalty != -1 || *r.TopP != 0.9 {
		t.Errorf("sampling %+v", r.Sampling)
	}
	if r.Band != models.Interactive || r.For != (models.Payer{Account: "app"}) || r.Trace == "" {
		t.Errorf("band %v, payer %+v, trace %q", r.Band, r.For, r.Trace)
	}
}

// pixel is a GIF of one pixel with a wrong label.
const pixel = "data:image/png;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

// vectors is a client that makes vectors and hears.
type vectors struct {
	played
	embed models.EmbedRequest
	heard models.TranscribeRequest
	audio []byte
}

func (v *vectors) Embed(_ context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	v.embed = r
	e := models.Embeddings{Model: "vec-1", Version: "blue", Usage: models.Usage{Prompt: 4}}
	for i := range r.Texts {
		e.Vectors = append(e.Vectors, []float32{float32(i), 0.1, -1e-9})
	}
	return e, nil
}

func (v *vectors) Transcribe(_ context.Context, r models.TranscribeRequest) (models.Transcript, error) {
	v.heard = r
	for range 2 { // as when a first worker fails
		f, err := r.Audio()
		if err != nil {
			return models.Transcript{}, err
		}
		if v.audio, err = io.ReadAll(f); err != nil {
			return models.Transcript{}, err
		}
		_ = f.Close()
	}
	return models.Transcript{Text: "hello \"there\"", Language: "en", Seconds: 1.5, Model: "ear-1"}, nil
}

func TestOfficialClientEmbeddings(t *testing.T) {
	v := &vectors{}
	h := start(t, map[string]models.Client{"chat": says("x"), "vec": v})
	client := h.official(keyCI)
	p := openai.EmbeddingNewParams{Model: "vec", Dimensions: openai.Int(3), Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}}
	got, err := client.Embeddings.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Data) != 2 || got.Data[1].Index != 1 || got.Data[1].Embedding[0] != 1 || got.Data[0].Embedding[1] != 0.1 || got.Usage.PromptTokens != 4 || got.Model != "vec" {
		t.Errorf("%s", got.RawJSON())
	}
	if v.embed.Dimensions != 3 || v.embed.Texts[1] != "b" || v.embed.For.Account != "ci" || v.embed.Band != models.Batch {
		t.Errorf("asked %+v", v.embed)
	}
	p.Model = "chat"
	_, err = client.Embeddings.New(t.Context(), p)
	var apiErr *openai.Error
	if !errors.As(err, &apiErr) || apiErr.StatusCode != http.StatusNotFound || !strings.Contains(apiErr.Message, "makes no embeddings") {
		t.Errorf("a pool without vectors: %v", err)
	}
}

func TestOfficialClientTranscription(t *testing.T) {
	v := &vectors{}
	h := start(t, map[string]models.Client{"chat": says("x"), "ear": v})
	client := h.official(keyCI)
	recording := bytes.Repeat([]byte("RIFF"), 50_000)
	got, err := client.Audio.Transcriptions.New(t.Context(), openai.AudioTranscriptionNewParams{
		Model: "ear", Language: openai.String("de"), File: openai.File(bytes.NewReader(recording), "../Voice note.OGG", "audio/ogg"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != "hello \"there\"" || !bytes.Equal(v.audio, recording) || v.heard.Size != int64(len(recording)) || v.heard.Name != "recording.ogg" || v.heard.Language != "de" {
		t.Errorf("%+v, %d bytes, asked %+v", got, len(v.audio), v.heard)
	}
	_, err = client.Audio.Transcriptions.New(t.Context(), openai.AudioTranscriptionNewParams{
		Model: "chat", File: openai.File(bytes.NewReader(recording), "a.wav", "audio/wav"),
	})
	var apiErr *openai.Error
	if !errors.As(err, &apiErr) || apiErr.StatusCode != http.StatusNotFound {
		t.Errorf("a pool that does not hear: %v", err)
	}
}

func TestOfficialClientModels(t *testing.T) {
	h := start(t, map[string]models.Client{"chat": says("x"), "fast": says("y")})
	for key, want := range map[string]string{keyCI: "chat fast", keyApp: "chat"} {
		client := h.official(key)
		var ids []string
		for page := client.Models.ListAutoPaging(t.Context()); page.Next(); {
			ids = append(ids, page.Current().ID)
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("ids %v, want %s", ids, want)
		}
	}
	client := h.official(keyApp)
	if m, err := client.Models.Get(t.Context(), "chat"); err != nil || m.ID != "chat" || m.Created == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := client.Models.Get(t.Context(), "fast"); err == nil {
		t.Error("a key sees a model that is not its own")
	}
}

func TestOfficialClientErrors(t *testing.T) {
	for name, c := range map[string]struct {
		fault  modeltest.Fault
		status int
		code   string
		after  string
	}{
		"busy":         {modeltest.Fault{Kind: modeltest.RateLimited, Wait: 7 * time.Second}, 429, "rate_limit_exceeded", "7"},
		"unavailable":  {modeltest.Fault{Kind: modeltest.Unavailable}, 503, "service_unavailable", "2"},
		"wrong key":    {modeltest.Fault{Kind: modeltest.Unauthorized}, 503, "service_unavailable", "30"},
		"too long":     {modeltest.Fault{Kind: modeltest.Overflow}, 400, "context_length_exceeded", ""},
		"refused":      {modeltest.Fault{Kind: modeltest.BadRequest}, 400, "", ""},
		"cut at start": {modeltest.Fault{Kind: modeltest.Reset}, 503, "service_unavailable", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := overWorker(t, modeltest.Options{Faults: []modeltest.Fault{c.fault}})
			client := h.official(keyCI)
			_, err := client.Chat.Completions.New(t.Context(), question("hi"))
			stream := client.Chat.Completions.NewStreaming(t.Context(), question("hi"))
			if stream.Next() {
				t.Error("a stream began")
			}
			for _, err := range []error{err, stream.Err()} {
				var apiErr *openai.Error
				if !errors.As(err, &apiErr) {
					t.Fatalf("%v", err)
				}
				if apiErr.StatusCode != c.status || apiErr.Code != c.code || apiErr.Message == "" || apiErr.Response.Header.Get("Retry-After") != c.after {
					t.Errorf("%d %q %q %q", apiErr.StatusCode, apiErr.Code, apiErr.Message, apiErr.Response.Header.Get("Retry-After"))
				}
			}
		})
	}
}

// TestStreamThatBreaks: a client must never take it for complete.
func TestStreamThatBreaks(t *testing.T) {
	for _, kind := range []modeltest.Kind{modeltest.Cut, modeltest.ErrorEvent, modeltest.NoFinish, modeltest.DoneOnly, modeltest.Abort} {
		t.Run(string(kind), func(t *testing.T) {
			h, _ := overWorker(t, modeltest.Options{
				Answer: func([]models.Message) string { return "one two three four" }, Faults: []modeltest.Fault{{Kind: kind, After: 2}},
			})
			client := h.official(keyCI)
			stream := client.Chat.Completions.NewStreaming(t.Context(), question("count"))
			text := ""
			for stream.Next() {
				for _, c := range stream.Current().Choices {
					text += c.Delta.Content
					if c.FinishReason != "" {
						t.Errorf("a made-up finish %q", c.FinishReason)
					}
				}
			}
			if stream.Err() == nil || !strings.HasPrefix(text, "one two") {
				t.Errorf("%q, %v", text, stream.Err())
			}
			_, raw := h.chat(t, `{"stream":true,`+hi[1:])
			if strings.Contains(raw, "[DONE]") || !strings.Contains(raw, `data: {"error":{"message":"`) || !strings.HasSuffix(raw, "<unexpected EOF>") {
				t.Errorf("%s", raw)
			}
			if e := h.end(t); fault.ClassOf(e.Err) != fault.Retryable || e.Account != "ci" || e.Model != "chat" || e.Stage != core.StageAPI {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestCallerLeaves(t *testing.T) {
	for _, streamed := range []bool{true, false} {
		h, w := overWorker(t, modeltest.Options{Faults: []modeltest.Fault{{Kind: modeltest.Stall, After: 1}}})
		ctx, leave := context.WithCancel(t.Context())
		client := h.official(keyCI)
		if streamed {
			stream := client.Chat.Completions.NewStreaming(ctx, question("hi there"))
			if !stream.Next() {
				t.Fatal(stream.Err())
			}
			leave()
			_ = stream.Close()
		} else {
			go func() {
				w.Await(t, "the request", func(c modeltest.Counts) bool { return c.Started == 1 })
				leave()
			}()
			if _, err := client.Chat.Completions.New(ctx, question("hi there")); err == nil {
				t.Error("an answer came")
			}
		}
		w.Await(t, "the cancel", func(c modeltest.Counts) bool { return c.Cancelled == 1 && c.InFlight == 0 })
		if e := h.end(t); !errors.Is(e.Err, context.Canceled) {
			t.Errorf("%+v", e)
		}
		leave()
	}
}
