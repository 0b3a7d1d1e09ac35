package openaichat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// readEvents gives all events and the error that ended them.
func readEvents(r io.Reader, maxLine int) (events []string, err error) {
	s := newSSEReader(bufio.NewReaderSize(r, 16), maxLine)
	for {
		e, err := s.next()
		if err != nil {
			return events, err
		}
		events = append(events, string(e.data))
	}
}

// FuzzSSE: what comes out does not depend on how the bytes arrive, every event
// keeps the bound, and an error is final.
func FuzzSSE(f *testing.F) {
	for _, seed := range []string{
		"data: {}\n\n", "data:{}\r\n\r\n", ": c\n\nevent: error\ndata: x\n\n", "data: {\ndata: }\n\n", "data: 1\ndata: 2\n",
		"{\"a\":1}\n", "data", "data:\n\n", "\n\n\ndata: [DONE]", "datax: 1\n\n", "data: " + strings.Repeat("x", 100) + "\n\n",
	} {
		f.Add(seed, 64)
	}
	f.Fuzz(func(t *testing.T, body string, maxLine int) {
		maxLine = 1 + abs(maxLine)%256
		whole, err := readEvents(strings.NewReader(body), maxLine)
		if err == nil {
			t.Fatal("the stream has no end")
		}
		pieces, pieceErr := readEvents(iotest.OneByteReader(strings.NewReader(body)), maxLine)
		if strings.Join(whole, "\x00") != strings.Join(pieces, "\x00") || !errors.Is(pieceErr, err) {
			t.Fatalf("in one: %q %v, in bytes: %q %v", whole, err, pieces, pieceErr)
		}
		for _, e := range whole {
			if len(e) > maxLine+1 {
				t.Fatalf("an event of %d bytes, %d are allowed", len(e), maxLine)
			}
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

// FuzzChunk: no chunk panics, and a chunk leaves nothing behind in the next one.
func FuzzChunk(f *testing.F) {
	for _, seed := range []string{
		`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}`,
		`{"choices":null,"error":null}`, `{"choices":[{"delta":{"content":[{"type":"text","text":"a"}]}}]}`, `[]`, `{"model":7}`,
		`{"choices":[{"index":0,"delta":{"content":"\u4e16\n}]{[,:"},"finish_reason":"stop"}]}`, ` { "choices" : [ { "index" : 0 , "delta" : { } } ] } `,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var c chunk
		if err := c.decode([]byte(body)); (err == nil) != json.Valid([]byte(body)) {
			t.Fatalf("decode says %v", err)
		}
		want := slowly([]byte(body))
		if want != nil && (c.words != want.words || c.finish != want.finish) {
			t.Fatalf("got %q, %q; encoding/json reads %q, %q", c.words, c.finish, want.words, want.finish)
		}
		if err := c.decode([]byte(`{"object":"","choices":[{"index":0}]}`)); err != nil {
			t.Fatal(err)
		}
		if c.words != "" || c.finish != "" || c.generated || c.failed || c.usage != nil || c.calls != nil {
			t.Fatalf("something was left behind: %+v", c)
		}
	})
}

// slowly reads what the protocol promises with encoding/json; nil when the body is
// not of that form. Keys in another case or given twice are no promise.
func slowly(body []byte) *chunk {
	var form struct {
		Choices []struct {
			Index int `json:"index"`
			Delta struct {
				Content string `json:"content"`
			} `json:"delta"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
	}
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if strict.Decode(&form) != nil || len(form.Choices) != 1 || form.Choices[0].Index != 0 {
		return nil
	}
	again, err := json.Marshal(form)
	if err != nil {
		return nil
	}
	var plain bytes.Buffer
	if json.Compact(&plain, body) != nil || plain.String() != string(again) {
		return nil
	}
	return &chunk{words: form.Choices[0].Delta.Content, finish: form.Choices[0].FinishReason}
}

func FuzzExplain(f *testing.F) {
	f.Add(`{"error":{"message":"a","code":7}}`)
	f.Add(`{"error":"a","error_type":"b"}`)
	f.Add("<html>")
	f.Fuzz(func(t *testing.T, body string) {
		r := explain([]byte(body))
		overflows(r.words, r.kind)
		if r.code != 0 && (r.code < 400 || r.code > 599) {
			t.Fatalf("%d is no status", r.code)
		}
		if got := bounded(r.words); len(got) > maxErrorText+3 || strings.ContainsAny(got, "\n\r\x00\x1b") {
			t.Fatalf("not fit for a log: %q", got)
		}
	})
}

func filterAll(pieces ...string) string {
	var f thinkFilter
	var out strings.Builder
	for _, p := range pieces {
		out.WriteString(f.add(p))
	}
	out.WriteString(f.rest())
	return out.String()
}

func TestThinkFilter(t *testing.T) {
	for in, want := range map[string]string{
		"hello":                            "hello",
		"  hello":                          "  hello",
		"":                                 "",
		"<think>hm</think>\n\nhello":       "hello",
		"\n<think></think>hello":           "hello",
		"<think>a</thinker></think>hello":  "hello",
		"hello <think>x</think>":           "hello <think>x</think>",
		"<think>hm":                        "",
		"<thin":                            "<thin",
		"<thinker>":                        "<thinker>",
		"<think>a</think><think>b</think>": "<think>b</think>",
	} {
		if got := filterAll(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestThinkFilterDoesNotDependOnPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"<think>", "</think>", "<", "thi", "nk>", "/", " ", "\n", "a", "世"})).Draw(t, "parts")
		whole := filterAll(strings.Join(parts, ""))
		if got := filterAll(parts...); got != whole {
			t.Fatalf("%q: in pieces %q, in one %q", parts, got, whole)
		}
		if got := filterAll(strings.Split(strings.Join(parts, ""), "")...); got != whole {
			t.Fatalf("%q: in runes %q, in one %q", parts, got, whole)
		}
	})
}
