package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/core"
)

// maxText is the longest text to a person, in characters.
const maxText = 16_000

// maxID is the longest id of a notice, in bytes.
const maxID = 128

var yes = true

// sendTool tells a person something.
var sendTool = &mcp.Tool{
	Name: "send_to_person",
	Description: "Tells a person something in the chat app where they want to be reached. " +
		"It is sent once for an id: to be sure that a repeat is not sent twice, give the same id again.",
	InputSchema: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["person","text"],"properties":{
		"person":{"type":"string","description":"Who: realm:id of one of their accounts, such as telegram:123456"},
		"text":{"type":"string","description":"What they are told, in Markdown","minLength":1,"maxLength":16000},
		"id":{"type":"string","description":"Tells this message from all others of this key","maxLength":128}}}`),
	Annotations: &mcp.ToolAnnotations{DestructiveHint: &yes, OpenWorldHint: &yes},
}

var (
	errFields = errors.New("they are an object with person, text and id, which are texts")
	errWords  = fmt.Errorf("person and text must be given, text of at most %d characters, id of at most %d bytes", maxText, maxID)
)

// send tells a person something, durably, before it says so.
func (s *Server) send(ctx context.Context, c *client, arguments json.RawMessage) (*mcp.CallToolResult, error) {
	var a struct {
		Person string `json:"person"`
		Text   string `json:"text"`
		ID     string `json:"id"`
	}
	d := json.NewDecoder(strings.NewReader(string(arguments)))
	d.DisallowUnknownFields()
	if d.Decode(&a) != nil {
		return nil, wrongArguments(errFields)
	}
	if a.Person == "" || strings.TrimSpace(a.Text) == "" || utf8.RuneCountInString(a.Text) > maxText || len(a.ID) > maxID {
		return nil, wrongArguments(errWords)
	}
	if a.ID == "" {
		a.ID = string(core.NewTraceID())
	}
	chats, err := s.o.Hub.Send(ctx, c.Name, Notice{ID: a.ID, Person: a.Person, Text: a.Text})
	if err != nil {
		return nil, err
	}
	text := "It is on its way."
	if chats > 1 {
		text = fmt.Sprintf("It is on its way to %d chats.", chats)
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
}
