package openaiapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-hub/parley/models"
)

const gif = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

// with is a good request with more members.
func with(more string) string { return `{"messages":[{"role":"user","content":"hi"}],` + more + `}` }

// of is a request of these messages.
func of(messages string) string { return `{"messages":[` + messages + `]}` }

func TestChatMistakes(t *testing.T) {
	image := func(url string) string {
		return of(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + url + `"}}]}`)
	}
	tool := `"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]`
	for _, c := range []struct{ name, body, param, code string }{
		{"no JSON", `{"messages":`, "", ""},
		{"a list", `[]`, "", codeType},
		{"null", `null`, "messages", codeMissing},
		{"no messages", `{}`, "messages", codeMissing},
		{"empty messages", of(``), "messages", codeMissing},
		{"messages' type", `{"messages":"hi"}`, "messages", codeType},
		{"message's type", of(`"hi"`), "messages[0]", codeType},
		{"null message", of(`null`), "messages[0]", codeType},
		{"too many messages", of(strings.Repeat(`{"role":"user","content":"x"},`, maxMessages) + `{"role":"user","content":"x"}`), "messages[2048]", codeValue},
		{"no role", of(`{"content":"hi"}`), "messages[0].role", codeMissing},
		{"unknown role", of(`{"role":"user","content":"a"},{"role":"function","content":"hi"}`), "messages[1].role", codeValue},
		{"no content", of(`{"role":"user"}`), "messages[0].content", codeMissing},
		{"content's type", of(`{"role":"user","content":1}`), "messages[0].content", codeType},
		{"unknown part", of(`{"role":"user","content":[{"type":"input_audio"}]}`), "messages[0].content[0].type", codeUnsupported},
		{"null part", of(`{"role":"user","content":[null]}`), "messages[0].content[0]", codeType},
		{"address of an image", image("https://example.org/cat.png"), "messages[0].content[0].image_url.url", codeValue},
		{"file", image("file:///etc/passwd"), "messages[0].content[0].image_url.url", codeValue},
		{"no base64", image("data:image/png;base64,%%%%"), "messages[0].content[0].image_url.url", codeValue},
		{"no image", image("data:image/png;base64,aGVsbG8="), "messages[0].content[0].image_url.url", codeValue},
		{"no url", of(`{"role":"user","content":[{"type":"image_url"}]}`), "messages[0].content[0].image_url.url", codeMissing},
		{"image of an assistant", of(`{"role":"assistant","content":[{"type":"image_url","image_url":{"url":"data:image/gif;base64,` + gif + `"}}]}`), "messages[0].content[0].type", codeValue},
		{"legacy call", of(`{"role":"assistant","function_call":{}}`), "messages[0].function_call", codeUnsupported},
		{"result of nothing", of(`{"role":"user","content":"a"},{"role":"tool","content":"b","tool_call_id":"c"}`), "messages[1].tool_call_id", codeValue},
		{"result without id", of(`{"role":"tool","content":"b"}`), "messages[0].tool_call_id", codeMissing},
		{"call of a user", of(`{"role":"user","content":"","tool_calls":[{"id":"a","function":{"name":"f"}}]}`), "messages[0].tool_calls", codeValue},
		{"call without id", of(`{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}`), "messages[0].tool_calls[0].id", codeMissing},
		{"call without name", of(`{"role":"assistant","tool_calls":[{"id":"a","function":{}}]}`), "messages[0].tool_calls[0].function.name", codeMissing},
		{"arguments' type", of(`{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}`), "messages[0].tool_calls[0].function.arguments", codeType},
		{"arguments no object", of(`{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"[]"}}]}`), "messages[0].tool_calls[0].function.arguments", codeValue},
		{"model's type", with(`"model":1`), "model", codeType},
		{"stream's type", with(`"stream":"true"`), "stream", codeType},
		{"stream options", with(`"stream_options":{"include_usage":1}`), "stream_options.include_usage", codeType},
		{"more answers", with(`"n":2`), "n", codeUnsupported},
		{"n's type", with(`"n":"1"`), "n", codeType},
		{"hot", with(`"temperature":2.1`), "temperature", codeValue},
		{"temperature's type", with(`"temperature":"hot"`), "temperature", codeType},
		{"beyond numbers", with(`"temperature":1e999`), "temperature", codeValue},
		{"top_p", with(`"top_p":-0.1`), "top_p", codeValue},
		{"penalty", with(`"presence_penalty":3`), "presence_penalty", codeValue},
		{"seed", with(`"seed":1.5`), "seed", codeType},
		{"no tokens", with(`"max_tokens":0`), "max_tokens", codeValue},
		{"fewer tokens", with(`"max_completion_tokens":-1`), "max_completion_tokens", codeValue},
		{"stop's type", with(`"stop":[1]`), "stop[0]", codeType},
		{"stop of another type", with(`"stop":{}`), "stop", codeType},
		{"empty stop", with(`"stop":["a",""]`), "stop[1]", codeValue},
		{"many stops", with(`"stop":["a"` + strings.Repeat(`,"a"`, maxStops) + `]`), "stop[16]", codeValue},
		{"logprobs", with(`"logprobs":true`), "logprobs", codeUnsupported},
		{"bias", with(`"logit_bias":{"1":5}`), "logit_bias", codeUnsupported},
		{"speech", with(`"modalities":["text","audio"]`), "modalities[1]", codeUnsupported},
		{"functions", with(`"functions":[{}]`), "functions", codeUnsupported},
		{"tools' type", with(`"tools":{}`), "tools", codeType},
		{"null tool", with(`"tools":[null]`), "tools[0]", codeType},
		{"other tool", with(`"tools":[{"type":"custom","custom":{}}]`), "tools[0].type", codeUnsupported},
		{"no function", with(`"tools":[{"type":"function"}]`), "tools[0].function", codeMissing},
		{"tool's name", with(`"tools":[{"type":"function","function":{"name":"a b"}}]`), "tools[0].function.name", codeValue},
		{"tool twice", with(`"tools":[{"function":{"name":"f"}},{"function":{"name":"f"}}]`), "tools[1].function.name", codeValue},
		{"parameters", with(`"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]`), "tools[0].function.parameters", codeType},
		{"choice without tools", with(`"tool_choice":"required"`), "tool_choice", codeValue},
		{"choice of none such", with(`"tool_choice":{"type":"function","function":{"name":"g"}},` + tool), "tool_choice", codeValue},
		{"choice without name", with(`"tool_choice":{"type":"function","function":{}},` + tool), "tool_choice.function.name", codeMissing},
		{"choice's word", with(`"tool_choice":"maybe",` + tool), "tool_choice", codeValue},
		{"choice's type", with(`"tool_choice":{"type":"allowed_tools","allowed_tools":{}},` + tool), "tool_choice.type", codeUnsupported},
		{"format's type", with(`"response_format":"json"`), "response_format", codeType},
		{"unknown format", with(`"response_format":{"type":"yaml"}`), "response_format.type", codeValue},
		{"format without schema", with(`"response_format":{"type":"json_schema","json_schema":{"name":"a"}}`), "response_format.json_schema.schema", codeMissing},
		{"format's name", with(`"response_format":{"type":"json_schema","json_schema":{"name":"","schema":{}}}`), "response_format.json_schema.name", codeValue},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readChat([]byte(c.body))
			var f *failure
			if !errors.As(err, &f) {
				t.Fatalf("%v", err)
			}
			if f.param != c.param || f.code != c.code || f.status != 400 || f.text == "" {
				t.Errorf("%d %q %q: %s", f.status, f.param, f.code, f.message())
			}
		})
	}
}

