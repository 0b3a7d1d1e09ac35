package playground

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/internal/console"
)

// faultKind is a way in which platforms can fail; faultUnlink is of linked ones only.
type faultKind string

// The kinds of faults.
const (
	// faultBusy answers 429 to the next call that leaves or changes a message.
	faultBusy faultKind = "busy"
	// faultError answers 5xx to it, and does nothing.
	faultError faultKind = "error"
	// faultTwice delivers the next message of a person twice.
	faultTwice faultKind = "twice"
	// faultLost does what the next call asks and drops the connection.
	faultLost faultKind = "lost"
	// faultGone makes the platform unreachable for goneFor.
	faultGone faultKind = "gone"
	// faultUnlink removes the hub from the linked devices.
	faultUnlink faultKind = "unlink"
)

const (
	// busyFor is what a 429 tells to wait.
	busyFor = 4 * time.Second
	goneFor = 12 * time.Second
	// keptNotes is how many lines a phone keeps.
	keptNotes = 20
)

// faultsOf introduces the faults of a platform.
func faultsOf(a about) []console.Fault {
	all := []console.Fault{
		{ID: string(faultBusy), Label: "Too busy", About: "The next answer meets a 429: wait 4 seconds."},
		{ID: string(faultError), Label: "Server error", About: "The next answer meets a 500."},
		{ID: string(faultTwice), Label: "Deliver twice", About: "Your next message reaches the hub two times."},
		{ID: string(faultLost), Label: "Lose the receipt", About: "The next answer is stored, but the hub never hears of it."},
		{ID: string(faultGone), Label: "Unplug", About: a.name + " cannot be reached for 12 seconds."},
		{ID: string(faultUnlink), Label: "Log it out", About: "The phone removes the hub from its linked devices."},
	}
	return slices.DeleteFunc(all, func(f console.Fault) bool {
		kind := faultKind(f.ID)
		return a.faults == nil && kind == faultUnlink || a.faults != nil && !slices.Contains(a.faults, kind)
	})
}

// armed, struck and over are what a note says when a fault waits, was met, and when
// what it did is made good. The second and third may name how long it took.
var (
	armed = map[faultKind]string{
		faultBusy:  "Armed: write something, and %s will be too busy for the answer.",
		faultError: "Armed: write something, and %s will fail at the answer.",
		faultTwice: "Armed: write something, and %s will deliver it twice.",
		faultLost:  "Armed: write something, and %s will lose the receipt of the answer.",
		faultGone:  "%s cannot be reached. Write all the same.",
	}
	struck = map[faultKind]string{
		faultBusy:  "%s said 429, wait 4 s. The answer waits.",
		faultError: "%s answered with a server error. The hub will try again.",
		faultTwice: "%s delivered your message twice.",
		faultLost:  "%s stored the message and cut the line. The hub cannot know.",
	}
	over = map[faultKind]string{
		faultBusy:  "The answer came after %s, as told.",
		faultError: "The answer came all the same, after %s.",
		faultTwice: "The hub knew it already: answered once.",
		faultLost:  "The hub found out that it stands: nothing is doubled.",
		faultGone:  "%s is back, and the hub with it.",
	}
	// onceOnly ends faultTwice where encryption opens nothing twice: the hub never sees the copy.
	onceOnly = "The linked device opens nothing twice and threw the copy away: answered once."
	doubled  = "%s offers no way to find out: the hub sent it once more, counted and logged it."
)

// incident is a fault from its arming to its end.
type incident struct {
	seat *seat
	kind faultKind
	// strikes are its faults in the simulator; none before they are to be met.
	strikes []strike
	// met is when it was met; zero before.
	met time.Time
	// unsure is true when the hub sent a message once more because nobody could know.
	unsure bool
}

// incidents keep what became of faults, and tell it.
type incidents struct {
	p *Playground

	mu        sync.Mutex
	open      []*incident
	lines     map[string][]console.Note
	followers map[int]func(phone string)
	serial    int
	// work are the incidents that wait for somebody who waits for their fault to be met.
	work chan *incident
}

func newIncidents(p *Playground) incidents {
	return incidents{p: p, lines: map[string][]console.Note{}, followers: map[int]func(string){}, work: make(chan *incident, 16)}
}

// follow tells f of each change of a phone's notes until the returned function is called.
func (x *incidents) follow(f func(phone string)) (leave func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.serial++
	id := x.serial
	x.followers[id] = f
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.followers, id)
	}
}

func (x *incidents) notes(phone string) []console.Note {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]console.Note(nil), x.lines[phone]...)
}

// touch tells the pages to look at a phone again.
func (x *incidents) touch(phone string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.followers {
		f(phone)
	}
}

