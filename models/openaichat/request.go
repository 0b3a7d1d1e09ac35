package openaichat

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// maxName bounds a speaker's name in the prompt, in runes.
	maxName = 64
	// formatName is what a schema without a name is called: the protocol wants one.
	formatName = "answer"
)

// noParameters is the schema of a tool that takes none: several servers refuse a tool
// without one.
var noParameters = json.RawMessage(`{"type":"object","properties":{}}`)

type chatRequest struct {
	Model            string          `json:"model"`
	Messages         []message       `json:"messages"`
	Stream           bool            `json:"stream"`
	StreamOptions    streamOptions   `json:"stream_options"`
	MaxTokens        int             `json:"max_tokens,omitempty"`
	Temperature      *float64        `json:"temperature,omitempty"`
	TopP             *float64        `json:"top_p,omitempty"`
	PresencePenalty  *float64        `json:"presence_penalty,omitempty"`
	FrequencyPenalty *float64        `json:"frequency_penalty,omitempty"`
	Seed             *int64          `json:"seed,omitempty"`
	Stop             []string        `json:"stop,omitempty"`
	Tools            []tool          `json:"tools,omitempty"`
	ToolChoice       any             `json:"tool_choice,omitempty"`
	ResponseFormat   *responseFormat `json:"response_format,omitempty"`
	// ContinueFinal and AddPrompt are extensions of vLLM, SGLang and llama.cpp: the last
	// message is left open and the answer goes on behind it. Servers want both.
	ContinueFinal bool  `json:"continue_final_message,omitempty"`
	AddPrompt     *bool `json:"add_generation_prompt,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type message struct {
	Role string `json:"role"`
	// Content is a string, or a list of contentPart when there are images: servers of
	// models without vision know only the string. It is "" and never null beside calls:
	// chat templates add it to other strings.
	Content    any        `json:"content"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type toolCall struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

// function is one that is offered (Description, Parameters), called (Arguments, JSON
// inside a string) or chosen (the name alone).
type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Arguments   *string         `json:"arguments,omitempty"`
}

// responseFormat is OpenAI's "structured outputs".
type responseFormat struct {
	Type   string      `json:"type"`
	Schema *jsonSchema `json:"json_schema,omitempty"`
}

type jsonSchema struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema"`
	Strict bool            `json:"strict,omitempty"`
}

// contentPart is a piece of a message with images
// (https://platform.openai.com/docs/guides/images-vision).
type contentPart struct {
	Type     string    `json:"type"`
	Text     string    `json:"text,omitempty"`
	ImageURL *imageURL `json:"image_url,omitempty"`
}

type imageURL struct {
	URL string `json:"url"`
}

func content(m models.Message) any {
	if len(m.Images) == 0 {
		return spoken(m)
	}
	parts := []contentPart{{Type: "text", Text: spoken(m)}}
	for _, i := range m.Images {
		url := "data:" + i.MIME + ";base64," + base64.StdEncoding.EncodeToString(i.Data)
		parts = append(parts, contentPart{Type: "image_url", ImageURL: &imageURL{URL: url}})
	}
	return parts
}

// encode makes the whole body at once: it may have to be sent again, and a body
// that is still being read while the answer streams gets streams cut.
func encode(r models.Request, kind models.Kind) ([]byte, error) {
	body := chatRequest{
		Model: r.Model, Messages: make([]message, len(r.Messages), len(r.Messages)+1), Stream: true,
		StreamOptions: streamOptions{IncludeUsage: true}, MaxTokens: r.MaxTokens, Temperature: r.Temperature,
		TopP: r.TopP, PresencePenalty: r.PresencePenalty, FrequencyPenalty: r.FrequencyPenalty, Seed: r.Seed, Stop: r.Stop,
		Tools: offered(r.Tools), ResponseFormat: formatOf(r.Format),
	}
	for i, m := range r.Messages {
		body.Messages[i] = message{Role: string(m.Role), Content: content(m), ToolCalls: called(m.Calls), ToolCallID: m.CallID}
	}
	if len(r.Tools) > 0 {
		body.ToolChoice = chosen(r.ToolChoice)
	}
	// Servers trim white space at its end or cannot go on behind it; the answer's own is
	// dropped again by resumeFilter.
	if said := strings.TrimSuffix(r.Prefix, tailOf(r.Prefix)); said != "" {
		if !continues(kind) {
			return nil, models.ErrNoContinue
		}
		body.Messages = append(body.Messages, message{Role: string(models.Assistant), Content: said})
		body.ContinueFinal, body.AddPrompt = true, new(bool)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(body)
	return buf.Bytes(), err
}

// continues tells which servers can leave the last message open: vLLM and SGLang since
// 2024 and 2025, llama.cpp since April 2025 (build 5221; the flag since 2026, before it
// every last message of an assistant is left open).
func continues(kind models.Kind) bool {
	return kind == models.KindVLLM || kind == models.KindSGLang || kind == models.KindLlamaCPP
}

func offered(tools []models.Tool) []tool {
	var all []tool
	for _, t := range tools {
		f := function{Name: t.Name, Description: t.Description, Parameters: t.Parameters}
		if len(f.Parameters) == 0 {
			f.Parameters = noParameters
		}
		all = append(all, tool{"function", f})
	}
	return all
}

func called(calls []models.ToolCall) []toolCall {
	var all []toolCall
	for _, c := range calls {
		args := cmp.Or(string(c.Arguments), "{}")
		all = append(all, toolCall{c.ID, "function", function{Name: c.Name, Arguments: &args}})
	}
	return all
}

// chosen gives nil for "auto": it is what servers do by themselves.
func chosen(choice models.ToolChoice) any {
	switch choice {
	case models.ToolAuto:
		return nil
	case models.ToolNone, models.ToolRequired:
		return string(choice)
	default:
		return tool{"function", function{Name: string(choice)}}
	}
}

func formatOf(f *models.Format) *responseFormat {
	switch {
	case f == nil:
		return nil
	case len(f.Schema) == 0:
		return &responseFormat{Type: "json_object"}
	}
	return &responseFormat{"json_schema", &jsonSchema{cmp.Or(f.Name, formatName), f.Schema, f.Strict}}
}

// spoken puts the speaker's name into the text. The protocol's own name field
// takes only ASCII letters and most chat templates drop it.
func spoken(m models.Message) string {
	name := cleanName(m.Name)
	if name == "" {
		return m.Text
	}
	return name + ": " + m.Text
}

// cleanName keeps a name on one line: nobody may write another's words into it.
func cleanName(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(name); len(runes) > maxName {
		name = string(runes[:maxName])
	}
	return name
}

func (c *Client) newRequest(ctx context.Context, method, url string, body []byte) (*http.Request, error) {
	// NewRequest gives a bytes.Reader its GetBody, so the transport can repeat the
	// request on a connection that was closed while idle.
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fault.New(fault.Bug, "make a request", c.redact.err(err))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "text/event-stream, application/json")
	}
	c.sign(req)
	return req, nil
}

func (c *Client) sign(req *http.Request) {
	if !c.key.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	}
}
