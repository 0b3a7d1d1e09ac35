package status_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
	"github.com/parley-hub/parley/skills/status"
)

func report(context.Context) status.Report {
	return status.Report{
		Version: "1.2.3", Up: 90*time.Minute + 300*time.Millisecond,
		Pools:    []status.Pool{{Name: "small", Reachable: true}, {Name: "big"}},
		Queues:   []status.Queue{{Name: "inbox", Ready: 1, Leased: 2, Delayed: 3, Dead: 4, Oldest: 5 * time.Second}},
		Workers:  []status.Worker{{Name: "gpu-1", Pool: "small", State: "ready", Busy: 6}},
		Accounts: []status.Account{{Name: "support", Healthy: true}, {Name: "sales", Detail: "logged out"}},
	}
}

func empty(context.Context) status.Report { return status.Report{Version: "dev"} }

func many(context.Context) status.Report {
	r := status.Report{Version: "dev"}
	for i := range 25 {
		r.Pools = append(r.Pools, status.Pool{Name: strconv.Itoa(i), Reachable: true})
	}
	return r
}

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return status.New(report) }})
}

func TestStatus(t *testing.T) {
	const public = "I am up. Version 1.2.3, running for 1h30m0s.\nModel small: reachable\nModel big: not reachable"
	for name, c := range map[string]struct {
		source status.Source
		turn   skilltest.TurnOptions
		want   string
	}{
		"user": {report, skilltest.TurnOptions{}, public},
		"admin": {report, skilltest.TurnOptions{Role: skills.Admin}, public +
			"\n\nQueues:\ninbox: 1 ready, 2 in work, 3 delayed, 4 dead; oldest waits 5s" +
			"\n\nWorkers:\ngpu-1 (small): ready, 6 requests" +
			"\n\nAccounts:\nsupport: well\nsales: not well – logged out"},
		"admin in a group": {
			report, skilltest.TurnOptions{Role: skills.Admin, Place: core.Group}, public + "\n\nAsk me in private for more.",
		},
		"without models, in German": {
			empty, skilltest.TurnOptions{Role: skills.Admin, Language: "de"},
			"Ich laufe. Version dev, seit 0s.\nEs ist kein Modell eingerichtet.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := said(t, c.source, c.turn); got != c.want {
				t.Errorf("reply %q, want %q", got, c.want)
			}
		})
	}
}

func TestLongListsAreCut(t *testing.T) {
	lines := strings.Split(said(t, many, skilltest.TurnOptions{}), "\n")
	if last := lines[len(lines)-1]; len(lines) != 22 || last != "and 5 more" {
		t.Errorf("%d lines, the last %q", len(lines), last)
	}
}

func said(t *testing.T, source status.Source, o skilltest.TurnOptions) string {
	t.Helper()
	var w skilltest.RecordingWriter
	if err := status.New(source).Handle(t.Context(), skilltest.NewTurn(o), &w); err != nil {
		t.Fatal(err)
	}
	return w.Text()
}
