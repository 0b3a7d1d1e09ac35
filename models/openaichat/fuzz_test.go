package openaichat

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/models"
)

// FuzzToolCalls: whatever the pieces are, what comes out is calls (a name, an id of its
// own, an object) or ErrBadCall.
func FuzzToolCalls(f *testing.F) {
	for _, seed := range [][2]string{
		{`[{"index":0,"id":"a","type":"function","function":{"name":"x","arguments":""}}]`, `[{"index":0,"function":{"arguments":"{\"n\":1}"}}]`},
		{`[{"function":{"name":"x","arguments":"{}"}},{"function":{"name":"y","arguments":{}}}]`, `[{"index":9,"id":7}]`},
		{`{"name":"x","arguments":"{"}`, `{"arguments":"}"}`}, {`[[]]`, `"x"`}, {`[{"index":1e9,"function":[]}]`, `7`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		var tools toolCalls
		var c chunk
		for _, piece := range []string{first, second, first} {
			// The pieces go the whole way, so that only values that a stream can bring come.
			if c.decode([]byte(`{"choices":[{"delta":{"tool_calls":`+piece+`}}]}`)) == nil && c.calls != nil {
				tools.add(c.calls)
			}
		}
		calls, err := tools.finish()
		if err != nil {
			if !errors.Is(err, models.ErrBadCall) {
				t.Fatal(err)
			}
			return
		}
		seen := map[string]bool{}
		for _, call := range calls {
			var object map[string]any
			if call.Name == "" || call.ID == "" || seen[call.ID] || json.Unmarshal(call.Arguments, &object) != nil {
				t.Fatalf("%+v", call)
			}
			seen[call.ID] = true
		}
	})
}

// TestToolCallsDoNotDependOnPieces draws calls, cuts their arguments anywhere and lets
// the pieces interleave.
func TestToolCallsDoNotDependOnPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringN(0, 12, -1), 1, 4).Draw(t, "texts")
		rest := make([][]rune, len(texts))
		var want []string
		var tools toolCalls
		for i, text := range texts {
			args, err := json.Marshal(map[string]string{"text": text})
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("id%d tool%d %s", i, i, args))
			rest[i] = []rune(string(args))
			tools.add(fmt.Appendf(nil, `[{"index":%d,"id":"id%d","type":"function","function":{"name":"tool%d","arguments":""}}]`, i, i, i))
		}
		for left := len(rest); left > 0; {
			i := rapid.IntRange(0, len(rest)-1).Draw(t, "call")
			n := min(rapid.IntRange(1, 5).Draw(t, "runes"), len(rest[i]))
			if n == 0 {
				continue
			}
			piece, err := json.Marshal(string(rest[i][:n]))
			if err != nil {
				t.Fatal(err)
			}
			if rest[i] = rest[i][n:]; len(rest[i]) == 0 {
				left--
			}
			tools.add(fmt.Appendf(nil, `[{"index":%d,"function":{"arguments":%s}}]`, i, piece))
		}
		calls, err := tools.finish()
		if err != nil {
			t.Fatal(err)
		}
		for i, call := range calls {
			if got := fmt.Sprintf("%s %s %s", call.ID, call.Name, call.Arguments); got != want[i] {
				t.Fatalf("got %s, want %s", got, want[i])
			}
		}
	})
}

// FuzzLoad: whatever a page holds, a known gauge makes sense.
func FuzzLoad(f *testing.F) {
	f.Add("vllm:num_requests_running{engine=\"0\"} 3\nvllm:kv_cache_usage_perc 0.5\n")
	f.Add("vllm:num_requests_waiting{a=\"}\\\"\"} NaN 7\nvllm:gpu_cache_usage_perc{} 1e999")
	f.Add("# x\n\nvllm:prefix_cache_hits -1\n{")
	f.Fuzz(func(t *testing.T, page string) {
		load, err := readLoad(strings.NewReader(page), gauges[models.KindVLLM])
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range []models.Gauge{load.Running, load.Waiting, load.Cache, load.CacheQueries, load.CacheHits} {
			most := []float64{maxRequests, maxRequests, 1, math.MaxFloat64, math.MaxFloat64}[i]
			if !(g.Value >= 0 && g.Value <= most) || !g.Known && g.Value != 0 {
				t.Fatalf("%+v", load)
			}
		}
	})
}

