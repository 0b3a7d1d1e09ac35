package answers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// restartFrom is how long a run must be for the hub itself to be stopped and started.
const restartFrom = 30 * time.Second

// TestAnswers lets people talk while their model workers fail, and reads what they saw.
func TestAnswers(t *testing.T) {
	drawn := *seed
	if drawn == 0 {
		drawn = rand.Uint64()
	}
	t.Logf("seed %d", drawn)
	w := newWorld(t, drawn, int(*duration/time.Second)*2+50)
	w.start()
	ctx, cancel := context.WithTimeout(t.Context(), *duration+3*time.Minute)
	defer cancel()
	stop, talked := make(chan struct{}), make(chan error, 1)
	go func() { talked <- w.talk(ctx, stop) }()
	failing, over := context.WithTimeout(ctx, *duration)
	var meanwhile func()
	if *duration >= restartFrom {
		meanwhile = w.restart
	}
	w.strike(failing, 600*time.Millisecond, *duration/2, meanwhile)
	over()
	close(stop)
	if err := <-talked; err != nil {
		t.Error(err)
	}
	w.settle(ctx)
	w.report()
	if t.Failed() {
		lines := slices.DeleteFunc(w.hub.Lines(), func(l string) bool {
			return strings.HasPrefix(l, `{"level":"info"`) || strings.HasPrefix(l, `{"level":"debug"`) && !strings.Contains(l, `"unknown":true`)
		})
		t.Logf("log of the hub:\n%s", strings.Join(lines, "\n"))
	}
}

// tally is what became of a crowd's questions, and how.
type tally struct {
	verdict
	messages, whole, notes int
	// unseen answers were begun again before anybody saw anything, continued ones taken up
	// by another worker, restarted ones replaced in front of the person.
	unseen, continued, restarted int
	told                         map[string]int
}

func (w *world) report() {
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	row(out, "platform", "messages", "whole", "honest notes", "begun again unseen", "continued", "restarted",
		"broken", "doubled", "false-complete", "disordered", "lost", "forgotten", "stray drafts", "texts read")
	all := tally{told: map[string]int{}}
	for _, c := range w.crowds {
		s := w.judge(c)
		s.row(out, c.name)
		all.add(s)
	}
	all.row(out, "all")
	_ = out.Flush() // into memory
	if known := w.unknown(); all.stray > known {
		w.t.Errorf("%d drafts were left behind, of %d the hub did not know whether they were sent", all.stray, known)
	}
	wrong := w.model.complaints()
	for _, words := range wrong {
		w.t.Errorf("a worker was asked what nobody should ask: %s", words)
	}
	if all.messages == 0 || all.whole == 0 {
		w.t.Error("nobody got an answer")
	}
	failed := w.hub.Count("model worker failed")
	if !w.restarted && w.counted != float64(failed) {
		w.t.Errorf("%v failures of workers were counted, %d logged", w.counted, failed)
	}
	again := 0
	for attempt := 2; attempt <= 4; attempt++ {
		again += w.hub.Count(fmt.Sprintf(`"attempt":%d,"took"`, attempt))
	}
	w.t.Logf("seed %d, %v, %d people\n%s\nnotes: %v\ntroubles:%s\n%d attempts of workers failed, %d turns were run again",
		w.seed, *duration, len(w.crowds)**people, &table, all.told, w.happened(), failed, again)
}

// unknown is of how many drafts nobody knows whether their message was sent.
func (w *world) unknown() int {
	n := 0
	for _, l := range w.hub.Lines() {
		if strings.Contains(l, "draft not shown") && strings.Contains(l, `"method":"send","unknown":true`) {
			n++
		}
	}
	return n
}

func (s *tally) add(o tally) {
	s.verdict.add(o.verdict)
	s.messages += o.messages
	s.whole += o.whole
	s.notes += o.notes
	s.unseen += o.unseen
	s.continued += o.continued
	s.restarted += o.restarted
	for words, n := range o.told {
		s.told[words] += n
	}
}

func (s *tally) row(out *tabwriter.Writer, name string) {
	row(out, name, s.messages, s.whole, s.notes, s.unseen, s.continued, s.restarted,
		s.broken, s.doubled, s.incomplete, s.disordered, s.lost, s.forgotten, s.stray, s.seen)
}

func row(out *tabwriter.Writer, cells ...any) {
	for _, cell := range cells {
		_, _ = fmt.Fprint(out, cell, "\t") // into memory
	}
	_, _ = fmt.Fprintln(out)
}

// judge looks at everything that the people of a platform saw.
func (w *world) judge(c *crowd) tally {
	s := tally{told: map[string]int{}}
	for n, chat := range c.chats {
		fates, v, wrong := review(chat.person, c.shown(n))
		v.add(chat.v)
		wrong = append(chat.wrong, wrong...)
		s.messages += chat.asked
		v.lost += max(chat.asked-len(fates), 0)
		var before []remembered
		for turn, f := range fates {
			q := question{chat.person, turn}
			takes := w.model.of(q)
			for _, take := range takes {
				if !holds(take.before, before) {
					v.forgotten++
					wrong = append(wrong, fmt.Sprintf("%s: a prompt held %v, answered were %v", q, take.before, before))
				}
			}
			if f.told == "" && f.take != 0 || f.kept {
				before = append(before, remembered{q, f.take, f.said})
			}
			switch {
			case f.told != "":
				s.notes++
				s.told[f.told]++
				continue
			case f.take == 0:
				continue
			}
			s.whole++
			s.how(f.take, takes, chat.takes[turn])
		}
		s.verdict.add(v)
		for _, words := range wrong {
			w.t.Logf("%s: %s", c.name, words)
		}
	}
	if n := s.bad(); n > 0 {
		w.t.Errorf("%s: people saw %d things that nobody may see: %+v", c.name, n, s.verdict)
	}
	return s
}

// how tells in which way a question came to its answer.
func (s *tally) how(final int, takes []begun, seen map[int]bool) {
	switch {
	case len(seen) > 1 || len(seen) == 1 && !seen[final]:
		s.restarted++
	case len(takes) > 1:
		s.unseen++
	}
	if slices.ContainsFunc(takes, func(b begun) bool { return b.take == final && b.continued > 0 }) {
		s.continued++
	}
}

// longest is how many turns are remembered at least, if there were as many.
const longest = 15

// holds tells whether a prompt held what was answered before: the newest turns, in order,
// none left out.
func holds(prompt, answered []remembered) bool {
	n := len(prompt)
	return n <= len(answered) && n >= min(len(answered), longest) && slices.Equal(prompt, answered[len(answered)-n:])
}
