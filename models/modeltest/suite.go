package modeltest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// suiteKey is the key of the suite's workers: whatever prints it is wrong.
const suiteKey = "sk-suite-7f3a9c51d2"

// Setup is what the client under test is made from.
type Setup struct {
	// Base and Key are the worker's; HTTP makes the calls.
	Base, Key, Model string
	HTTP             *http.Client
	// FirstContent and Idle are the deadlines to set.
	FirstContent, Idle time.Duration
}

// Harness makes the client under test.
type Harness struct {
	// New makes a client of the one worker of the setup.
	New func(t *testing.T, s Setup) models.Client
}

// Suite proves that a client keeps the contract of models.Client against a worker
// with every fault. A client that can show its workers (Workers) must have nothing
// in flight after each test.
func Suite(t *testing.T, h Harness) {
	t.Run("streams to a finish", h.streams)
	t.Run("sends what it was asked", h.sends)
	t.Run("asks for tools", h.asksForTools)
	t.Run("understands every way of speaking", h.understands)
	t.Run("classifies failures", h.classifies)
	t.Run("never makes up a finish", h.neverMakesUp)
	t.Run("notices stalls", h.noticesStalls)
	t.Run("cancel stops the worker", h.cancels)
	t.Run("break stops the worker", h.breaks)
	t.Run("a context that is over reaches no worker", h.overBefore)
	t.Run("many at once", h.manyAtOnce)
}

// Result is an answer as its reader saw it.
type Result struct {
	// Text is what stands in the end, with what a Reset took back left out.
	Text   string
	Last   models.Delta
	Deltas int
	Err    error
}

// Collect reads an answer to its end and checks the order of what comes: nothing
// behind a finish or a fault.
func Collect(tb testing.TB, ctx context.Context, c models.Client, r models.Request) Result { //nolint:revive // tb first, as in every test tool
	tb.Helper()
	var res Result
	var text strings.Builder
	for d, err := range c.Chat(ctx, r) {
		if res.Err != nil || res.Last.Finish != "" {
			tb.Errorf("something came behind the end: %+v, %v", d, err)
		}
		if err != nil {
			res.Err = err
			continue
		}
		if d.Reset {
			text.Reset()
		}
		text.WriteString(d.Text)
		res.Last = d
		res.Deltas++
	}
	res.Text = text.String()
	if res.Err == nil && res.Last.Finish == "" {
		tb.Error("the answer ended with neither a finish nor a fault")
	}
	return res
}

// Ask is a request with one user message.
func Ask(text string) models.Request {
	return models.Request{Messages: []models.Message{{Role: models.User, Text: text}}}
}

func (h Harness) start(t *testing.T, o Options) (*Worker, models.Client) {
	t.Helper()
	return h.startWith(t, o, patience, patience)
}

func (h Harness) startWith(t *testing.T, o Options, firstContent, idle time.Duration) (*Worker, models.Client) {
	t.Helper()
	o.Key = suiteKey
	w := Start(t, o)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := h.New(t, Setup{
		Base: w.Base(), Key: suiteKey, Model: w.Model(), HTTP: &http.Client{Transport: transport},
		FirstContent: firstContent, Idle: idle,
	})
	t.Cleanup(func() {
		if p, ok := c.(interface{ Workers() []models.WorkerStatus }); ok {
			for _, s := range p.Workers() {
				if s.InFlight != 0 {
					t.Errorf("%s has %d in flight after the test", s.Name, s.InFlight)
				}
			}
		}
	})
	return w, c
}

func wantAnswer(t *testing.T, res Result, text string, finish models.Finish) {
	t.Helper()
	if res.Err != nil || res.Text != text || res.Last.Finish != finish {
		t.Errorf("got %q, %q, %v; want %q, %q", res.Text, res.Last.Finish, res.Err, text, finish)
	}
}

