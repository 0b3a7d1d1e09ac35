package modeltest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/parley-hub/parley/models"
)

// Chat is a request as it came over the wire.
type Chat struct {
	Model         string
	Messages      []models.Message
	Stream        bool
	IncludeUsage  bool
	MaxTokens     int
	Temperature   *float64
	Authorization string
	// ToolChoice is "none" or another word; empty where none was given or it names a tool.
	ToolChoice models.ToolChoice
	// Body is the whole request, for what has no field here.
	Body json.RawMessage

	tools json.RawMessage
}

func parseChat(body []byte) (Chat, error) {
	var wire struct {
		Model    string `json:"model"`
		Messages []struct {
			Role    models.Role     `json:"role"`
			Content json.RawMessage `json:"content"`
			Calls   wireCalls       `json:"tool_calls"`
			CallID  string          `json:"tool_call_id"`
		} `json:"messages"`
		Stream        bool `json:"stream"`
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
		MaxTokens   int      `json:"max_tokens"`
		Temperature *float64 `json:"temperature"`
		// Tools stand before the messages in every chat template.
		Tools      json.RawMessage `json:"tools"`
		ToolChoice json.RawMessage `json:"tool_choice"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Chat{}, err
	}
	if len(wire.Messages) == 0 {
		return Chat{}, fmt.Errorf("'messages' is required")
	}
	chat := Chat{
		Model: wire.Model, Stream: wire.Stream, IncludeUsage: wire.StreamOptions.IncludeUsage,
		MaxTokens: wire.MaxTokens, Temperature: wire.Temperature, Body: body, tools: wire.Tools,
	}
	_ = json.Unmarshal(wire.ToolChoice, &chat.ToolChoice) // an object names a tool
	for _, m := range wire.Messages {
		message, err := parseContent(m.Content)
		if err != nil {
			return Chat{}, err
		}
		message.Role, message.Calls, message.CallID = m.Role, m.Calls.calls(), m.CallID
		chat.Messages = append(chat.Messages, message)
	}
	return chat, nil
}

// parseContent reads a message's words: a string, or a list of texts and of images as
// data URLs.
func parseContent(raw json.RawMessage) (m models.Message, err error) {
	if len(raw) == 0 {
		return m, nil // an assistant that only asked for tools
	}
	if err := json.Unmarshal(raw, &m.Text); err == nil {
		return m, nil
	}
	var parts []struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		ImageURL struct {
			URL string `json:"url"`
		} `json:"image_url"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return m, fmt.Errorf("'content' is neither a string nor a list of parts: %w", err)
	}
	for _, p := range parts {
		head, body, ok := strings.Cut(p.ImageURL.URL, ";base64,")
		mime, isData := strings.CutPrefix(head, "data:")
		switch {
		case p.Type == "text":
			m.Text += p.Text
		case p.Type == "image_url" && ok && isData:
			data, err := base64.StdEncoding.DecodeString(body)
			if err != nil {
				return m, fmt.Errorf("an image is no base64: %w", err)
			}
			m.Images = append(m.Images, models.Image{MIME: mime, Data: data})
		default:
			return m, fmt.Errorf("a part of type %q is not read here", p.Type)
		}
	}
	return m, nil
}
