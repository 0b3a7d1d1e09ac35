package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

// liar is a worker that does what no worker should: its script, or what answers instead.
type liar struct {
	fault  modeltest.Fault
	answer http.HandlerFunc
	kind   models.Kind
	// during is done when two words of an answer came.
	during func(*testing.T, *modeltest.Worker)
}

// says is a server that answers everything with these lines.
func (liar) says(lines ...string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(rw, strings.Join(lines, "\n\n")+"\n\n")
	}
}

// start gives the client of a worker; it knows what the worker serves.
func (l liar) start(t *testing.T) (*openaichat.Client, *modeltest.Worker) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o := openaichat.Options{HTTP: &http.Client{Transport: transport}, Kind: l.kind, MaxLine: 64 << 10, FirstContent: 30 * time.Second}
	var w *modeltest.Worker
	if l.answer != nil {
		s := httptest.NewServer(l.answer)
		t.Cleanup(s.Close)
		o.Base = s.URL
	} else {
		w = modeltest.Start(t, modeltest.Options{Kind: l.kind, Faults: []modeltest.Fault{l.fault}})
		o.Base = w.Base()
	}
	switch l.fault.Kind {
	case modeltest.BlackHole, modeltest.HeadersOnly, modeltest.RoleOnly:
		o.FirstContent = 50 * time.Millisecond
	}
	c, err := openaichat.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if w != nil {
		if _, err := c.Models(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return c, w
}

// TestLies: whatever a worker makes up, it is a fault with a class and somebody to blame,
// the attempt is told (which is what parley_worker_faults_total counts), and whoever asked
// gets the answer of another worker, unless none can help.
func TestLies(t *testing.T) {
	const hello = `data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}`
	restart := func(t *testing.T, w *modeltest.Worker) {
		w.Await(t, "two words", func(c modeltest.Counts) bool { return c.Tokens >= 2 })
		w.Refuse()
		w.Return(t)
	}
	for name, test := range map[string]struct {
		liar
		class fault.Class
		blame models.Culprit
		is    error
		// alone is true for what no other worker can mend.
		alone bool
		state models.State
	}{
		"another model echoed":        {liar{kind: models.KindVLLM, fault: modeltest.Fault{Kind: modeltest.WrongModel}}, fault.Retryable, models.BlameWorker, models.ErrWrongModel, false, models.StateNew},
		"[DONE] behind an error":      {liar{fault: modeltest.Fault{Kind: modeltest.ErrorEvent, After: 2}}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"[DONE] without a finish":     {liar{fault: modeltest.Fault{Kind: modeltest.DoneOnly, After: 2}}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"an end without a finish":     {liar{fault: modeltest.Fault{Kind: modeltest.NoFinish, After: 2}}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"a page, 502":                 {liar{fault: modeltest.Fault{Kind: modeltest.BadGateway}}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"a page, 200":                 {liar{answer: liar{}.says("<!doctype html><html>sign in</html>")}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"a line of 1 MiB, of 64 KiB":  {liar{fault: modeltest.Fault{Kind: modeltest.BigLine}}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"rubbish between":             {liar{answer: liar{}.says(hello, "data: {rubbish")}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"it never answers":            {liar{fault: modeltest.Fault{Kind: modeltest.BlackHole}}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"headers and no more":         {liar{fault: modeltest.Fault{Kind: modeltest.HeadersOnly}}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"a role and no more":          {liar{fault: modeltest.Fault{Kind: modeltest.RoleOnly}}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"it restarts in the middle":   {liar{fault: modeltest.Fault{Kind: modeltest.Stall, After: 2}, during: restart}, fault.Retryable, models.BlameWorker, nil, false, models.StateNew},
		"a bad key":                   {liar{fault: modeltest.Fault{Kind: modeltest.Unauthorized}}, fault.NeedsHuman, models.BlameNobody, nil, false, models.StateConfigError},
		"arguments that are no JSON":  {liar{answer: liar{}.says(`data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"x","arguments":"sure!"}}]},"finish_reason":"tool_calls"}]}`)}, fault.Retryable, models.BlameNobody, models.ErrBadCall, false, models.StateNew},
		"half of the prompt was read": {liar{kind: models.KindOllama, answer: liar{}.says(hello, `data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":600}}`)}, fault.Permanent, models.BlameRequest, models.ErrOverflow, true, models.StateNew},
		"the prompt is too long":      {liar{fault: modeltest.Fault{Kind: modeltest.Overflow}}, fault.Permanent, models.BlameRequest, models.ErrOverflow, true, models.StateNew},
	} {
		t.Run(name, func(t *testing.T) {
			lies, server := test.start(t)
			good, second := liar{}.start(t)
			var attempts []pool.Attempt
			p := pool.New(pool.Options{
				Name: "main", Model: "fake", Policy: models.PolicyRoundRobin, Account: func(a pool.Attempt) { attempts = append(attempts, a) },
				Workers: []pool.Worker{{Name: "liar", Client: lies}, {Name: "good", Client: good}},
			})
			if test.during != nil {
				done := make(chan struct{})
				go func() { defer close(done); test.during(t, server) }()
				defer func() { <-done }()
			}
			req := modeltest.Ask(strings.TrimSpace(strings.Repeat("word ", 2000)))
			req.Shown = func() bool { return false }
			res := modeltest.Collect(t, t.Context(), p, req)
			if whole := res.Err == nil && res.Text == "[1] "+req.Messages[0].Text; whole == test.alone || !whole && fault.Public(res.Err) == "" {
				t.Errorf("%.60q, %v", res.Text, res.Err)
			}
			if asked := second.Counts().Started; test.alone && asked > 0 {
				t.Errorf("another worker was asked %d times", asked)
			}
			if len(attempts) == 0 {
				t.Fatal("no attempt was told")
			}
			a := attempts[0]
			if a.Worker != "liar" || fault.ClassOf(a.Err) != test.class || models.Blame(a.Err) != test.blame || test.is != nil && !errors.Is(a.Err, test.is) {
				t.Errorf("%s: class %v, to blame %v: %v", a.Worker, fault.ClassOf(a.Err), models.Blame(a.Err), a.Err)
			}
			if got := p.Workers()[0].State; got != test.state {
				t.Errorf("it is %s", got)
			}
		})
	}
}

// TestAnswersAfterCancel: a worker that goes on when nobody listens any more keeps no place,
// and nobody else gets what it says.
func TestAnswersAfterCancel(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	stubborn := func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		word := "right"
		if strings.Contains(string(body), "first") {
			word = "wrong"
		}
		say := func(delta, finish string) {
			_, _ = fmt.Fprintf(rw, `data: {"choices":[{"index":0,"delta":{"content":%q},"finish_reason":%s}]}`+"\n\n", delta, finish)
			_ = http.NewResponseController(rw).Flush()
		}
		say(word, "null")
		if word == "wrong" {
			close(began)
			<-release // whatever the caller does
		}
		say(" words", `"stop"`)
	}
	c, _ := liar{answer: stubborn}.start(t)
	p := pool.New(pool.Options{Name: "main", Model: "fake", Workers: []pool.Worker{{Name: "w", Client: c, Slots: 1}}})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		var last error
		for _, err := range p.Chat(ctx, modeltest.Ask("first")) {
			last = err
		}
		left <- last
	}()
	<-began
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) || models.Blame(err) != models.BlameNobody {
		t.Errorf("the end is %v", err)
	}
	if w := p.Workers()[0]; w.InFlight != 0 {
		t.Errorf("%d in flight", w.InFlight)
	}
	res := modeltest.Collect(t, t.Context(), p, modeltest.Ask("second"))
	close(release)
	if res.Text != "right words" || res.Err != nil {
		t.Errorf("%q, %v", res.Text, res.Err)
	}
	if res := modeltest.Collect(t, t.Context(), p, modeltest.Ask("third")); res.Text != "right words" || res.Err != nil {
		t.Errorf("%q, %v", res.Text, res.Err)
	}
}

// TestUnknownModel: a server that would answer for a model it does not have is asked what
// it has, and gets nothing.
func TestUnknownModel(t *testing.T) {
	c, server := liar{}.start(t)
	p := pool.New(pool.Options{Name: "main", Model: "another", Workers: []pool.Worker{{
		Name: "w", Client: c, Probe: c.Probe, Tell: func(ctx context.Context) (models.Server, error) { return c.Discover(ctx, "another") },
	}}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	defer func() { cancel(); <-done }()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for p.Workers()[0].State != models.StateConfigError {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("it is %+v", p.Workers()[0])
		}
	}
	if err := p.Workers()[0].Err; !errors.Is(err, models.ErrNoModel) || fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("because %v", err)
	}
	res := modeltest.Collect(t, t.Context(), p, modeltest.Ask("hi"))
	if fault.ClassOf(res.Err) != fault.NeedsHuman || server.Counts().Started != 0 {
		t.Errorf("%q, %v; the server was asked %d times", res.Text, res.Err, server.Counts().Started)
	}
}

// TestOversizedIsCounted: a prompt that is refused before any worker is asked is no attempt
// of one, but an answer that failed, by its class.
func TestOversizedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []core.Event
		attempts := 0
		p := pool.New(pool.Options{
			Name: "main", Model: "m", Account: func(pool.Attempt) { attempts++ },
			Observer: core.ObserverFunc(func(e core.Event) { events = append(events, e) }),
			Workers: []pool.Worker{{
				Name: "w", Client: &scripted{chat: says("a")}, Probe: func(context.Context) error { return nil },
				Tell: func(context.Context) (models.Server, error) {
					return models.Server{Capabilities: models.Capabilities{Chat: true, Context: 1000}}, nil
				},
			}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = p.Run(ctx) }()
		synctest.Wait()
		modeltest.Collect(t, t.Context(), p, modeltest.Ask(strings.Repeat("word ", 4000)))
		cancel()
		<-done
		if attempts != 0 || len(events) != 1 || events[0].Stage != core.StageModel || fault.ClassOf(events[0].Err) != fault.Permanent ||
			!errors.Is(events[0].Err, models.ErrOverflow) {
			t.Errorf("%d attempts, events %+v", attempts, events)
		}
	})
}
