package openaiapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/parley-hub/parley/models"
)

func (r *chatRequest) readMessages(v value) error {
	r.Messages, r.images = nil, 0
	return v.list(func(i int, v value) error {
		if i == maxMessages {
			return wrong(codeValue, "is one too many: at most %d messages", maxMessages)
		}
		m, err := r.readMessage(v)
		r.Messages = append(r.Messages, m)
		return err
	})
}

// message is one message as it comes: its members have no order.
type message struct {
	role, name, refusal, callID string
	content                     value
	calls                       []models.ToolCall
}

func (r *chatRequest) readMessage(v value) (out models.Message, err error) {
	var m message
	if v.missing() {
		return out, wrongType("an object")
	}
	if err := v.object(m.member); err != nil {
		return out, err
	}
	out = models.Message{Calls: m.calls, CallID: m.callID}
	switch m.role {
	case "system", "developer":
		out.Role = models.System
	case "user":
		// Only people are told apart by their names: a worker puts them before the words.
		out.Role, out.Name = models.User, m.name
	case "assistant":
		out.Role = models.Assistant
	case "tool":
		out.Role = models.ToolResult
	case "":
		return out, inside("role", wrong(codeMissing, "is required"))
	default:
		return out, inside("role", wrong(codeValue, "must be one of: system, developer, user, assistant, tool"))
	}
	switch {
	case len(m.calls) > 0 && out.Role != models.Assistant:
		return out, inside("tool_calls", wrong(codeValue, "belong to an assistant's message"))
	case (m.callID == "") == (out.Role == models.ToolResult):
		return out, inside("tool_call_id", wrong(codeMissing, "belongs to a tool's message, and is required there"))
	case m.content.missing() && out.Role != models.Assistant:
		return out, inside("content", wrong(codeMissing, "is required"))
	}
	if err := r.readContent(&out, m.content); err != nil {
		return out, inside("content", err)
	}
	if out.Role == models.Assistant && out.Text == "" {
		out.Text = m.refusal
	}
	return out, nil
}

func (m *message) member(name string, v value) (err error) {
	switch name {
	case "role":
		m.role, err = v.text()
	case "name":
		m.name, err = v.text()
	case "refusal":
		m.refusal, err = v.text()
	case "tool_call_id":
		m.callID, err = v.text()
	case "content":
		m.content = v
	case "tool_calls":
		m.calls, err = readCalls(v)
	case "function_call", "audio":
		if !v.missing() {
			err = unsupported("is")
		}
	}
	return err
}

// readContent reads a text, or a list of parts.
func (r *chatRequest) readContent(m *models.Message, v value) error {
	if v.missing() || v[0] != '[' {
		text, err := v.text()
		if err != nil {
			return wrongType("a string or a list of parts")
		}
		m.Text = text
		return nil
	}
	first := true
	return v.list(func(_ int, v value) error {
		kind, content, image, err := readPart(v)
		switch {
		case err != nil:
			return err
		case kind == "text" || kind == "refusal" && m.Role == models.Assistant:
			if !first {
				m.Text += "\n"
			}
			first = false
			m.Text += content
			return nil
		case kind != "image_url":
			return inside("type", unsupported("%q is", kind))
		case m.Role != models.User:
			return inside("type", wrong(codeValue, "may be \"image_url\" in a user's message only"))
		}
		if r.images++; r.images > maxImages {
			return wrong(codeValue, "is one image too many: at most %d", maxImages)
		}
		picture, err := readImage(image)
		m.Images = append(m.Images, picture)
		return inside("image_url", err)
	})
}

// readPart gives a part's type, and its text or the address of its image.
func readPart(v value) (kind, text string, image value, err error) {
	if v.missing() {
		return "", "", nil, wrongType("an object")
	}
	err = v.object(func(name string, v value) (err error) {
		switch name {
		case "type":
			kind, err = v.text()
		case "text", "refusal":
			text, err = v.text()
		case "image_url":
			err = v.object(func(name string, v value) error {
				if name == "url" {
					image = v
				}
				return nil
			})
		}
		return err
	})
	return kind, text, image, err
}

// imageTypes are those that models.Image may have.
var imageTypes = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

// readImage reads a data URL (RFC 2397). The hub fetches nothing for callers: an address
// could be one that only the hub reaches.
func readImage(url value) (models.Image, error) {
	data, err := dataOf(url)
	if err != nil {
		return models.Image{}, inside("url", err)
	}
	// The bytes say what they are; the label is often wrong.
	kind := http.DetectContentType(data)
	if !slices.Contains(imageTypes, kind) {
		return models.Image{}, inside("url", wrong(codeValue, "must be a JPEG, PNG, GIF or WebP image"))
	}
	return models.Image{MIME: kind, Data: data}, nil
}

// dataOf decodes the bytes where they lie in the body.
func dataOf(url value) ([]byte, error) {
	if url.missing() {
		return nil, wrong(codeMissing, "is required")
	}
	if url[0] != '"' {
		return nil, wrongType("a string")
	}
	raw := []byte(url[1 : len(url)-1])
	if bytes.IndexByte(raw, '\\') >= 0 { // some encoders write \/
		var text string
		if err := json.Unmarshal(url, &text); err != nil {
			return nil, wrongType("a string")
		}
		raw = []byte(text)
	}
	head, encoded, ok := bytes.Cut(raw, []byte(","))
	if !ok || !bytes.HasPrefix(head, []byte("data:")) || !bytes.HasSuffix(head, []byte(";base64")) {
		return nil, wrong(codeValue, "must be a data URL in base64, as in data:image/png;base64,...: addresses are not fetched")
	}
	encoding := base64.StdEncoding
	if len(encoded)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	data := make([]byte, encoding.DecodedLen(len(encoded)))
	n, err := encoding.Decode(data, encoded)
	if err != nil {
		return nil, wrong(codeValue, "is no base64")
	}
	return data[:n], nil
}
