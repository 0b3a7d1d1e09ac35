package modeltest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/parley-hub/parley/models"
)

// bigLine is the length of the line that BigLine sends.
const bigLine = 1 << 20

// refuse plays the faults that come instead of an answer.
func (q *request) refuse() bool {
	rw, r, w := q.rw, q.r, q.worker
	for _, f := range q.script {
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
			writeLoading(rw)
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
	*request
	flush func() error
	ctx   context.Context
	chat  Chat
	pace  pace

	prompt prompt
	tokens []string
	calls  []models.ToolCall
	finish string
	model  string
	eol    string
	prefix string
	buf    []byte
}

func newAnswer(q *request, chat Chat) *answer {
	a := &answer{
		request: q, flush: http.NewResponseController(q.rw).Flush, ctx: q.r.Context(), chat: chat, prompt: newPrompt(chat),
		tokens: split(q.worker.say(chat.Messages), q.worker.o.Chunk), finish: "stop", model: chat.Model, eol: "\n", prefix: "data: ",
	}
	a.ask()
	if a.model == "" {
		a.model = q.worker.o.Model
	}
	if a.script.has(WrongModel) {
		a.model = "another-model"
	}
	if chat.MaxTokens > 0 && chat.MaxTokens < len(a.tokens) {
		a.tokens, a.finish = a.tokens[:chat.MaxTokens], "length"
	}
	if a.script.has(ThinkTag) {
		a.tokens = append([]string{"<thi", "nk>\nhm, ", "let me see</th", "ink>\n\n"}, a.tokens...)
	}
	if a.script.has(CRLF) {
		a.eol = "\r\n"
	}
	if a.script.has(NoSpace) {
		a.prefix = "data:"
	}
	return a
}

// say makes the answer. Where the assistant has begun it, what is said already is left
// out.
func (w *Worker) say(messages []models.Message) string {
	last := len(messages) - 1
	if messages[last].Role != models.Assistant {
		return w.o.Answer(messages)
	}
	if w.o.Continue != nil {
		return w.o.Continue(messages)
	}
	return strings.TrimPrefix(w.o.Answer(messages[:last]), messages[last].Text)
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
	a.worker.look(&a.prompt)
	a.worker.count(func(c *Counts) {
		c.Prompt += a.prompt.tokens
		c.Cached += a.prompt.cached
	})
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
	if !a.content() {
		return false
	}
	a.sendCalls()
	return a.end()
}

// content sends the words: the first token when it is there, the others several at a
// time if the worker is asked to.
func (a *answer) content() bool {
	chunks := 0
	for done := 0; done < len(a.tokens); chunks++ {
		if a.fault(chunks) {
			return false
		}
		n := 1
		if done > 0 {
			n = min(a.worker.o.PerChunk, len(a.tokens)-done)
		}
		if !a.work(done, n) {
			return false
		}
		text := strings.Join(a.tokens[done:done+n], "")
		done += n
		a.event(`{"content":`+quote(text)+`}`, "", a.runningUsage(done))
		a.generated(n)
	}
	return !a.fault(chunks)
}

// generated counts n tokens.
func (a *answer) generated(n int) {
	late := a.ctx.Err() != nil
	a.worker.count(func(c *Counts) {
		c.Tokens += n
		if late {
			c.AfterCancel += n
		}
	})
}

// end sends finish, usage and [DONE].
func (a *answer) end() bool {
	a.keep()
	finish := a.finish
	if a.script.has(Abort) {
		finish = "abort"
	}
	onFinish := ""
	if a.script.has(UsageOnFinish) || a.script.has(UsageRunning) {
		onFinish = a.usage(len(a.tokens))
	}
	reported := onFinish != ""
	a.event("{}", finish, onFinish)
	if a.chat.IncludeUsage && onFinish == "" && !a.script.has(NoUsage) {
		choices := "[]"
		if a.script.has(NullChoices) {
			choices = "null"
		}
		a.line(a.prefix + `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":` + quote(a.model) +
			`,"choices":` + choices + `,"usage":` + a.usage(len(a.tokens)) + `}`)
		reported = true
	}
	if reported && finish == a.finish {
		a.report()
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

// keep makes the next turn of the conversation find the prompt and this answer.
func (a *answer) keep() {
	p := a.prompt
	p.add([]byte(models.Assistant))
	for _, token := range a.tokens {
		p.add([]byte(token))
	}
	a.worker.remember(&p)
}

func (a *answer) report() {
	a.worker.count(func(c *Counts) {
		c.Reported.Prompt += a.prompt.tokens
		c.Reported.Cached += a.prompt.cached
		c.Reported.Completion += len(a.tokens)
	})
}

// work takes the time of n tokens behind the first done; false when the client has left.
func (a *answer) work(done, n int) bool {
	o := &a.worker.o
	wait := o.PerToken * time.Duration(n)
	extra := time.Duration(0)
	if done == 0 {
		wait = o.Prefill*time.Duration(a.prompt.tokens-a.prompt.cached) + o.FirstToken + o.PerToken*time.Duration(n-1)
		if f, ok := a.script.get(SlowFirst); ok {
			extra = f.Wait
		}
	}
	if f, ok := a.script.get(SlowTokens); ok {
		extra += f.Wait * time.Duration(n)
	}
	if !a.pace.take(a.ctx, a.worker.stretch(wait)+extra) {
		return false
	}
	if done == 0 {
		a.worker.remember(&a.prompt)
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
	cached := ""
	if a.worker.o.Cache > 0 {
		cached = fmt.Sprintf(`,"prompt_tokens_details":{"cached_tokens":%d}`, a.prompt.cached)
	}
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d%s}`, a.prompt.tokens, tokens, a.prompt.tokens+tokens, cached)
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
	if !a.work(0, len(a.tokens)) {
		return false
	}
	a.generated(len(a.tokens))
	a.keep()
	a.report()
	writeJSON(a.rw, http.StatusOK, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":`+quote(a.model)+
		`,"choices":[{"index":0,"message":{"role":"assistant","content":`+quote(strings.Join(a.tokens, ""))+a.wholeCalls()+
		`},"finish_reason":`+quote(a.finish)+`}],"usage":`+a.usage(len(a.tokens))+`}`)
	return true
}
