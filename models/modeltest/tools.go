package modeltest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models"
)

// wireCalls are the calls of an assistant's message.
type wireCalls []struct {
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

func (w wireCalls) calls() []models.ToolCall {
	var calls []models.ToolCall
	for _, c := range w {
		calls = append(calls, models.ToolCall{ID: c.ID, Name: c.Function.Name, Arguments: json.RawMessage(c.Function.Arguments)})
	}
	return calls
}

// Offers tells whether tools are offered that may be called.
func (c Chat) Offers() bool {
	return len(c.tools) > 0 && string(c.tools) != "null" && c.ToolChoice != models.ToolNone
}

// ask makes the answer one that asks for tools, where Options.Call wants so.
func (a *answer) ask() {
	call := a.worker.o.Call
	if call == nil || !a.chat.Offers() {
		return
	}
	text, calls := call(a.chat)
	if len(calls) == 0 {
		return
	}
	a.tokens, a.calls, a.finish = split(text, a.worker.o.Chunk), calls, "tool_calls"
}

// sendCalls sends the calls in the kind's spelling, which openaichat's reader of calls tells
// of: most servers send id and name first and the arguments in pieces, SGLang repeats the
// fields with null, Ollama sends a call whole and numbers all of them 0.
func (a *answer) sendCalls() {
	for i, c := range a.calls {
		id, name, args := quote(c.ID), quote(c.Name), string(c.Arguments)
		piece := func(text string) { a.event(`{"tool_calls":[`+text+`]}`, "", "") }
		switch a.worker.o.Kind {
		case models.KindOllama:
			piece(fmt.Sprintf(`{"id":%s,"index":0,"type":"function","function":{"name":%s,"arguments":%s}}`, id, name, quote(args)))
			continue
		case models.KindSGLang:
			piece(fmt.Sprintf(`{"id":%s,"index":%d,"type":"function","function":{"name":%s,"arguments":""}}`, id, i, name))
			for _, part := range split(args, 7) {
				piece(fmt.Sprintf(`{"id":null,"index":%d,"type":"function","function":{"name":null,"arguments":%s}}`, i, quote(part)))
			}
			continue
		}
		piece(fmt.Sprintf(`{"index":%d,"id":%s,"type":"function","function":{"name":%s,"arguments":""}}`, i, id, name))
		for _, part := range split(args, 7) {
			piece(fmt.Sprintf(`{"index":%d,"function":{"arguments":%s}}`, i, quote(part)))
		}
	}
}

// wholeCalls are the calls of an answer that comes at once.
func (a *answer) wholeCalls() string {
	if len(a.calls) == 0 {
		return ""
	}
	var all []string
	for _, c := range a.calls {
		all = append(all, fmt.Sprintf(`{"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}`, quote(c.ID), quote(c.Name), quote(string(c.Arguments))))
	}
	return `,"tool_calls":[` + strings.Join(all, ",") + `]`
}

// asksForTools has the model call two tools at once, in the spelling of each kind, and sends
// back what they gave.
func (h Harness) asksForTools(t *testing.T) {
	want := []models.ToolCall{
		{ID: "callaaaa1", Name: "rain", Arguments: json.RawMessage(`{"city":"Bad Ischl \"x\"","n":1}`)},
		{ID: "callaaaa2", Name: "now", Arguments: json.RawMessage(`{}`)},
	}
	for _, kind := range []models.Kind{"", models.KindVLLM, models.KindSGLang, models.KindLlamaCPP, models.KindOllama} {
		for name, faults := range map[string][]Fault{"stream": nil, "at once": {{Kind: Plain}}} {
			t.Run(string(kind)+" "+name, func(t *testing.T) {
				w, c := h.start(t, Options{Kind: kind, Faults: faults, Call: func(c Chat) (string, []models.ToolCall) {
					if c.Messages[len(c.Messages)-1].Role == models.ToolResult {
						return "", nil
					}
					return "Let me look.", want
				}})
				r := Ask("weather?")
				r.Tools = []models.Tool{{Name: "now"}, {Name: "rain", Parameters: json.RawMessage(`{"type":"object"}`)}}
				got := Collect(t, t.Context(), c, r)
				if got.Err != nil || got.Text != "Let me look." || got.Last.Finish != models.FinishToolCalls || !reflect.DeepEqual(got.Last.Calls, want) {
					t.Fatalf("%+v", got)
				}
				r.Messages = append(r.Messages, models.Message{Role: models.Assistant, Text: got.Text, Calls: got.Last.Calls},
					models.Message{Role: models.ToolResult, CallID: want[0].ID, Text: "wet"}, models.Message{Role: models.ToolResult, CallID: want[1].ID, Text: "noon"})
				got = Collect(t, t.Context(), c, r)
				if got.Err != nil || got.Text != "[1] weather?" || !reflect.DeepEqual(w.Last().Messages, r.Messages) {
					t.Errorf("%+v to %+v", got, w.Last().Messages)
				}
				r.Messages, r.ToolChoice = r.Messages[:1], models.ToolNone
				if got := Collect(t, t.Context(), c, r); got.Err != nil || len(got.Last.Calls) > 0 || w.Last().ToolChoice != models.ToolNone {
					t.Errorf("without a choice: %+v", got)
				}
			})
		}
	}
}
