package openaichat

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/models"
)

const (
	// maxCalls and maxArguments bound what one answer may ask for: a model in a loop
	// must not fill the memory. Arguments are in bytes, all calls together.
	maxCalls     = 128
	maxArguments = 1 << 20
	// callIDLength is what Mistral's templates insist on: nine letters and digits.
	callIDLength = 9
)

// toolCalls puts the pieces of tool calls together. The protocol sends id and name in
// the first piece of an index and the arguments in any number; pieces of several
// indexes may interleave.
//
// Servers were seen to leave out type and id, to send the id "", to repeat the name
// or send it empty, to send a whole call in one piece, to number all calls 0 and not
// to number them at all.
type toolCalls struct {
	calls []partCall
	// size is the length of all arguments, broken the first thing that cannot be.
	size   int
	broken error
}

// partCall is a call on its way.
type partCall struct {
	index    int
	id, name string
	args     []byte
}

// callPiece is one piece as it came.
type callPiece struct {
	index int
	// counted is true when the piece has an index.
	counted  bool
	id, name string
	// args is the value of "arguments", raw: a string of JSON text, or (against the
	// protocol) the JSON itself.
	args []byte
}

// add takes the value of tool_calls, or of the older function_call.
func (t *toolCalls) add(data []byte) {
	if data[0] == '{' {
		t.piece(callPiece{counted: true}.function(data))
		return
	}
	for list := walk(data); list.next(); {
		t.piece(readPiece(list.value))
	}
}

func readPiece(data []byte) callPiece {
	var p callPiece
	for w := walk(data); w.next(); {
		switch string(w.key) {
		case "index":
			n, err := strconv.Atoi(string(w.value))
			p.index, p.counted = n, err == nil
		case "id":
			p.id = wordOf(w.value)
		case "function":
			p = p.function(w.value)
		}
	}
	return p
}

func (p callPiece) function(data []byte) callPiece {
	for w := walk(data); w.next(); {
		switch string(w.key) {
		case "name":
			p.name = wordOf(w.value)
		case "arguments":
			p.args = w.value
		}
	}
	return p
}

// wordOf reads a string; everything else is missing.
func wordOf(data []byte) string {
	if data[0] != '"' {
		return ""
	}
	return textOf(data)
}

func (t *toolCalls) piece(p callPiece) {
	c := t.of(p)
	if c == nil {
		return
	}
	if c.id == "" {
		c.id = p.id
	}
	if c.name == "" {
		c.name = p.name
	}
	before := len(c.args)
	c.args = appendArguments(c.args, p.args)
	if t.size += len(c.args) - before; t.size > maxArguments {
		t.broken = fmt.Errorf("%w: its arguments are longer than %d bytes", models.ErrBadCall, maxArguments)
	}
}

// of gives the call that a piece belongs to, a new one if need be; nil when nothing
// more is taken.
func (t *toolCalls) of(p callPiece) *partCall {
	if t.broken != nil {
		return nil
	}
	for i := len(t.calls) - 1; i >= 0; i-- {
		c := &t.calls[i]
		if p.counted && c.index != p.index {
			continue
		}
		if p.name != "" && c.startedAnew(p) {
			break
		}
		return c
	}
	if len(t.calls) == maxCalls {
		t.broken = fmt.Errorf("%w: it asks for more than %d", models.ErrBadCall, maxCalls)
		return nil
	}
	t.calls = append(t.calls, partCall{index: p.index})
	return &t.calls[len(t.calls)-1]
}

// startedAnew tells whether a named piece begins another call although its index is
// the same: it has another id, or comes behind arguments that are whole.
func (c *partCall) startedAnew(p callPiece) bool {
	if p.id != "" && c.id != "" {
		return p.id != c.id
	}
	return c.name != "" && len(c.args) > 0 && len(p.args) > 0 && !empty(p.args) && json.Valid(c.args)
}

// appendArguments adds the text of a piece.
func appendArguments(to, raw []byte) []byte {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return to
	case raw[0] != '"':
		return append(to, raw...)
	default:
		return appendText(to, raw[1:len(raw)-1])
	}
}

// finish gives the calls in the order in which they began. What is no call (without a
// name, or with arguments that are no JSON object) is an ErrBadCall.
func (t *toolCalls) finish() ([]models.ToolCall, error) {
	if t.broken != nil {
		return nil, t.broken
	}
	if len(t.calls) == 0 {
		return nil, fmt.Errorf("%w: the answer ends with a call but holds none", models.ErrBadCall)
	}
	calls := make([]models.ToolCall, 0, len(t.calls))
	for _, c := range t.calls {
		args := bytes.TrimSpace(c.args)
		switch {
		case c.name == "":
			return nil, fmt.Errorf("%w: it has no name", models.ErrBadCall)
		case len(args) == 0:
			// A tool without parameters; the protocol's "{}" is often left out.
			args = []byte("{}")
		case args[0] != '{' || !json.Valid(args):
			return nil, fmt.Errorf("%w: the arguments of %s are no JSON object", models.ErrBadCall, bounded(c.name))
		}
		args = bytes.ToValidUTF8(args, []byte("\uFFFD"))
		calls = append(calls, models.ToolCall{ID: freeID(calls, c.id), Name: strings.TrimSpace(c.name), Arguments: args})
	}
	return calls, nil
}

// freeID gives the server's id, or one of our own when it has none or uses it twice.
func freeID(calls []models.ToolCall, id string) string {
	for id == "" || taken(calls, id) {
		id = rand.Text()[:callIDLength]
	}
	return id
}

func taken(calls []models.ToolCall, id string) bool {
	for _, c := range calls {
		if c.ID == id {
			return true
		}
	}
	return false
}
