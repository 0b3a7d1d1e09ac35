package openaiapi

import (
	"strconv"

	"github.com/parley-hub/parley/models"
)

// frame is what stands around an answer's words: the same in each piece, so it is made
// once.
type frame struct {
	head []byte
	// usage is true when an event with the tokens will follow: until then each says null.
	usage bool
}

func (c *call) frame(object string) *frame {
	b := append([]byte(`{"id":"chatcmpl-`), c.id...)
	b = append(append(append(b, `","object":"`...), object...), `","created":`...)
	b = strconv.AppendInt(b, c.began.Unix(), 10)
	b = appendQuoted(append(b, `,"model":`...), c.model)
	return &frame{head: append(b, `,"choices":[`...)}
}

// message writes a whole answer, up to the end of its choices.
func (f *frame) message(b []byte, text string, calls []models.ToolCall, finish models.Finish) []byte {
	b = append(append(b, f.head...), `{"index":0,"message":{"role":"assistant","content":`...)
	if text == "" && len(calls) > 0 {
		b = append(b, "null"...)
	} else {
		b = appendQuoted(b, text)
	}
	b = append(b, `,"refusal":null`...)
	if len(calls) > 0 {
		b = append(b, `,"tool_calls":[`...)
		for i, call := range calls {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendCall(append(b, '{'), call, string(call.Arguments)), '}')
		}
		b = append(b, ']')
	}
	b = appendQuoted(append(b, `},"logprobs":null,"finish_reason":`...), string(finish))
	return append(b, "}]"...)
}

// appendCall writes what is between the braces of a call.
func appendCall(b []byte, call models.ToolCall, arguments string) []byte {
	b = appendQuoted(append(b, `"id":`...), call.ID)
	b = appendQuoted(append(b, `,"type":"function","function":{"name":`...), call.Name)
	b = appendQuoted(append(b, `,"arguments":`...), arguments)
	return append(b, '}')
}

// open begins an event up to its delta, shut ends it behind.
func (f *frame) open(b []byte) []byte {
	return append(append(append(b, "data: "...), f.head...), `{"index":0,"delta":`...)
}

func (f *frame) shut(b []byte, finish models.Finish) []byte {
	b = appendNullable(append(b, `,"logprobs":null,"finish_reason":`...), string(finish))
	b = append(b, "}]"...)
	if f.usage {
		b = append(b, `,"usage":null`...)
	}
	return append(b, "}\n\n"...)
}

func (f *frame) role(b []byte) []byte {
	return f.shut(append(f.open(b), `{"role":"assistant","content":"","refusal":null}`...), "")
}

func (f *frame) words(b []byte, text string) []byte {
	b = append(appendQuoted(append(f.open(b), `{"content":`...), text), '}')
	return f.shut(b, "")
}

// end writes the calls, the finish, the usage if it was asked for and is known, and the
// mark of a complete stream. A call comes as clients know it: its name first, then its
// arguments.
func (f *frame) end(b []byte, calls []models.ToolCall, finish models.Finish, usage *models.Usage) []byte {
	for i, call := range calls {
		b = strconv.AppendInt(append(f.open(b), `{"tool_calls":[{"index":`...), int64(i), 10)
		b = f.shut(append(appendCall(append(b, ','), call, ""), "}]}"...), "")
		b = strconv.AppendInt(append(f.open(b), `{"tool_calls":[{"index":`...), int64(i), 10)
		b = appendQuoted(append(b, `,"function":{"arguments":`...), string(call.Arguments))
		b = f.shut(append(b, "}}]}"...), "")
	}
	b = f.shut(append(f.open(b), "{}"...), finish)
	if f.usage && usage != nil {
		b = append(append(append(b, "data: "...), f.head...), `],"usage":`...)
		b = append(appendUsage(b, *usage), "}\n\n"...)
	}
	return append(b, "data: [DONE]\n\n"...)
}

func appendUsage(b []byte, u models.Usage) []byte {
	b = strconv.AppendInt(append(b, `{"prompt_tokens":`...), int64(u.Prompt), 10)
	b = strconv.AppendInt(append(b, `,"completion_tokens":`...), int64(u.Completion), 10)
	b = strconv.AppendInt(append(b, `,"total_tokens":`...), int64(u.Prompt+u.Completion), 10)
	b = strconv.AppendInt(append(b, `,"prompt_tokens_details":{"cached_tokens":`...), int64(u.Cached), 10)
	return append(b, "}}"...)
}