// wantFault checks class and words of a failure: no failure says the key.
func wantFault(t *testing.T, res Result, class fault.Class) {
	t.Helper()
	if res.Last.Finish != "" {
		t.Errorf("a finish was made up: %q", res.Last.Finish)
	}
	if got := fault.ClassOf(res.Err); got != class {
		t.Errorf("class is %v, want %v: %v", got, class, res.Err)
	}
	for err := res.Err; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), suiteKey) || strings.Contains(fault.Public(err), suiteKey) {
			t.Error("the failure says the key")
		}
	}
}

func (h Harness) streams(t *testing.T) {
	// What comes together may go on together.
	w, c := h.start(t, Options{PerToken: 30 * time.Millisecond})
	res := Collect(t, t.Context(), c, Ask("good morning to you"))
	wantAnswer(t, res, "[1] good morning to you", models.FinishStop)
	if res.Deltas < 3 {
		t.Errorf("%d deltas: it does not stream", res.Deltas)
	}
	if res.Last.Model != w.Model() || res.Last.Worker == "" {
		t.Errorf("last delta names model %q and worker %q", res.Last.Model, res.Last.Worker)
	}
	if u := res.Last.Usage; u == nil || u.Completion != 5 || u.Prompt == 0 {
		t.Errorf("usage is %+v", u)
	}
	res = Collect(t, t.Context(), c, models.Request{Messages: Ask("good morning to you").Messages, MaxTokens: 2})
	wantAnswer(t, res, "[1] good", models.FinishLength)
}

func (h Harness) sends(t *testing.T) {
	w, c := h.start(t, Options{})
	warm := 0.5
	r := models.Request{
		Model: w.Model(), MaxTokens: 77, Sampling: models.Sampling{Temperature: &warm},
		Messages: []models.Message{
			{Role: models.System, Text: "be <kind> & brief"},
			{Role: models.User, Text: "héllo \"\\\n🙂", Images: []models.Image{{MIME: "image/png", Data: []byte{0, 255, 1}}}},
		},
	}
	wantAnswer(t, Collect(t, t.Context(), c, r), "[1] héllo \"\\\n🙂", models.FinishStop)
	got := w.Last()
	if got.Model != w.Model() || !got.Stream || !got.IncludeUsage || got.MaxTokens != 77 || got.Temperature == nil || *got.Temperature != warm {
		t.Errorf("the worker got %+v", got)
	}
	if !reflect.DeepEqual(got.Messages, r.Messages) {
		t.Errorf("the worker got messages %+v", got.Messages)
	}
}

func (h Harness) understands(t *testing.T) {
	for _, kind := range []Kind{
		NoUsage, UsageOnFinish, UsageRunning, NullChoices, Plain, WrongType, SplitBytes, CRLF, Comments, NoSpace,
		NoBlank, BigLine, NoDone, Thinking, ThinkTag,
	} {
		t.Run(string(kind), func(t *testing.T) {
			_, c := h.start(t, Options{Faults: []Fault{{Kind: kind}}})
			res := Collect(t, t.Context(), c, Ask("grüß dich, 世界 🙂"))
			wantAnswer(t, res, "[1] grüß dich, 世界 🙂", models.FinishStop)
			if (res.Last.Usage == nil) != (kind == NoUsage) {
				t.Errorf("usage is %+v", res.Last.Usage)
			}
		})
	}
}

func (h Harness) classifies(t *testing.T) {
	for _, test := range []struct {
		fault Fault
		class fault.Class
	}{
		{Fault{Kind: Reset}, fault.Retryable},
		{Fault{Kind: ServerError}, fault.Retryable},
		{Fault{Kind: BadGateway}, fault.Retryable},
		{Fault{Kind: Unavailable, Wait: time.Second}, fault.Retryable},
		{Fault{Kind: Loading}, fault.Retryable},
		{Fault{Kind: RateLimited, Wait: 7 * time.Second}, fault.RateLimited},
		{Fault{Kind: Unauthorized}, fault.NeedsHuman},
		{Fault{Kind: BadRequest}, fault.Permanent},
		{Fault{Kind: Overflow}, fault.Permanent},
	} {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			_, c := h.start(t, Options{Faults: []Fault{test.fault}})
			res := Collect(t, t.Context(), c, Ask("hello"))
			wantFault(t, res, test.class)
			if test.class == fault.RateLimited && fault.Wait(res.Err) != test.fault.Wait {
				t.Errorf("wait is %v, want %v", fault.Wait(res.Err), test.fault.Wait)
			}
			if test.fault.Kind == Overflow && fault.Public(res.Err) == "" {
				t.Error("nobody is told that the conversation is too long")
			}
		})
	}
	t.Run("refused connection", func(t *testing.T) {
		w, c := h.start(t, Options{})
		w.Refuse()
		wantFault(t, Collect(t, t.Context(), c, Ask("hello")), fault.Retryable)
	})
}

