package crash

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// ledger is what tools did, as they said it themselves, and what the hub knows of it: all
// from outside of the hub.
type ledger struct {
	mu sync.Mutex
	// done counts how often each call was done, recorded tells which the hub has a result of.
	done     map[string]int
	recorded map[string]bool
	// again are calls that were done again although they were recorded, doubt those that were
	// and were not.
	again, doubt []string
	// made up are results that were told and never done.
	madeUp []string
	total  int
}

func newLedger() *ledger { return &ledger{done: map[string]int{}, recorded: map[string]bool{}} }

// ServeHTTP takes a line of a tool that did something.
func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var line struct{ Call string }
	if err := json.NewDecoder(r.Body).Decode(&line); err != nil || line.Call == "" {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if l.done[line.Call]++; l.done[line.Call] > 1 {
		if l.recorded[line.Call] {
			l.again = append(l.again, line.Call)
		} else {
			l.doubt = append(l.doubt, line.Call)
		}
	}
}

// record says that the hub has the results of calls.
func (l *ledger) record(calls ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range calls {
		if l.recorded[c] = true; l.done[c] == 0 {
			l.madeUp = append(l.madeUp, c)
		}
	}
}

// kinds of messages, by what the model does with them.
const (
	kindTalk  = "talk"
	kindOne   = "one"   // one call
	kindMany  = "many"  // three at a time
	kindSteps = "steps" // two, one after the other
	kindRisk  = "risk"  // one that must be confirmed
	kindAsk   = "ask"   // one that asks back
)

var kindsOfMessages = []string{kindTalk, kindOne, kindMany, kindSteps, kindRisk, kindAsk}

// failedWord ends an answer for which a tool failed: its program was killed in both of the
// runs that the hub gives a call.
const failedWord = " (failed)"

// caller is a model that calls what the message says, and answers when that is done.
type caller struct{ ledger *ledger }

type wireMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	Calls   json.RawMessage `json:"tool_calls"`
}

func (m wireMessage) text() string {
	var text string
	_ = json.Unmarshal(m.Content, &text) // no text is none
	return text
}

var (
	spoken = regexp.MustCompile(`(?m)^(c\d+\.\d+) (\w+)$`)
	result = regexp.MustCompile(`did c\d+\.\d+ +call=(\S+)`)
)

// ServeHTTP speaks as much of OpenAI's protocol as the hub needs.
func (c caller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_, _ = fmt.Fprint(w, `{"object":"list","data":[{"id":"fake","object":"model"}]}`)
		return
	}
	var in struct {
		Messages []wireMessage   `json:"messages"`
		Tools    json.RawMessage `json:"tools"`
		Choice   json.RawMessage `json:"tool_choice"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text, calls := c.next(in.Messages)
	if calls != nil && (len(in.Tools) == 0 || string(in.Choice) == `"none"`) {
		text, calls = "no tools were offered", nil
	}
	w.Header().Set("Content-Type", "text/event-stream")
	delta, finish := map[string]any{"role": "assistant", "content": text}, "stop"
	if calls != nil {
		delta, finish = map[string]any{"role": "assistant", "tool_calls": calls}, "tool_calls"
	}
	for _, choice := range []map[string]any{{"index": 0, "delta": delta}, {"index": 0, "delta": map[string]any{}, "finish_reason": finish}} {
		line, _ := json.Marshal(map[string]any{"id": "x", "object": "chat.completion.chunk", "model": "fake", "choices": []any{choice}})
		_, _ = fmt.Fprintf(w, "data: %s\n\n", line)
	}
	_, _ = fmt.Fprint(w, "data: [DONE]\n\n")
}

// next is the answer to the last message, or what is to be called before it.
func (c caller) next(messages []wireMessage) (text string, calls []map[string]any) {
	var words []string
	kind, steps, end := "", 0, ""
	for _, m := range messages {
		for _, found := range result.FindAllStringSubmatch(m.text(), -1) {
			c.ledger.record(found[1])
		}
		switch found := spoken.FindStringSubmatch(m.text()); {
		case m.Role == "user" && found != nil:
			words, kind, steps, end = append(words, found[1]), found[2], 0, ""
		case m.Role == "assistant" && len(m.Calls) > 0:
			steps++
		case m.Role == "tool" && strings.Contains(m.text(), "The tool failed"):
			end = failedWord
		}
	}
	if len(words) == 0 {
		return "nobody said anything", nil
	}
	word, before := words[len(words)-1], "nothing"
	if len(words) > 1 {
		before = words[len(words)-2]
	}
	tools := map[string][]string{
		kindOne: {"do"}, kindMany: {"do", "do", "do"}, kindSteps: {"do"}, kindRisk: {"risk"}, kindAsk: {"ask"},
	}[kind]
	if most := map[string]int{kindTalk: 0, kindSteps: 2}; steps < 1 && kind != kindTalk || steps < most[kind] {
		for i, tool := range tools {
			// Equal calls would be taken for a loop.
			arguments := fmt.Sprintf(`{"word": %q}`, word+strings.Repeat(" ", i+3*steps))
			calls = append(calls, map[string]any{
				"index": i, "id": fmt.Sprintf("call%d%d", steps, i), "type": "function",
				"function": map[string]any{"name": tool, "arguments": arguments},
			})
		}
		return "", calls
	}
	return word + " after " + before + end, nil
}
