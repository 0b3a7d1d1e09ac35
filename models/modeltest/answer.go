package modeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
)

// bigLine is the length of the line that BigLine sends.
const bigLine = 1 << 20

// refuse plays the faults that come instead of an answer.
func (w *Worker) refuse(rw http.ResponseWriter, r *http.Request, s script) bool {
	for _, f := range s {
		switch f.Kind {
		case Reset:
			reset(rw)
		case BlackHole:
			<-r.Context().Done()
		case RateLimited:
			writeRetry(rw, f, http.StatusTooManyRequests, "rate_limit_exceeded", "Rate limit reached")
		case Unavailable:
			writeRetry(rw, f, http.StatusServiceUnavailable, "overloaded", "server busy")
		case Loading:
			if !w.stillLoading(f) {
				continue
			}
			writeError(rw, http.StatusServiceUnavailable, "unavailable_error", "Loading model")
		case ServerError:
			writeError(rw, http.StatusInternalServerError, "server_error", "internal error")
		case BadGateway:
			rw.Header().Set("Content-Type", "text/html")
			rw.WriteHeader(http.StatusBadGateway)
			_, _ = rw.Write([]byte("<html><body>502 Bad Gateway</body></html>"))
		case Unauthorized:
			w.refuseKey(rw, r)
		case BadRequest:
			writeError(rw, http.StatusBadRequest, "invalid_request_error", "bad request")
		case Overflow:
			writeError(rw, http.StatusBadRequest, "context_length_exceeded", "This model's maximum context length is 8 tokens.")
		default:
			continue
		}
		return true
	}
	return false
}

func (w *Worker) stillLoading(f Fault) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loading.IsZero() {
		w.loading = time.Now()
	}
	return f.Wait == 0 || time.Since(w.loading) < f.Wait
}

// reset drops the connection without a word. The handler must not write any more.
func reset(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// answer is one answer on its way.
type answer struct {
	worker *Worker
	rw     http.ResponseWriter
	flush  func() error
	ctx    context.Context
	script script
	chat   Chat

	tokens []string
	finish string
	model  string
	prompt int
	eol    string
	prefix string
	buf    []byte
}

func newAnswer(w *Worker, rw http.ResponseWriter, r *http.Request, s script, chat Chat) *answer {
	a := &answer{
		worker: w, rw: rw, flush: http.NewResponseController(rw).Flush, ctx: r.Context(), script: s, chat: chat,
		tokens: split(w.o.Answer(chat.Messages), w.o.Chunk), finish: "stop", model: chat.Model, eol: "\n", prefix: "data: ",
	}
	if a.model == "" {
		a.model = w.o.Model
	}
	if s.has(WrongModel) {
		a.model = "another-model"
	}
	if chat.MaxTokens > 0 && chat.MaxTokens < len(a.tokens) {
		a.tokens, a.finish = a.tokens[:chat.MaxTokens], "length"
	}
	if s.has(ThinkTag) {
		a.tokens = append([]string{"<thi", "nk>\nhm, ", "let me see</th", "ink>\n\n"}, a.tokens...)
	}
	for _, m := range chat.Messages {
		a.prompt += core.EstimateTokens(m.Text)
	}
	if s.has(CRLF) {
		a.eol = "\r\n"
	}
	if s.has(NoSpace) {
		a.prefix = "data:"
	}
	return a
}

// split makes tokens of n runes, or of one word each with the space before it.
func split(text string, n int) []string {
	var tokens []string
	start, runes := 0, 0
	for i, r := range text {
		if i > start && (n > 0 && runes == n || n == 0 && r == ' ') {
			tokens = append(tokens, text[start:i])
			start, runes = i, 0
		}
		runes++
	}
	if start < len(text) {
		tokens = append(tokens, text[start:])
	}
	return tokens
}

// send gives the answer and tells whether it is complete.
func (a *answer) send() bool {
	if !a.chat.Stream || a.script.has(Plain) {
		return a.sendPlain()
	}
	kind := "text/event-stream"
	if a.script.has(WrongType) {
		kind = "text/plain"
	}
	a.rw.Header().Set("Content-Type", kind)
	a.rw.WriteHeader(http.StatusOK)
	if a.script.has(HeadersOnly) {
		_ = a.flush()
		<-a.ctx.Done()
		return false
	}
	a.event(`{"role":"assistant","content":""}`, "", "")
	if a.script.has(RoleOnly) {
		<-a.ctx.Done()
		return false
	}
	if a.script.has(Thinking) {
		a.event(`{"reasoning_content":"hm, let me see"}`, "", "")
	}
	if a.script.has(BigLine) {
		a.line(a.prefix + `{"object":"chat.completion.chunk","padding":"` + strings.Repeat("x", bigLine) + `","choices":[]}`)
	}
	for i, token := range a.tokens {
		if a.fault(i) {
			return false
		}
		if !a.work(i) {
			return false
		}
		a.event(`{"content":`+quote(token)+`}`, "", a.runningUsage(i+1))
	}
	if a.fault(len(a.tokens)) {
		return false
	}
	return a.end()
}

// end sends finish, usage and [DONE].
func (a *answer) end() bool {
	finish := a.finish
	if a.script.has(Abort) {
		finish = "abort"
	}
	onFinish := ""
	if a.script.has(UsageOnFinish) || a.script.has(UsageRunning) {
		onFinish = a.usage(len(a.tokens))
	}
	a.event("{}", finish, onFinish)
	if a.chat.IncludeUsage && onFinish == "" && !a.script.has(NoUsage) {
		choices := "[]"
		if a.script.has(NullChoices) {
			choices = "null"
		}
		a.line(a.prefix + `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":` + quote(a.model) +
			`,"choices":` + choices + `,"usage":` + a.usage(len(a.tokens)) + `}`)
	}
	if !a.script.has(NoDone) {
		a.line(a.prefix + "[DONE]")
	}
	return a.ctx.Err() == nil && finish == a.finish
}

// fault plays the faults that come behind this many content chunks.
func (a *answer) fault(chunks int) (over bool) {
	switch {
	case a.script.now(Stall, chunks):
		<-a.ctx.Done()
	case a.script.now(Cut, chunks):
		panic(http.ErrAbortHandler)
	case a.script.now(ErrorEvent, chunks):
		a.line(a.prefix + `{"error":{"message":"engine died","type":"server_error","code":500}}`)
		a.line(a.prefix + "[DONE]")
	case a.script.now(NoFinish, chunks):
	case a.script.now(DoneOnly, chunks):
		a.line(a.prefix + "[DONE]")
	default:
		return false
	}
	return true
}

// work takes the time of one token; false when the client has left.
func (a *answer) work(i int) bool {
	wait := a.worker.o.PerToken
	if i == 0 {
		wait = a.worker.o.FirstToken
		if f, ok := a.script.get(SlowFirst); ok {
			wait += f.Wait
		}
	}
	if f, ok := a.script.get(SlowTokens); ok {
		wait += f.Wait
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-a.ctx.Done():
		}
	}
	if a.ctx.Err() != nil {
		return false
	}
	return true
}