// FuzzList: no list panics, and each model is found by its own id.
func FuzzList(f *testing.F) {
	f.Add(`{"object":"list","data":[{"id":"a/b:latest","aliases":["x"],"root":"/r","meta":null}]}`, "x")
	f.Add(`{"object":"list","data":null}`, "")
	f.Add(`{"object":"list","data":[{"id":"..\\x.gguf"},{"id":"/"}]}`, "/")
	f.Fuzz(func(t *testing.T, body, said string) {
		list, err := readList(strings.NewReader(body))
		if err != nil {
			return
		}
		c := Client{given: models.KindVLLM}
		c.remember(list, "")
		for _, m := range list.Data {
			if list.find(m.ID) == nil || c.another(m.ID, m.ID) {
				t.Fatalf("%q is not itself", m.ID)
			}
			c.another(m.ID, said)
			c.another(said, m.ID)
		}
	})
}

// FuzzRunes: what is joined does not depend on where the bytes were cut.
func FuzzRunes(f *testing.F) {
	f.Add("a🙂b", 2)
	f.Add("\xf0\x9f\x99\xff\x80", 3)
	f.Fuzz(func(t *testing.T, text string, at int) {
		at = abs(at) % (len(text) + 1)
		join := func(pieces ...string) string {
			var j runeJoiner
			var b strings.Builder
			for _, p := range pieces {
				b.WriteString(j.add(p))
			}
			return b.String() + j.rest()
		}
		valid := strings.ToValidUTF8(text, "")
		if got := join(text[:at], text[at:]); strings.ReplaceAll(got, "\uFFFD", "") != strings.ReplaceAll(valid, "\uFFFD", "") {
			t.Fatalf("%q cut at %d: %q", text, at, got)
		}
	})
}

func FuzzSeconds(f *testing.F) {
	f.Add(`"12.5"`)
	f.Add(`-1`)
	f.Add(`1e999`)
	f.Fuzz(func(t *testing.T, raw string) {
		if s := seconds(json.RawMessage(raw)); !(s >= 0 && s < maxSeconds) {
			t.Fatal(strconv.FormatFloat(s, 'g', -1, 64))
		}
	})
}

// FuzzText reads strings as encoding/json does.
func FuzzText(f *testing.F) {
	for _, seed := range []string{`a\n\"\\\/\b\f\r\t`, `\u4e16\ud83d\ude42`, `\ud83d`, `\ud83dx`, `\ud83d\u0041`, `\ude42\ud83d`, `é\u00E9`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, inner string) {
		var want string
		if json.Unmarshal([]byte(`"`+inner+`"`), &want) != nil || strings.ContainsRune(strings.ToValidUTF8(inner, "\uFFFD"), '\uFFFD') {
			return
		}
		if got := textOf([]byte(`"` + inner + `"`)); got != want {
			t.Fatalf("%q: got %q, want %q", inner, got, want)
		}
	})
}

// FuzzAlike: what a piece says does not depend on the piece before it, but for what is
// kept on purpose.
func FuzzAlike(f *testing.F) {
	const frame = `{"object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}`
	first := fmt.Sprintf(frame, "a")
	for _, second := range []string{
		fmt.Sprintf(frame, "b"), fmt.Sprintf(frame, ""), fmt.Sprintf(frame, `\n\u00e9`), fmt.Sprintf(frame, `\x`), fmt.Sprintf(frame, `\`),
		fmt.Sprintf(frame, `\u12`), fmt.Sprintf(frame, "\n"), fmt.Sprintf(frame, `","finish_reason":"stop","x":"`), strings.Replace(first, "null", `"stop"`, 1),
		strings.Replace(first, `"a"`, "null", 1), `{}`, "x",
	} {
		f.Add(first, second)
	}
	f.Add(`{"choices":[{"delta":{"content":"a","reasoning":"b"}}]}`, `{"choices":[{"delta":{"content":"","reasoning":"b"}}]}`)
	f.Add(`{"choices":[{"delta":{"content":["a"],"refusal":"b"}},{"delta":{"content":"c"}}]}`, `{"choices":[{"delta":{"content":["a"],"refusal":"b"}},{"delta":{"content":"d"}}]}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		var c chunk
		if c.decode([]byte(first)) != nil {
			return
		}
		fresh := chunk{object: c.object, model: c.model}
		err, want := c.decode([]byte(second)), fresh.decode([]byte(second))
		if (err == nil) != (want == nil) {
			t.Fatalf("%v, alone %v", err, want)
		}
		if err != nil {
			return
		}
		if c.words != fresh.words || c.finish != fresh.finish || c.generated != fresh.generated || c.failed != fresh.failed ||
			(c.usage == nil) != (fresh.usage == nil) || string(c.calls) != string(fresh.calls) || c.object != fresh.object || c.model != fresh.model {
			t.Fatalf("%+v, alone %+v", c, fresh)
		}
	})
}
