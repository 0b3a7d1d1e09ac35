package openaichat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	bufferSize = 4 << 10
	// maxHeld bounds how many bytes of words go on together.
	maxHeld = 4 << 10
	// minTruncated is the least that is left of a prompt that was truncated. Fewer tokens
	// are what a server that does not count its cached ones reports.
	minTruncated = 512
)

var (
	errNoFinish = errors.New("the stream ended without a finish_reason")
	errGaveUp   = errors.New("the engine gave up")
	errHTML     = errors.New("the answer is a page, not a completion")
	errWorker   = errors.New("the worker reports an error")
)

// The phases of a stream; each has its own deadline.
const (
	waiting    int32 = iota // for the first generated token
	generating              // between tokens
	closing                 // after the finish: usage may follow
)

// stream is one answer on its way.
type stream struct {
	client   *Client
	yield    func(models.Delta, error) bool
	cancel   context.CancelCauseFunc
	deadline *time.Timer
	// phase is read by the deadline's own goroutine.
	phase atomic.Int32

	chunk  chunk
	runes  runeJoiner
	think  thinkFilter
	resume resumeFilter
	tools  toolCalls
	finish models.Finish
	usage  *models.Usage
	calls  []models.ToolCall
	// asked is the model that was asked; empty once the answer has named one.
	asked string
	// least is how many tokens the prompt has at least; 0 where nobody truncates.
	least int
	// held are words that wait for those of the next event, which is there already; begun
	// is true when they are to be told of even without any.
	held  string
	begun bool
	// left is true when the caller broke out of the loop.
	left bool
}

// expire runs when the deadline is over; the cause tells which one it was.
func (s *stream) expire() {
	switch s.phase.Load() {
	case waiting:
		s.cancel(errFirstContent)
	case generating:
		s.cancel(errIdle)
	default:
		s.cancel(errClosing)
	}
}

// run asks and relays. It returns nil when the answer was finished or the caller
// left.
func (s *stream) run(ctx context.Context, r models.Request) error {
	kind := s.client.kind()
	body, err := encode(r, kind)
	if err != nil {
		return fault.New(fault.Permanent, "encode the chat request", err)
	}
	s.asked, s.resume = r.Model, resumeFilter{tailOf(r.Prefix)}
	if kind == models.KindLlamaCPP || kind == models.KindOllama {
		s.least = words(r.Messages)
	}
	req, err := s.client.newRequest(ctx, http.MethodPost, s.client.chatURL, body)
	if err != nil {
		return fault.New(fault.Bug, "chat", s.client.redact.err(err))
	}
	resp, err := s.client.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return s.client.refused("chat", resp)
	}
	buffered := bufio.NewReaderSize(resp.Body, bufferSize)
	err = s.read(buffered)
	switch {
	case s.left:
		return nil
	case s.finish == "" && err != nil:
		return err
	case s.finish == "":
		return fault.New(fault.Retryable, "chat", errNoFinish)
	}
	// What comes after the finish can no longer spoil the answer, except for the
	// worker taking it back.
	if errors.Is(err, errWorker) {
		return err
	}
	if err := s.endCalls(); err != nil {
		return fault.New(fault.Retryable, "chat", models.Blamed(models.BlameNobody, err))
	}
	if s.truncated() {
		err := fmt.Errorf("%w: the worker read %d tokens of at least %d and did not say so", models.ErrOverflow, s.usage.Prompt, s.least)
		return fault.New(fault.Permanent, "chat", err, fault.WithPublic(publicTooLong))
	}
	s.conclude(buffered)
	return nil
}

// truncated tells whether the worker left out a part of the prompt without a word, as
// Ollama and older llama.cpp do; what it leaves out first are the instructions. A word
// is a token at least, so fewer tokens than words prove it.
func (s *stream) truncated() bool {
	return s.usage != nil && s.usage.Prompt >= minTruncated && s.usage.Prompt < s.least
}

// words counts what stands between white space in all messages.
func words(messages []models.Message) (n int) {
	for _, m := range messages {
		for range strings.FieldsSeq(m.Text) {
			n++
		}
	}
	return n
}

// endCalls reads the tool calls when the answer is complete. Those of an answer that
// was cut by its length are dropped: nobody knows how many were meant. Several servers
// end an answer that calls a tool with "stop".
func (s *stream) endCalls() (err error) {
	called := s.tools.broken != nil || len(s.tools.calls) > 0
	if s.finish == models.FinishToolCalls || s.finish == models.FinishStop && called {
		s.finish = models.FinishToolCalls
		s.calls, err = s.tools.finish()
	}
	return err
}

