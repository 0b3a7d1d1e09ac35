package openaichat_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

// stream67 is a stream of 67 chunks as vLLM sends it: role, 64 tokens, finish, usage.
func stream67() string {
	const chunk = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795198106,"model":"tiny","system_fingerprint":"b0","choices":[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}],"usage":null}` + "\n\n"
	var b strings.Builder
	fmt.Fprintf(&b, chunk, `{"role":"assistant","content":""}`, "null")
	for range 64 {
		fmt.Fprintf(&b, chunk, `{"content":" token"}`, "null")
	}
	fmt.Fprintf(&b, chunk, `{}`, `"stop"`)
	b.WriteString(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":30,"completion_tokens":64}}` + "\n\ndata: [DONE]\n\n")
	return b.String()
}

// BenchmarkRelay measures the client alone; allocations are per stream of 67 chunks.
func BenchmarkRelay(b *testing.B) {
	c := cannedText(stream67()).client(b)
	r := modeltest.Ask("hello")
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range c.Chat(b.Context(), r) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestRelayAllocates holds the bar of three allocations for each piece of a stream, the
// answer's own share included.
func TestRelayAllocates(t *testing.T) {
	c := cannedText(stream67()).client(t)
	r := modeltest.Ask("hello")
	perStream := testing.AllocsPerRun(20, func() {
		for _, err := range c.Chat(t.Context(), r) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if perStream > 3*67 {
		t.Errorf("%v allocations for 67 pieces", perStream)
	}
}

// BenchmarkLoopback measures the way over HTTP to the fake worker and back.
func BenchmarkLoopback(b *testing.B) {
	w := modeltest.Start(b, modeltest.Options{})
	transport := &http.Transport{}
	b.Cleanup(transport.CloseIdleConnections)
	c, err := openaichat.New(openaichat.Options{Base: w.Base(), HTTP: &http.Client{Transport: transport}})
	if err != nil {
		b.Fatal(err)
	}
	r := modeltest.Ask(strings.TrimSpace(strings.Repeat("token ", 63)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range c.Chat(b.Context(), r) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkTool relays a call whose arguments come in 64 pieces, as vLLM sends them.
func BenchmarkTool(b *testing.B) {
	deltas := []string{`{"role":"assistant","tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"x","arguments":"{\"text\":\""}}]}`}
	for range 64 {
		deltas = append(deltas, `{"tool_calls":[{"index":0,"function":{"arguments":"word\\n "}}]}`)
	}
	c := cannedText(stream("tool_calls", append(deltas, `{"tool_calls":[{"index":0,"function":{"arguments":"\"}"}}]}`)...)).client(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range c.Chat(b.Context(), modeltest.Ask("hello")) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
