package openaichat_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// stream makes the events of deltas and of the end.
func stream(finish string, deltas ...string) string {
	var b strings.Builder
	for _, d := range deltas {
		fmt.Fprintf(&b, `data: {"id":"c1","object":"chat.completion.chunk","model":"tiny","choices":[{"index":0,"delta":%s,"finish_reason":null}]}`+"\n\n", d)
	}
	fmt.Fprintf(&b, `data: {"choices":[{"index":0,"delta":{},"finish_reason":%q}]}`+"\n\ndata: [DONE]\n\n", finish)
	return b.String()
}

// TestToolCalls: the forms were seen at the servers named.
func TestToolCalls(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"OpenAI and vLLM", stream(
			"tool_calls",
			`{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"weather","arguments":""}}]}`,
			`{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}`,
			`{"tool_calls":[{"index":0,"function":{"arguments":" \"Köln\"}"}}]}`,
		), `call_a weather {"city": "Köln"}`},
		{"two, interleaved", stream(
			"tool_calls",
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{\"n\""}},{"index":1,"id":"b","function":{"name":"y"}}]}`,
			`{"tool_calls":[{"index":1,"function":{"arguments":"{\"m\":2"}}]}`,
			`{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":"}"}}]}`,
		), `a x {"n":1}, b y {"m":2}`},
		{"no type, empty later names (vLLM 2025)", stream(
			"tool_calls",
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{"}}]}`,
			`{"tool_calls":[{"index":0,"id":"","function":{"name":"","arguments":"}"}}]}`,
		), `a x {}`},
		{"the name each time", stream(
			"tool_calls",
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{"}}]}`,
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"}"}}]}`,
		), `a x {}`},
		{"id empty (llama.cpp 2025)", stream("tool_calls", `{"tool_calls":[{"index":0,"id":"","function":{"name":"x","arguments":"{}"}}]}`), `* x {}`},
		{"no id, null arguments", stream("tool_calls", `{"tool_calls":[{"index":0,"function":{"name":"x","arguments":null}}]}`), `* x {}`},
		{"whole, all with index 0 (Ollama)", stream(
			"tool_calls",
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{\"n\":1}"}}]}`,
			`{"tool_calls":[{"index":0,"id":"b","function":{"name":"x","arguments":"{\"n\":2}"}}]}`,
		), `a x {"n":1}, b x {"n":2}`},
		{"whole, no index, no id", stream(
			"stop",
			`{"tool_calls":[{"function":{"name":"x","arguments":"{\"n\":1}"}},{"function":{"name":"y","arguments":"{\"n\":2}"}}]}`,
		), `* x {"n":1}, * y {"n":2}`},
		{"the same id twice", stream(
			"tool_calls",
			`{"tool_calls":[{"index":0,"id":"a","function":{"name":"x"}},{"index":1,"id":"a","function":{"name":"y"}}]}`,
		), `a x {}, * y {}`},
		{"arguments as an object", stream("tool_calls", `{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":{"n":[1,"}"]}}}]}`), `a x {"n":[1,"}"]}`},
		{"finish is stop (vLLM, a named tool)", stream("stop", `{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{}"}}]}`), `a x {}`},
		{"function_call of 2023", stream(
			"function_call", `{"function_call":{"name":"x","arguments":"{"}}`, `{"function_call":{"arguments":"}"}}`,
		), `* x {}`},
		{"a whole answer", `{"object":"chat.completion","choices":[{"message":{"content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"x","arguments":"{}"}},` +
			`{"id":"b","type":"function","function":{"name":"y","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`, `a x {}, b y {}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cannedText(test.body)
			res := modeltest.Collect(t, t.Context(), c.client(t), modeltest.Ask("hi"))
			var got []string
			seen := map[string]bool{}
			for i, call := range res.Last.Calls {
				if call.ID == "" || seen[call.ID] {
					t.Errorf("the id %q is empty or there twice", call.ID)
				}
				seen[call.ID] = true
				id := call.ID
				if wants := strings.Split(test.want, ", "); i < len(wants) && strings.HasPrefix(wants[i], "* ") {
					id = "*"
				}
				got = append(got, fmt.Sprintf("%s %s %s", id, call.Name, call.Arguments))
			}
			if strings.Join(got, ", ") != test.want || res.Last.Finish != models.FinishToolCalls {
				t.Errorf("got %q, %q, %v; want %q", got, res.Last.Finish, res.Err, test.want)
			}
			if strings.HasPrefix(test.name, "two,") {
				splits(t, test.name, c)
			}
		})
	}
}

func TestBadToolCalls(t *testing.T) {
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":"i%d","function":{"name":"x"}}]}`, i, i)
	}
	long := make([]string, 40)
	for i := range long {
		long[i] = `{"tool_calls":[{"index":0,"function":{"name":"x","arguments":"` + strings.Repeat("x", 32<<10) + `"}}]}`
	}
	for name, body := range map[string]string{
		"cut off":    stream("tool_calls", `{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{\"n\":"}}]}`),
		"two values": stream("tool_calls", `{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{} {}"}}]}`),
		"a list":     stream("tool_calls", `{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"[1]"}}]}`),
		"words":      stream("stop", `{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"sure!"}}]}`),
		"no name":    stream("tool_calls", `{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}`),
		"none":       stream("tool_calls", `{"content":"hm"}`),
		"too many":   stream("tool_calls", many...),
		"too long":   stream("tool_calls", long...),
	} {
		t.Run(name, func(t *testing.T) {
			err := modeltest.Collect(t, t.Context(), cannedText(body).client(t), modeltest.Ask("hi")).Err
			if !errors.Is(err, models.ErrBadCall) || fault.ClassOf(err) != fault.Retryable || models.Blame(err) != models.BlameNobody {
				t.Errorf("class %v, to blame %v: %v", fault.ClassOf(err), models.Blame(err), err)
			}
		})
	}
	t.Run("cut by its length", func(t *testing.T) {
		body := stream("length", `{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{\"n\":"}}]}`)
		res := modeltest.Collect(t, t.Context(), cannedText(body).client(t), modeltest.Ask("hi"))
		if res.Err != nil || res.Last.Finish != models.FinishLength || res.Last.Calls != nil {
			t.Errorf("%+v, %v", res.Last, res.Err)
		}
	})
}