// read relays until the stream's end. Its kind is told by its first byte, not by
// its Content-Type: some servers answer with one JSON object although a stream was
// asked for, and proxies label streams wrongly.
func (s *stream) read(r *bufio.Reader) error {
	first, err := firstByte(r)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	case first == '<':
		return fault.New(fault.Retryable, "chat", errHTML)
	case first == '{':
		return s.readJSON(r)
	}
	events := newSSEReader(r, s.client.maxLine)
	// What was said before a stream broke was said.
	defer s.tell()
	for {
		e, err := events.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case isDone(e.data):
			return nil
		}
		if err := s.take(e); err != nil {
			return err
		}
		if !events.ready() || len(s.held) >= maxHeld {
			s.tell()
		}
		if s.left {
			return nil
		}
	}
}

// readJSON reads objects without event framing: one whole completion, or chunks
// line by line.
func (s *stream) readJSON(r io.Reader) error {
	limited := &io.LimitedReader{R: r, N: int64(s.client.maxLine)}
	objects := json.NewDecoder(limited)
	for {
		var object json.RawMessage
		err := objects.Decode(&object)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && limited.N <= 0:
			return errAnswerTooLong
		case err != nil:
			return err
		}
		err = s.take(event{data: object})
		if s.tell(); err != nil || s.left {
			return err
		}
	}
}

// take relays one event.
func (s *stream) take(e event) error {
	if len(bytes.TrimSpace(e.data)) == 0 {
		return nil
	}
	if err := s.chunk.decode(e.data); err != nil && !e.failed {
		return fault.New(fault.Retryable, "chat", err)
	}
	if e.failed || s.chunk.failed {
		return fmt.Errorf("%w: %w", errWorker, s.client.judge("chat", explain(e.data)))
	}
	if said := s.chunk.model; said != "" && s.asked != "" {
		if s.client.another(s.asked, said) {
			return fault.New(fault.Retryable, "chat", fmt.Errorf("%w: %s instead of %s", models.ErrWrongModel, bounded(said), bounded(s.asked)))
		}
		s.asked = ""
	}
	if s.chunk.usage != nil {
		s.usage = s.chunk.usage
	}
	if s.chunk.calls != nil {
		s.tools.add(s.chunk.calls)
	}
	return s.relay()
}

func (s *stream) relay() error {
	shown := s.show(s.runes.add(s.chunk.words))
	if reason := s.chunk.finish; reason != "" {
		finish, ok := finishOf(reason)
		if !ok {
			return fault.New(fault.Retryable, "chat", fmt.Errorf("%w: %s", errGaveUp, bounded(reason)))
		}
		s.finish = finish
		shown += s.show(s.runes.rest()) + s.resume.add(s.think.rest())
	}
	first := s.phase.Load() == waiting
	s.move()
	if shown == "" && (!first || s.phase.Load() != generating) {
		return nil
	}
	// The first token may be a thought or half a tool call: an empty delta says that the
	// worker has begun.
	s.held, s.begun = s.held+shown, true
	return nil
}

// tell yields what was held. Pieces that came together go on together, as a proxy passes
// on what it has read: each by itself would cost a call to the network at every hop.
func (s *stream) tell() {
	if !s.begun || s.left {
		return
	}
	// The caller's time is not the server's.
	s.deadline.Stop()
	s.left = !s.yield(models.Delta{Text: s.held}, nil)
	s.held, s.begun = "", false
	s.restart()
}

// show takes out of the words what nobody is to see.
func (s *stream) show(words string) string { return s.resume.add(s.think.add(words)) }

// move goes on to the phase that the piece proves, and gives it its time. A
// thinking model's token ends the wait for the first one: it works.
func (s *stream) move() {
	switch {
	case s.finish != "":
		s.phase.Store(closing)
	case s.chunk.generated:
		s.phase.Store(generating)
	}
	s.restart()
}

func (s *stream) restart() {
	switch s.phase.Load() {
	case generating:
		s.deadline.Reset(s.client.idle)
	case closing:
		s.deadline.Reset(min(closingTime, s.client.idle))
	}
}

// conclude gives the last delta, then reads the little that may be left, so that
// the connection can be used again.
func (s *stream) conclude(r io.Reader) {
	s.deadline.Stop()
	last := models.Delta{Finish: s.finish, Calls: s.calls, Usage: s.usage, Model: s.chunk.model, Worker: s.client.worker}
	s.yield(last, nil)
	s.deadline.Reset(reuseTime)
	_, _ = io.CopyN(io.Discard, r, bufferSize)
}
