// Package status is the skill that tells how the hub is: to everybody whether it
// is up and its models can be reached, to admins in private what its parts do. It
// needs no model.
package status

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "status"

// maxRows bounds each list of a report that is shown, so that a large hub's
// status is still one message.
const maxRows = 20

// Source tells how the hub is right now. It answers from memory, soon, from many
// goroutines; what it cannot find out it leaves out.
type Source func(ctx context.Context) Report

// Report is the state of a hub.
type Report struct {
	// Version is the hub's.
	Version string
	// Up is how long it has been running.
	Up       time.Duration
	Pools    []Pool
	Queues   []Queue
	Workers  []Worker
	Accounts []Account
}

// Pool is a pool of model workers.
type Pool struct {
	Name string
	// Reachable is true when at least one worker would take a request.
	Reachable bool
}

// Queue is one family of mailboxes; the numbers are items.
type Queue struct {
	Name    string
	Ready   int
	Leased  int
	Delayed int
	Dead    int
	// Oldest is how long the oldest ready item has waited.
	Oldest time.Duration
}

// Worker is one model worker.
type Worker struct {
	Name string
	Pool string
	// State is its health in a word, as the pool calls it.
	State string
	// Busy is how many requests it is answering.
	Busy int
}

// Account is one bot account.
type Account struct {
	Name    string
	Healthy bool
	// Detail says what is wrong or what is awaited; no secrets. May be empty.
	Detail string
}

// Skill tells the hub's status. It is safe for concurrent use.
type Skill struct{ source Source }

// New makes the skill.
func New(source Source) *Skill { return &Skill{source: source} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{Name: Name, Commands: []skills.Command{{Name: "status", Help: about}}}
}

// Handle answers with the report. Its inner parts are for admins only, and not
// for the groups they write in.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	language := t.Envelope.From.Language
	r := s.source(ctx)
	lines := public(r, language)
	if t.Role == skills.Admin {
		if t.Envelope.In.Place == core.Private {
			lines = append(lines, inner(r, language)...)
		} else {
			lines = append(lines, "", moreInPrivate.In(language))
		}
	}
	w.Reply(core.Text{Text: strings.Join(lines, "\n")})
	return nil
}

func public(r Report, language string) []string {
	lines := []string{fmt.Sprintf(up.In(language), r.Version, r.Up.Round(time.Second))}
	if len(r.Pools) == 0 {
		return append(lines, noPools.In(language))
	}
	return append(lines, rows(r.Pools, language, func(p Pool) string {
		state := unreachable
		if p.Reachable {
			state = reachable
		}
		return fmt.Sprintf(model.In(language), p.Name, state.In(language))
	})...)
}

func inner(r Report, language string) []string {
	var lines []string
	section := func(title skills.Phrase, rows []string) {
		if len(rows) > 0 {
			lines = append(append(lines, "", title.In(language)), rows...)
		}
	}
	section(titleQueues, rows(r.Queues, language, func(q Queue) string {
		return fmt.Sprintf(queueRow.In(language), q.Name, q.Ready, q.Leased, q.Delayed, q.Dead, q.Oldest.Round(time.Second))
	}))
	section(titleWorkers, rows(r.Workers, language, func(k Worker) string {
		return fmt.Sprintf(workerRow.In(language), k.Name, k.Pool, k.State, k.Busy)
	}))
	section(titleAccounts, rows(r.Accounts, language, func(a Account) string {
		state := unhealthy
		if a.Healthy {
			state = healthy
		}
		row := a.Name + ": " + state.In(language)
		if a.Detail != "" {
			row += " – " + a.Detail
		}
		return row
	}))
	return lines
}

// rows writes at most maxRows of a list and how many are left out.
func rows[T any](list []T, language string, row func(T) string) []string {
	lines := make([]string, 0, min(len(list), maxRows)+1)
	for _, item := range list[:min(len(list), maxRows)] {
		lines = append(lines, row(item))
	}
	if over := len(list) - maxRows; over > 0 {
		lines = append(lines, fmt.Sprintf(andMore.In(language), over))
	}
	return lines
}