func TestChatIsRead(t *testing.T) {
	r, err := readChat([]byte(` {
		"mod\u0065l": "ch\u0061t", "unknown": {"a": ["]", {}], "b": "}\\\""}, "temperature": null, "n": 1, "stop": "END",
		"max_tokens": 5, "max_completion_tokens": 256.0, "parallel_tool_calls": false, "logprobs": false, "modalities": ["text"],
		"tool_choice": "auto", "prompt_cache_key": "p", "stream": true , "stream_options": {"include_usage": true},
		"response_format": {"type": "json_object"}, "top_p": 1e-1, "seed": -7,
		"messages": [
			{"role": "developer", "content": "be brief", "name": "boss"},
			{"content": [{"type": "text", "text": "what is\tthis?"}, {"type": "image_url", "image_url": {"url": "data:image\/gif;base64,` + gif + `", "detail": "low"}}, {"text": "\ud83d\ude00", "type": "text"}], "role": "user", "name": "Ann"},
			{"role": "assistant", "content": null, "tool_calls": [{"type": "function", "id": "c1", "function": {"name": "f", "arguments": ""}}, {"id": "c2", "function": {"name": "g", "arguments": " {\"a\":1} "}}]},
			{"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
			{"role": "tool", "tool_call_id": "c1", "content": ""},
			{"role": "assistant", "content": null, "refusal": "I cannot"},
			{"role": "user", "content": "\u00fc\n` + "\xff" + `"}
		]
	} `))
	if err != nil {
		t.Fatal(err)
	}
	if r.model != "chat" || r.MaxTokens != 256 || !r.single || !r.stream || !r.usage || r.Affinity != "p" || r.Temperature != nil ||
		*r.TopP != 0.1 || *r.Seed != -7 || len(r.Stop) != 1 || r.Format == nil || r.Format.Schema != nil || r.images != 1 {
		t.Errorf("%+v", r)
	}
	data, _ := base64.StdEncoding.DecodeString(gif)
	want := []models.Message{
		{Role: models.System, Text: "be brief"},
		{Role: models.User, Name: "Ann", Text: "what is\tthis?\n\U0001F600", Images: []models.Image{{MIME: "image/gif", Data: data}}},
		{Role: models.Assistant, Calls: []models.ToolCall{
			{ID: "c1", Name: "f", Arguments: json.RawMessage(`{}`)}, {ID: "c2", Name: "g", Arguments: json.RawMessage(`{"a":1}`)},
		}},
		{Role: models.ToolResult, CallID: "c2", Text: "two"},
		{Role: models.ToolResult, CallID: "c1"},
		{Role: models.Assistant, Text: "I cannot"},
		{Role: models.User, Text: "ü\n\uFFFD"},
	}
	if got := fmt.Sprintf("%+v", r.Messages); got != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %s\nwant %+v", got, want)
	}
}

