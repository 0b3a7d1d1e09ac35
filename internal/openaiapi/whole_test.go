package openaiapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

// overWorkers serves one pool, chat, of these fake workers.
func overWorkers(t *testing.T, workers ...*modeltest.Worker) *hub {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o := pool.Options{Name: "chat", Model: "fake", Vision: true}
	for _, w := range workers {
		c, err := openaichat.New(openaichat.Options{Base: w.Base(), Worker: w.Base(), HTTP: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		o.Workers = append(o.Workers, pool.Worker{Name: w.Base(), Client: c, Slots: 8})
	}
	return start(t, map[string]models.Client{"chat": pool.New(o)})
}

// TestToTheWorker sends what a caller can say through pool and worker's protocol.
func TestToTheWorker(t *testing.T) {
	w := modeltest.Start(t, modeltest.Options{})
	h := overWorkers(t, w)
	client := h.official(keyCI)
	q := question("what is this?")
	q.Messages = append(q.Messages, openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("and this?"), openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: pixel}),
	}))
	q.Tools, q.Seed = []openai.ChatCompletionToolUnionParam{weatherTool()}, openai.Int(7)
	q.Stop.OfString = openai.String("END")
	if _, err := client.Chat.Completions.New(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	body := string(w.Last().Body)
	for _, part := range []string{`"weather"`, `"seed":7`, `"stop":["END"]`, `"what is this?"`, `"data:image/gif;base64,R0lGOD`} {
		if !strings.Contains(body, part) {
			t.Errorf("the worker did not get %s: %s", part, body)
		}
	}

	vectors, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: "chat", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}, Dimensions: openai.Int(4),
	})
	if err != nil || len(vectors.Data) != 2 || len(vectors.Data[1].Embedding) != 4 || vectors.Usage.PromptTokens == 0 {
		t.Errorf("%+v, %v", vectors, err)
	}
	heard, err := client.Audio.Transcriptions.New(t.Context(), openai.AudioTranscriptionNewParams{
		Model: "chat", File: openai.File(bytes.NewReader(make([]byte, 1234)), "note.wav", "audio/wav"),
	})
	if err != nil || heard.Text != "1234 bytes of recording.wav" {
		t.Errorf("%+v, %v", heard, err)
	}
}

// TestPlainAnswersBeginAgain has one worker that cuts every answer: nobody notices who
// waits for the whole.
func TestPlainAnswersBeginAgain(t *testing.T) {
	answer := func([]models.Message) string { return "one two three four" }
	bad := modeltest.Start(t, modeltest.Options{Answer: answer, Faults: []modeltest.Fault{{Kind: modeltest.Cut, After: 2}}})
	h := overWorkers(t, bad, modeltest.Start(t, modeltest.Options{Answer: answer}))
	client := h.official(keyCI)
	for range 20 {
		got, err := client.Chat.Completions.New(t.Context(), question("count"))
		if err != nil || got.Choices[0].Message.Content != "one two three four" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if bad.Counts().Started == 0 {
		t.Error("the bad worker was never asked")
	}
}
