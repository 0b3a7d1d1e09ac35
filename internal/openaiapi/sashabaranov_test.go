package openaiapi_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// unofficial is the client that most Go programs used before there was an official one.
func (h *hub) unofficial(key string) *openai.Client {
	c := openai.DefaultConfig(key)
	c.BaseURL, c.HTTPClient = h.url, h.client
	return openai.NewClientWithConfig(c)
}

func asks(text string) openai.ChatCompletionRequest {
	return openai.ChatCompletionRequest{Model: "chat", Messages: []openai.ChatCompletionMessage{{Role: "user", Content: text}}}
}

func TestGoOpenAIChat(t *testing.T) {
	h, _ := overWorker(t, modeltest.Options{})
	client := h.unofficial(keyApp)
	got, err := client.CreateChatCompletion(t.Context(), asks("how are you?"))
	if err != nil || got.Choices[0].Message.Content != "[1] how are you?" || got.Choices[0].FinishReason != "stop" || got.Usage.TotalTokens == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	q := asks("how are you?")
	q.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	stream, err := client.CreateChatCompletionStream(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	text, finish, tokens := "", "", 0
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunk.Choices {
			text, finish = text+c.Delta.Content, finish+string(c.FinishReason)
		}
		if chunk.Usage != nil {
			tokens += chunk.Usage.TotalTokens
		}
	}
	if text != "[1] how are you?" || finish != "stop" || tokens != got.Usage.TotalTokens {
		t.Errorf("%q %q %d", text, finish, tokens)
	}
}

func TestGoOpenAITools(t *testing.T) {
	h := overClient(t, twoCalls())
	q := asks("weather?")
	q.Tools = []openai.Tool{{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{Name: "weather", Parameters: map[string]any{"type": "object"}}}}
	stream, err := h.unofficial(keyCI).CreateChatCompletionStream(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	var calls [2]openai.FunctionCall
	var ids [2]string
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range chunk.Choices[0].Delta.ToolCalls {
			ids[*part.Index] += part.ID
			calls[*part.Index].Name += part.Function.Name
			calls[*part.Index].Arguments += part.Function.Arguments
		}
	}
	if ids != [2]string{"call_1", "call_2"} || calls[0].Name != "weather" || calls[0].Arguments != `{"city":"Köln"}` || calls[1].Arguments != `{"city":"Rome"}` {
		t.Errorf("%v %+v", ids, calls)
	}
}

func TestGoOpenAIOthers(t *testing.T) {
	v := &vectors{}
	h := start(t, map[string]models.Client{"chat": v})
	client := h.unofficial(keyCI)
	for _, format := range []openai.EmbeddingEncodingFormat{openai.EmbeddingEncodingFormatFloat, openai.EmbeddingEncodingFormatBase64} {
		got, err := client.CreateEmbeddings(t.Context(), openai.EmbeddingRequestStrings{Input: []string{"a", "b"}, Model: "chat", EncodingFormat: format})
		if err != nil || len(got.Data) != 2 || got.Data[1].Embedding[0] != 1 || got.Data[0].Embedding[1] != 0.1 || got.Data[0].Embedding[2] != -1e-9 {
			t.Errorf("%s: %+v, %v", format, got, err)
		}
	}
	list, err := client.ListModels(t.Context())
	if err != nil || len(list.Models) != 1 || list.Models[0].ID != "chat" {
		t.Errorf("%+v, %v", list, err)
	}
	heard, err := client.CreateTranscription(t.Context(), openai.AudioRequest{
		Model: "chat", Reader: bytes.NewReader([]byte("RIFF")), FilePath: "a.wav", Format: openai.AudioResponseFormatVerboseJSON,
	})
	if err != nil || heard.Text != "hello \"there\"" || heard.Language != "en" || heard.Duration != 1.5 {
		t.Errorf("%+v, %v", heard, err)
	}
	heard, err = client.CreateTranscription(t.Context(), openai.AudioRequest{
		Model: "chat", Reader: bytes.NewReader([]byte("RIFF")), FilePath: "a.wav", Format: openai.AudioResponseFormatText,
	})
	if err != nil || heard.Text != "hello \"there\"\n" {
		t.Errorf("%+v, %v", heard, err)
	}
}

func TestGoOpenAIErrors(t *testing.T) {
	h, w := overWorker(t, modeltest.Options{})
	var apiErr *openai.APIError
	_, err := h.unofficial("wrong").CreateChatCompletion(t.Context(), asks("hi"))
	if !errors.As(err, &apiErr) || apiErr.HTTPStatusCode != http.StatusUnauthorized || apiErr.Code != "invalid_api_key" {
		t.Errorf("%v", err)
	}
	q := asks("hi")
	q.Model = "gpt-4"
	_, err = h.unofficial(keyCI).CreateChatCompletion(t.Context(), q)
	if !errors.As(err, &apiErr) || apiErr.HTTPStatusCode != http.StatusNotFound || apiErr.Code != "model_not_found" || !strings.Contains(apiErr.Message, "There are: chat.") {
		t.Errorf("%v", err)
	}
	q = asks("hi")
	q.Temperature = 3
	_, err = h.unofficial(keyCI).CreateChatCompletion(t.Context(), q)
	if !errors.As(err, &apiErr) || apiErr.HTTPStatusCode != http.StatusBadRequest || *apiErr.Param != "temperature" {
		t.Errorf("%v", err)
	}
	if n := w.Counts().Started; n != 0 {
		t.Errorf("a worker was asked %d times", n)
	}

	w.SetFaults(modeltest.Fault{Kind: modeltest.RateLimited, Wait: 3 * time.Second})
	if _, err = h.unofficial(keyCI).CreateChatCompletion(t.Context(), asks("hi")); !errors.As(err, &apiErr) || apiErr.HTTPStatusCode != http.StatusTooManyRequests {
		t.Errorf("%v", err)
	}
	h, _ = overWorker(t, modeltest.Options{Faults: []modeltest.Fault{{Kind: modeltest.Cut, After: 1}}})
	stream, err := h.unofficial(keyCI).CreateChatCompletionStream(t.Context(), asks("count to ten"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("a broken stream ended as if it were complete: %v", err)
	}
}
