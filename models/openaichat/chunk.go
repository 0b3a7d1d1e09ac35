package openaichat

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/parley-hub/parley/models"
)

var errNotJSON = errors.New("the stream holds something that is not JSON")

// chunk is what counts in a piece of a stream (chat.completion.chunk) or in a
// whole answer (chat.completion): they differ only in delta and message.
type chunk struct {
	// object and model are kept over the pieces: they are the same in nearly all.
	object, model string
	// words is the text of the choice with index 0: only one is ever asked for.
	words  string
	finish string
	// generated is true when the model produced anything, shown or not.
	generated bool
	// failed is true for an error in the stream's clothes.
	failed bool
	usage  *models.Usage
	// calls is the raw value of tool_calls, valid as long as the piece.
	calls []byte

	frame alike
	// said is the raw value of the words, texts how many values may have been words.
	said  []byte
	texts int
}

// decode reads one piece, forgetting the one before. The piece must be JSON; what
// in it has an odd type is taken as missing.
//
// The protocol sends a few hundred bytes around each word, so the members are
// walked in place: decoding into structs would allocate ten times as much.
func (c *chunk) decode(data []byte) error {
	*c = chunk{object: c.object, model: c.model, frame: c.frame}
	if words := c.frame.words(data); words != nil {
		c.words = rawText(words)
		c.generated = c.words != ""
		return nil
	}
	if !json.Valid(data) {
		return errNotJSON
	}
	for w := walk(data); w.next(); {
		switch string(w.key) {
		case "object":
			keep(&c.object, w.value)
		case "model":
			keep(&c.model, w.value)
		case "choices":
			for choices := walk(w.value); choices.next(); {
				c.choice(choices.value)
			}
		case "usage":
			c.usage = usageOf(w.value)
		case "error":
			c.failed = !empty(w.value)
		}
	}
	c.failed = c.failed || c.object == "error"
	if c.texts == 1 && c.said != nil && c.said[0] == '"' && c.finish == "" && c.usage == nil && !c.failed {
		// Both are slices of the same array, so their capacities tell the place.
		start := cap(data) - cap(c.said)
		c.frame.learn(data, start, start+len(c.said))
	}
	return nil
}

func (c *chunk) choice(data []byte) {
	for w := walk(data); w.next(); {
		if string(w.key) == "index" && string(w.value) != "0" {
			return
		}
	}
	for w := walk(data); w.next(); {
		switch string(w.key) {
		case "delta", "message":
			c.delta(w.value)
		case "finish_reason":
			c.finish = textOf(w.value)
		}
	}
}

// delta reads the words; a refusal is an answer too. Thinking has two names:
// reasoning_content (DeepSeek, vLLM, llama.cpp) and reasoning (Ollama, newer vLLM).
func (c *chunk) delta(data []byte) {
	for w := walk(data); w.next(); {
		switch string(w.key) {
		case "content", "refusal":
			if text := rawText(w.value); text != "" {
				c.words, c.generated, c.said = text, true, w.value
				c.texts++
			}
		case "reasoning_content", "reasoning":
			if !empty(w.value) {
				c.generated = true
				c.texts++
			}
		case "tool_calls", "function_call":
			if !empty(w.value) {
				c.calls, c.generated = w.value, true
				c.texts++
			}
		}
	}
}

// usageOf reads a usage object. A server that counts below zero counted nothing.
func usageOf(data []byte) *models.Usage {
	if len(data) == 0 || data[0] != '{' {
		return nil
	}
	var u struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Details    struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
	var odd *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &u); err != nil && !errors.As(err, &odd) {
		return nil
	}
	return &models.Usage{Prompt: max(u.Prompt, 0), Completion: max(u.Completion, 0), Cached: min(max(u.Details.Cached, 0), max(u.Prompt, 0))}
}

// keep changes a string only when it is another one.
func keep(old *string, data []byte) {
	if len(data) >= 2 && data[0] == '"' && string(data[1:len(data)-1]) == *old {
		return
	}
	*old = textOf(data)
}

// rawText is textOf, but leaves bytes that are no UTF-8: a rune may be cut off at either
// end, and the pieces beside this one have the rest of it (runeJoiner).
func rawText(data []byte) string {
	if data[0] != '"' {
		return textOf(data)
	}
	inner := data[1 : len(data)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var room [256]byte
	return string(appendText(room[:0], inner))
}

// textOf reads content: a string, or (Mistral, for thinking models) a list of
// parts, of which the text parts count.
func textOf(data []byte) string {
	switch data[0] {
	case '"':
		return strings.ToValidUTF8(rawText(data), "\uFFFD")
	case '[':
		var parts strings.Builder
		for list := walk(data); list.next(); {
			parts.WriteString(partText(list.value))
		}
		return parts.String()
	}
	return ""
}

func partText(data []byte) (text string) {
	isText := false
	for w := walk(data); w.next(); {
		switch string(w.key) {
		case "type":
			isText = string(w.value) == `"text"`
		case "text":
			if w.value[0] == '"' {
				text = textOf(w.value)
			}
		}
	}
	if !isText {
		return ""
	}
	return text
}

func empty(data []byte) bool {
	switch string(data) {
	case "null", `""`, "[]", "{}", "false":
		return true
	}
	return false
}

// walker goes over the members of an object or the elements of an array, in
// place. It trusts that the JSON is valid.
type walker struct {
	rest   []byte
	object bool
	// key is raw, without its quotes; value is raw.
	key, value []byte
}

// walk starts in front of the first member; a value that is neither object nor
// array has none.
func walk(data []byte) walker {
	data = bytes.Trim(data, " \t\r\n")
	if len(data) < 2 || data[0] != '{' && data[0] != '[' {
		return walker{}
	}
	return walker{rest: data[1 : len(data)-1], object: data[0] == '{'}
}

func (w *walker) next() bool {
	w.rest = bytes.TrimLeft(w.rest, " \t\r\n,")
	if len(w.rest) == 0 {
		return false
	}
	if w.object {
		end := valueEnd(w.rest)
		w.key = w.rest[1 : end-1]
		w.rest = bytes.TrimLeft(w.rest[end:], " \t\r\n:")
	}
	end := valueEnd(w.rest)
	w.value, w.rest = w.rest[:end], w.rest[end:]
	return true
}

// valueEnd finds the end of the value that data begins with.
func valueEnd(data []byte) int {
	switch data[0] {
	case '"':
		return stringEnd(data)
	case '{', '[':
		depth := 0
		for i := 0; i < len(data); i++ {
			switch data[i] {
			case '"':
				i += stringEnd(data[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(data)
	}
	if end := bytes.IndexAny(data, " \t\r\n,"); end >= 0 {
		return end
	}
	return len(data)
}

// stringEnd finds the end of the string that data begins with.
func stringEnd(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// finishOf translates a finish_reason. ok is false for those that say that the
// engine gave up (SGLang: abort). TGI, and servers translated from other
// protocols, use words of their own; unknown ones are passed on as they are.
func finishOf(reason string) (f models.Finish, ok bool) {
	switch reason {
	case "error", "abort":
		return "", false
	case "eos", "eos_token", "stop_sequence", "end_turn":
		return models.FinishStop, true
	case "max_tokens":
		return models.FinishLength, true
	case "function_call":
		return models.FinishToolCalls, true
	default:
		return models.Finish(bounded(reason)), true
	}
}