func (h Harness) neverMakesUp(t *testing.T) {
	for _, kind := range []Kind{Cut, ErrorEvent, NoFinish, DoneOnly, Abort} {
		for _, after := range []int{0, 1, 3} {
			t.Run(fmt.Sprintf("%s after %d", kind, after), func(t *testing.T) {
				_, c := h.start(t, Options{Faults: []Fault{{Kind: kind, After: after}}})
				wantFault(t, Collect(t, t.Context(), c, Ask("one two three")), fault.Retryable)
			})
		}
	}
}

func (h Harness) noticesStalls(t *testing.T) {
	const soon = 50 * time.Millisecond
	for _, test := range []struct {
		fault              Fault
		firstContent, idle time.Duration
	}{
		{Fault{Kind: BlackHole}, soon, patience},
		{Fault{Kind: HeadersOnly}, soon, patience},
		{Fault{Kind: RoleOnly}, soon, patience},
		{Fault{Kind: SlowFirst, Wait: patience}, soon, patience},
		{Fault{Kind: Stall, After: 2}, patience, soon},
	} {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			w, c := h.startWith(t, Options{Faults: []Fault{test.fault}}, test.firstContent, test.idle)
			wantFault(t, Collect(t, t.Context(), c, Ask("one two three")), fault.Retryable)
			w.Await(t, "the end of the stalled request", func(c Counts) bool { return c.Cancelled == 1 && c.InFlight == 0 })
		})
	}
}

// endless is a worker that would go on for minutes.
func endless() Options {
	return Options{PerToken: time.Millisecond, Answer: func([]models.Message) string { return strings.Repeat("word ", 100_000) }}
}

func (h Harness) cancels(t *testing.T) {
	w, c := h.start(t, endless())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	deltas := 0
	for _, err := range c.Chat(ctx, Ask("go on")) {
		last = err
		if deltas++; deltas == 3 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || fault.ClassOf(last) != fault.Retryable {
		t.Errorf("the end is %v", last)
	}
	wantStopped(t, w)
}

func (h Harness) breaks(t *testing.T) {
	w, c := h.start(t, endless())
	for d, err := range c.Chat(t.Context(), Ask("go on")) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Text != "" {
			break
		}
	}
	wantStopped(t, w)
}

func wantStopped(t *testing.T, w *Worker) {
	t.Helper()
	counts := w.Await(t, "the cancellation", func(c Counts) bool { return c.Cancelled == 1 && c.InFlight == 0 })
	if counts.AfterCancel > 1 {
		t.Errorf("%d tokens were generated after the cancellation", counts.AfterCancel)
	}
}

func (h Harness) overBefore(t *testing.T) {
	w, c := h.start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFault(t, Collect(t, ctx, c, Ask("hello")), fault.Retryable)
	if n := w.Counts().Started; n != 0 {
		t.Errorf("the worker was asked %d times", n)
	}
}

func (h Harness) manyAtOnce(t *testing.T) {
	w, c := h.start(t, Options{})
	var askers sync.WaitGroup
	for i := range 32 {
		askers.Go(func() {
			text := fmt.Sprintf("I am number %d", i)
			wantAnswer(t, Collect(t, t.Context(), c, Ask(text)), "[1] "+text, models.FinishStop)
		})
	}
	askers.Wait()
	w.Await(t, "the end of all requests", func(c Counts) bool { return c.Finished == 32 && c.InFlight == 0 })
}
