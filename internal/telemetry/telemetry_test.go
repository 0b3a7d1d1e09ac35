package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)

func newRecorder(o telemetry.Options) *telemetry.Recorder {
	o.Now = func() time.Time { return noon }
	return telemetry.New(o)
}

func scrape(t *testing.T, r *telemetry.Recorder) string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func has(t *testing.T, metrics string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if !strings.Contains("\n"+metrics, "\n"+want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
}

func TestMetrics(t *testing.T) {
	r := newRecorder(telemetry.Options{Version: "1.2.3", Accounts: []core.Account{"support", "sales"}})
	has(t, scrape(t, r), `parley_sends_unsure_total{account="sales"} 0`)

	for _, e := range []core.Event{
		{Stage: core.StageAccepted, Account: "support", Kind: core.KindMessage, Took: 3 * time.Millisecond},
		{Stage: core.StageRouted, Account: "support", Kind: core.KindMessage, Rule: "private", Skill: "chat"},
		{Stage: core.StageModel, Account: "support", Model: "default", Worker: "gpu-a", Took: 2 * time.Second},
		{Stage: core.StageSkill, Account: "support", Skill: "chat", Took: 3 * time.Second},
		{Stage: core.StageRetry, Account: "support", Err: fault.New(fault.RateLimited, "send", nil)},
		{Stage: core.StageRetry, Account: "support", Err: errors.New("nobody classified it")},
		{Stage: core.StageUnsure, Account: "support"},
		{Stage: core.StageTool, Account: "support", Skill: "home", Tool: "lamp", Outcome: "failed", Took: 4 * time.Second, Err: fault.New(fault.Permanent, "call", nil)},
		{Stage: core.StageToolLimit, Account: "support", Skill: "chat", Outcome: "steps"},
		{Stage: core.StageDenied, Account: "support", Skill: "poll", Permission: "host", Err: fault.New(fault.Permanent, "skill", nil)},
	} {
		r.Observe(e)
	}
	has(t, scrape(t, r),
		`parley_stage_total{account="support",kind="message",stage="accepted"} 1`,
		`parley_stage_seconds_count{account="support",stage="accepted"} 1`,
		`parley_stage_seconds_bucket{account="support",stage="accepted",le="0.005"} 1`,
		`parley_stage_seconds_bucket{account="support",stage="accepted",le="0.0025"} 0`,
		`parley_turns_total{rule="private",skill="chat"} 1`,
		`parley_model_seconds_sum{model="default",worker="gpu-a"} 2`,
		`parley_skill_seconds_sum{skill="chat"} 3`,
		`parley_tool_calls_total{outcome="failed",skill="home",tool="lamp"} 1`,
		`parley_skill_seconds_sum{skill="home"} 4`,
		`parley_tool_limits_total{limit="steps"} 1`,
		`parley_skill_denied_total{permission="host",skill="poll"} 1`,
		`parley_faults_total{class="rate_limited",stage="retry"} 1`,
		`parley_faults_total{class="bug",stage="retry"} 1`,
		`parley_sends_unsure_total{account="support"} 1`,
	)
	if m := scrape(t, r); !strings.Contains(m, `parley_build_info{go="go`) || !strings.Contains(m, "go_goroutines ") || !strings.Contains(m, "process_open_fds ") {
		t.Error("the build, the runtime or the process is missing")
	}
}

func TestGauges(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	err := r.Watch(telemetry.Sources{
		Boxes: []queue.Box{queue.Inbox, queue.Outbox, queue.Ledger},
		Queue: func(_ context.Context, box queue.Box) (queue.Stats, error) {
			switch box {
			case queue.Inbox:
				return queue.Stats{Items: 9, Ready: 1, Leased: 2, Delayed: 3, Dead: 4, Oldest: noon.Add(-90 * time.Second)}, nil
			case queue.Outbox:
				return queue.Stats{}, nil
			default:
				return queue.Stats{Items: 7}, errors.New("disk gone")
			}
		},
		Accounts: func() []telemetry.AccountState {
			return []telemetry.AccountState{{Account: "support", Up: true, State: "up"}, {Account: "sales", State: "needs_human"}}
		},
		Workers: func() []telemetry.WorkerState {
			return []telemetry.WorkerState{{Pool: "default", Worker: "gpu-a", Up: true, State: "ready", InFlight: 5}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := scrape(t, r)
	has(t, m,
		`parley_queue_items{box="inbox"} 9`,
		`parley_queue_mailboxes{box="inbox",state="ready"} 1`,
		`parley_queue_mailboxes{box="inbox",state="leased"} 2`,
		`parley_queue_mailboxes{box="inbox",state="delayed"} 3`,
		`parley_queue_dead_letters{box="inbox"} 4`,
		`parley_queue_oldest_age_seconds{box="inbox"} 90`,
		`parley_queue_oldest_age_seconds{box="outbox"} 0`,
		`parley_queue_stats_failed{box="inbox"} 0`,
		`parley_queue_stats_failed{box="ledger"} 1`,
		`parley_account_up{account="support"} 1`,
		`parley_account_up{account="sales"} 0`,
		`parley_account_state{account="sales",state="needs_human"} 1`,
		`parley_worker_up{pool="default",worker="gpu-a"} 1`,
		`parley_worker_in_flight{pool="default",worker="gpu-a"} 5`,
	)
	if strings.Contains(m, `parley_queue_items{box="ledger"}`) {
		t.Error("a box that could not be read has numbers")
	}
	if r.Watch(telemetry.Sources{}) == nil {
		t.Error("a second set of sources was taken")
	}
}

func TestUsage(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	if err := r.WatchUsage(func() telemetry.UsageState { return telemetry.UsageState{Waiting: 1, Written: 2, Dropped: 3} }); err != nil {
		t.Fatal(err)
	}
	has(t, scrape(t, r), `parley_usage_waiting 1`, `parley_usage_written_total 2`, `parley_usage_dropped_total 3`)
	if r.WatchUsage(nil) == nil {
		t.Error("a second ledger was taken")
	}
}

func TestPlugin(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	r.Plugin("weather", "crashed")
	r.Plugin("weather", "crashed")
	has(t, scrape(t, r), `parley_plugin_events_total{event="crashed",plugin="weather"} 2`)
}

func TestServer(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	r.Server("tickets", "lost")
	has(t, scrape(t, r), `parley_mcp_events_total{event="lost",server="tickets"} 1`)
}

// TestCardinality gives every label far too many values, some of them no text.
func TestCardinality(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	for n := range 2000 {
		v := fmt.Sprintf("v%d\xff%s", n, strings.Repeat("x", n%200))
		for _, stage := range []core.Stage{core.StageRouted, core.StageModel, core.StageSkill, core.StageUnsure, core.Stage(v)} {
			r.Observe(core.Event{
				Stage: stage, Trace: core.TraceID(v), Account: core.Account(v), Kind: core.Kind(v), Rule: v, Skill: v, Model: v, Worker: v,
				Took: time.Millisecond, Err: errors.New(v),
			})
		}
	}
	values := map[string]map[string]bool{}
	for line := range strings.Lines(scrape(t, r)) {
		_, labels, ok := strings.Cut(line, "{")
		if !ok || !strings.HasPrefix(line, "parley_") {
			continue
		}
		labels, _, _ = strings.Cut(labels, "} ")
		for pair := range strings.SplitSeq(labels, `",`) {
			name, value, _ := strings.Cut(pair, "=")
			if values[name] == nil {
				values[name] = map[string]bool{}
			}
			values[name][strings.Trim(value, `"`)] = true
		}
	}
	for _, name := range []string{"stage", "account", "kind", "rule", "skill", "model", "worker"} {
		if n := len(values[name]); n < 10 || n > 129 {
			t.Errorf("label %s has %d values", name, n)
		}
		if !values[name]["other"] {
			t.Errorf("label %s has no value for the rest", name)
		}
	}
	for _, name := range []string{"trace", "chat", "user"} {
		if values[name] != nil {
			t.Errorf("there is a label %s", name)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newRecorder(telemetry.Options{Journeys: 16})
	ctx, cancel := context.WithCancel(t.Context())
	var subscribers, writers sync.WaitGroup
	for range 3 {
		subscribers.Go(func() {
			for j := range r.Journeys().Subscribe(ctx) {
				if len(j.Steps) == 0 {
					t.Error("a path without steps")
				}
			}
		})
	}
	for w := range 8 {
		writers.Go(func() {
			for n := range 500 {
				r.Observe(core.Event{Stage: core.StageAccepted, Account: core.Account(fmt.Sprint(n % 100)), Trace: core.TraceID(fmt.Sprint(w, "-", n))})
				r.Observe(core.Event{Stage: core.StageRouted, Trace: core.TraceID(fmt.Sprint(w, "-", n)), Skill: fmt.Sprint(n)})
				if n%100 == 0 {
					scrape(t, r)
					r.Journeys().Recent(16)
				}
			}
		})
	}
	writers.Wait()
	cancel()
	subscribers.Wait()
	if got := len(r.Journeys().Recent(100)); got != 16 {
		t.Errorf("%d paths kept, want 16", got)
	}
	total := 0
	for line := range strings.Lines(scrape(t, r)) {
		if strings.HasPrefix(line, "parley_stage_total{") {
			var n int
			if _, err := fmt.Sscan(line[strings.LastIndex(line, " "):], &n); err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	if total != 8000 {
		t.Errorf("%d steps counted, want 8000", total)
	}
}

func TestNewLogger(t *testing.T) {
	for _, c := range []struct {
		name string
		o    telemetry.LogOptions
		want string
		not  string
		err  string
	}{
		{name: "defaults", want: `"level":"info"`, not: "hidden"},
		{name: "json debug", o: telemetry.LogOptions{Level: "debug", Format: "json"}, want: "hidden"},
		{name: "text", o: telemetry.LogOptions{Format: "text"}, want: "INF shown", not: "\x1b"},
		{name: "level", o: telemetry.LogOptions{Level: "loud"}, err: `"loud"`},
		{name: "format", o: telemetry.LogOptions{Format: "xml"}, err: `"xml"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			c.o.Writer = &out
			log, err := telemetry.NewLogger(c.o)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one that names %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			log.Debug().Msg("hidden")
			log.Info().Msg("shown")
			if !strings.Contains(out.String(), c.want) || c.not != "" && strings.Contains(out.String(), c.not) {
				t.Errorf("wrote %q", out.String())
			}
		})
	}
}

func TestLogTimes(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(telemetry.LogOptions{Writer: &out})
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Msg("x")
	var line struct{ Time string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", line.Time); err != nil {
		t.Error(err)
	}
}

func BenchmarkObserve(b *testing.B) {
	r := telemetry.New(telemetry.Options{})
	traces := make([]core.TraceID, 1024)
	for i := range traces {
		traces[i] = core.NewTraceID()
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		r.Observe(core.Event{Stage: core.StageAccepted, Account: "support", Kind: core.KindMessage, Trace: traces[i&1023], Took: time.Millisecond, At: noon})
	}
}