func (a *answer) runningUsage(tokens int) string {
	if a.script.has(UsageRunning) {
		return a.usage(tokens)
	}
	return ""
}

func (a *answer) usage(tokens int) string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, a.prompt, tokens, a.prompt+tokens)
}

// event sends one chunk. The usage "" is left out, or null where a chunk of its
// own will follow.
func (a *answer) event(delta, finish, usage string) {
	b := append(a.buf[:0], a.prefix...)
	b = append(b, `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":`...)
	b = append(b, quote(a.model)...)
	b = append(b, `,"system_fingerprint":"fake","choices":[{"index":0,"delta":`...)
	b = append(b, delta...)
	b = append(b, `,"logprobs":null,"finish_reason":`...)
	if finish == "" {
		b = append(b, "null"...)
	} else {
		b = append(b, quote(finish)...)
	}
	b = append(b, "}]"...)
	switch {
	case usage != "":
		b = append(append(b, `,"usage":`...), usage...)
	case a.chat.IncludeUsage && !a.script.has(NoUsage):
		b = append(b, `,"usage":null`...)
	}
	b = append(b, '}')
	a.buf = b
	a.line(string(b))
	if finish == "" && strings.HasPrefix(delta, `{"content"`) {
		late := a.ctx.Err() != nil
		a.worker.count(func(c *Counts) {
			c.Tokens++
			if late {
				c.AfterCancel++
			}
		})
	}
}

// line sends a line and the blank one behind it.
func (a *answer) line(text string) {
	out := text + a.eol
	if !a.script.has(NoBlank) {
		out += a.eol
	}
	if a.script.has(Comments) {
		out = ": keep-alive" + a.eol + "event: message" + a.eol + "retry: 10" + a.eol + out + ":" + a.eol + a.eol
	}
	if a.script.has(SplitBytes) {
		for i := range len(out) {
			_, _ = a.rw.Write([]byte{out[i]})
			_ = a.flush()
		}
		return
	}
	// A client that left is noticed by the context.
	_, _ = a.rw.Write([]byte(out))
	_ = a.flush()
}

func (a *answer) sendPlain() bool {
	for i := range a.tokens {
		if !a.work(i) {
			return false
		}
	}
	a.worker.count(func(c *Counts) { c.Tokens += len(a.tokens) })
	writeJSON(a.rw, http.StatusOK, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":`+quote(a.model)+
		`,"choices":[{"index":0,"message":{"role":"assistant","content":`+quote(strings.Join(a.tokens, ""))+
		`},"finish_reason":`+quote(a.finish)+`}],"usage":`+a.usage(len(a.tokens))+`}`)
	return true
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}

func writeJSON(rw http.ResponseWriter, code int, body string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(code)
	_, _ = rw.Write([]byte(body))
}

func writeError(rw http.ResponseWriter, code int, kind, words string) {
	writeJSON(rw, code, fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":%s}}`, quote(words), quote(kind), quote(kind)))
}

func writeRetry(rw http.ResponseWriter, f Fault, code int, kind, words string) {
	if f.Wait > 0 {
		rw.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.Wait.Seconds()))))
	}
	writeError(rw, code, kind, words)
}