// note writes a line about a phone. x.mu is held.
func (x *incidents) note(s *seat, text string, done bool) { x.line(s.info.ID, text, done) }

// write writes a line about the hub.
func (x *incidents) write(text string, done bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.line(console.TheHub, text, done)
}

func (x *incidents) line(about, text string, done bool) {
	lines := append(x.lines[about], console.Note{At: time.Now(), Text: text, Over: done})
	x.lines[about] = lines[max(0, len(lines)-keptNotes):]
	for _, f := range x.followers {
		f(about)
	}
}

// begin arms a fault. One that was armed before and not met is replaced.
func (x *incidents) begin(s *seat, kind faultKind) {
	i := &incident{seat: s, kind: kind}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range x.open {
		if o.seat == s && o.met.IsZero() {
			x.end(o)
		}
	}
	x.open = append(x.open, i)
	x.note(s, fmt.Sprintf(armed[kind], s.info.Name), false)
	switch kind {
	case faultGone:
		i.met = time.Now()
		x.wait(i)
	case faultTwice:
		x.inject(i)
	}
}

// inject puts the fault into the simulator. x.mu is held.
func (x *incidents) inject(i *incident) {
	i.strikes = i.seat.fail(i.kind)
	x.wait(i)
}

// wait hands an incident to run. x.mu is held.
func (x *incidents) wait(i *incident) {
	select {
	case x.work <- i:
	default:
		x.end(i) // more than anybody clicks
	}
}

// end forgets an incident. x.mu is held.
func (x *incidents) end(i *incident) {
	remove(i.strikes)
	for n, o := range x.open {
		if o == i {
			x.open = append(x.open[:n:n], x.open[n+1:]...)
			return
		}
	}
}

func remove(strikes []strike) {
	for _, s := range strikes {
		s.Remove()
	}
}

// run waits for the faults to be met until ctx ends.
func (x *incidents) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case i := <-x.work:
			if i.kind == faultGone {
				wg.Go(func() { x.unplug(ctx, i) })
				continue
			}
			for _, s := range i.strikes {
				wg.Go(func() {
					if s.WaitHits(ctx, 1) == nil {
						x.met(i)
					}
				})
			}
		case <-ctx.Done():
			x.mu.Lock()
			for _, i := range x.open {
				remove(i.strikes)
			}
			x.mu.Unlock()
			return
		}
	}
}

// met takes in that the fault struck: once is enough.
func (x *incidents) met(i *incident) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !i.met.IsZero() {
		return
	}
	i.met = time.Now()
	remove(i.strikes)
	x.note(i.seat, fmt.Sprintf(struck[i.kind], i.seat.info.Name), false)
}

// unplug cuts a platform off for a while.
func (x *incidents) unplug(ctx context.Context, i *incident) {
	i.seat.line.cut()
	select {
	case <-time.After(goneFor):
	case <-ctx.Done():
		return
	}
	err := i.seat.line.mend()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.end(i)
	if err != nil {
		x.note(i.seat, "It cannot be plugged in again: "+err.Error(), true)
		return
	}
	x.note(i.seat, fmt.Sprintf(over[faultGone], i.seat.info.Name), true)
}

// observe takes in what the hub did, and tells how an incident ended. It must not block.
func (x *incidents) observe(e core.Event) {
	switch e.Stage {
	case core.StageSkill, core.StageDelivered, core.StageDuplicate, core.StageUnsure:
	default:
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, i := range x.open {
		if i.seat.info.Account != string(e.Account) || i.kind == faultGone {
			continue
		}
		if i.met.IsZero() {
			// The answer is there and not sent: what meets it now is no draft.
			if e.Stage == core.StageSkill && i.strikes == nil {
				x.inject(i)
			}
			continue
		}
		name := i.seat.info.Name
		switch {
		case e.Stage == core.StageUnsure:
			i.unsure = true
		case i.kind == faultTwice && e.Stage == core.StageDuplicate:
			x.end(i)
			x.note(i.seat, over[faultTwice], true)
		case i.kind == faultTwice && e.Stage == core.StageDelivered && i.seat.linker != nil:
			x.end(i)
			x.note(i.seat, onceOnly, true)
		case i.kind == faultTwice:
		case e.Stage == core.StageDelivered && i.unsure:
			x.end(i)
			x.note(i.seat, fmt.Sprintf(doubled, name), true)
		case e.Stage == core.StageDelivered && i.kind == faultLost:
			x.end(i)
			x.note(i.seat, over[faultLost], true)
		case e.Stage == core.StageDelivered:
			x.end(i)
			x.note(i.seat, fmt.Sprintf(over[i.kind], time.Since(i.met).Round(100*time.Millisecond)), true)
		}
		return
	}
}
