package openaichat

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"

	"github.com/parley-hub/parley/models"
)

// maxName bounds a speaker's name in the prompt, in runes.
const maxName = 64

type chatRequest struct {
	Model         string        `json:"model"`
	Messages      []message     `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions streamOptions `json:"stream_options"`
	MaxTokens     int           `json:"max_tokens,omitempty"`
	Temperature   *float64      `json:"temperature,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type message struct {
	Role string `json:"role"`
	// Content is a string, or a list of contentPart when there are images: servers of
	// models without vision know only the string.
	Content any `json:"content"`
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
func encode(r models.Request) ([]byte, error) {
	body := chatRequest{
		Model: r.Model, Messages: make([]message, len(r.Messages)), Stream: true,
		StreamOptions: streamOptions{IncludeUsage: true}, MaxTokens: r.MaxTokens, Temperature: r.Temperature,
	}
	for i, m := range r.Messages {
		body.Messages[i] = message{Role: string(m.Role), Content: content(m)}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(body)
	return buf.Bytes(), err
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
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "text/event-stream, application/json")
	}
	if !c.key.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	}
	return req, nil
}