func TestEmbedMistakes(t *testing.T) {
	for _, c := range []struct{ body, param, code string }{
		{`{}`, "input", codeMissing},
		{`{"input":[]}`, "input", codeMissing},
		{`{"input":""}`, "input", codeValue},
		{`{"input":["a",""]}`, "input[1]", codeValue},
		{`{"input":[1,2]}`, "input[0]", codeUnsupported},
		{`{"input":[[1,2]]}`, "input[0]", codeUnsupported},
		{`{"input":{}}`, "input", codeType},
		{`{"input":["a"` + strings.Repeat(`,"a"`, maxInputs) + `]}`, "input[2048]", codeValue},
		{`{"input":"a","dimensions":0}`, "dimensions", codeValue},
		{`{"input":"a","encoding_format":"hex"}`, "encoding_format", codeValue},
	} {
		_, err := readEmbed([]byte(c.body))
		var f *failure
		if !errors.As(err, &f) || f.param != c.param || f.code != c.code {
			t.Errorf("%.60s: %v", c.body, err)
		}
	}
}

// FuzzChat: whatever comes is a request within the bounds or a caller's mistake, and
// texts are what encoding/json reads.
func FuzzChat(f *testing.F) {
	for _, seed := range []string{
		`{}`, with(`"stop":["a"],"n":1`), of(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/gif;base64,` + gif + `"}}]}`),
		of(`{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":\"\\\"}\"}"}}]},{"role":"tool","tool_call_id":"a","content":"b"}`),
		with(`"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"`), "{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\\ud800\"}]}",
		with(`"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"a":[1,{}]}}}`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := readChat(body)
		var wrong *failure
		if err != nil {
			if !errors.As(err, &wrong) || wrong.status != 400 || !json.Valid(wrong.append(nil)) {
				t.Fatalf("%v", err)
			}
			return
		}
		if n := len(r.Messages); n == 0 || n > maxMessages || r.images > maxImages || len(r.Tools) > maxTools {
			t.Fatalf("%d messages, %d images, %d tools", n, r.images, len(r.Tools))
		}
		for _, m := range r.Messages {
			if !utf8.ValidString(m.Text) {
				t.Fatalf("%q", m.Text)
			}
			for _, c := range m.Calls {
				if !json.Valid(c.Arguments) {
					t.Fatalf("%q", c.Arguments)
				}
			}
		}
		var plain struct {
			Messages []struct{ Content any }
		}
		if json.Unmarshal(body, &plain) != nil || len(plain.Messages) != len(r.Messages) {
			return // repeated or oddly written names
		}
		for i, m := range plain.Messages {
			if text, ok := m.Content.(string); ok && text != r.Messages[i].Text && strings.Count(string(body), "ontent") == len(r.Messages) {
				t.Fatalf("%q, want %q", r.Messages[i].Text, text)
			}
		}
	})
}

// FuzzQuoted: a written string is JSON that reads as what it was.
func FuzzQuoted(f *testing.F) {
	for _, seed := range []string{"", "plain", "\"\\\n\x00\x1f\x7f", "ü\u2028\U0001F600", "\xff\xc0a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(appendQuoted(nil, s), &back); err != nil || back != strings.ToValidUTF8(s, "\uFFFD") && utf8.ValidString(s) {
			t.Fatalf("%q: %q, %v", s, back, err)
		}
	})
}

// FuzzValue: values are found where encoding/json finds them.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":[true,"\\\"]"]}`, `[ 1 , {} , [ ] , "x\\" ]`, `""`, ` -1.5e3 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parse(data)
		if err != nil {
			return
		}
		checkValue(t, v)
	})
}

// checkValue compares a value's members and elements with what encoding/json makes of it.
func checkValue(t *testing.T, v value) {
	t.Helper()
	if !json.Valid(v) {
		t.Fatalf("%q is no value", v)
	}
	var list []json.RawMessage
	var object map[string]json.RawMessage
	switch v[0] {
	case '[':
		if err := json.Unmarshal(v, &list); err != nil {
			t.Fatal(err)
		}
		n := 0
		_ = v.list(func(i int, v value) error {
			n++
			if string(v) != string(list[i]) {
				t.Fatalf("element %d is %q, want %q", i, v, list[i])
			}
			checkValue(t, v)
			return nil
		})
		if n != len(list) {
			t.Fatalf("%d elements, want %d", n, len(list))
		}
	case '{':
		if err := json.Unmarshal(v, &object); err != nil {
			t.Fatal(err)
		}
		last := map[string]string{}
		_ = v.object(func(name string, v value) error {
			last[name] = string(v)
			checkValue(t, v)
			return nil
		})
		if len(last) != len(object) {
			t.Fatalf("%d members, want %d", len(last), len(object))
		}
		for name, raw := range object {
			if last[name] != string(raw) {
				t.Fatalf("member %q is %q, want %q", name, last[name], raw)
			}
		}
	}
}
