package plugin

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// Skill is one version of a program, as a skill of the hub. It is safe for concurrent use.
type Skill struct {
	o        *Options
	file     string // its name in the folder
	sum      string // of the file, in hex
	path     string // of the copy that is run
	manifest skills.Manifest
	log      zerolog.Logger
	cancel   context.CancelFunc

	mu      sync.Mutex
	current *process
	changed chan struct{} // closed and made anew with each change
	down    bool          // it is not started again
	next    *Skill        // the version after this one, once it is retired
}

var _ skills.Skill = (*Skill)(nil)

// Manifest implements skills.Skill.
func (s *Skill) Manifest() skills.Manifest { return s.manifest }

// File is the name of the program in its folder.
func (s *Skill) File() string { return s.file }

// Sum is the SHA-256 of the program, in hex.
func (s *Skill) Sum() string { return s.sum }

// Handle implements skills.Skill. While the program is started again it waits; a turn that
// comes to a version that is retired goes to the one after it.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := s.enter(ctx, t)
	if err != nil {
		return err
	}
	return p.handle(ctx, s.o, s.manifest.Name, t, w)
}

// enter finds the process that takes a turn.
func (s *Skill) enter(ctx context.Context, t *skills.Turn) (*process, error) {
	timer := time.NewTimer(s.o.Times.Wait)
	defer timer.Stop()
	gone := func(class fault.Class) error {
		return fault.New(class, "skill "+s.manifest.Name, ErrGone, fault.WithPublic(notThere.In(t.Envelope.From.Language)))
	}
	for at := s; ; {
		at.mu.Lock()
		p, changed, down, next := at.current, at.changed, at.down, at.next
		at.mu.Unlock()
		switch {
		case p != nil && p.enter():
			return p, nil
		case next != nil:
			at = next
			continue
		case down:
			return nil, gone(fault.Permanent)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fault.New(fault.Retryable, "skill "+s.manifest.Name, ctx.Err())
		case <-timer.C:
			return nil, gone(fault.Retryable)
		}
	}
}

func (s *Skill) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// run looks after the program until ctx ends: one that broke is started again, with growing
// waits. Then it lets the turns end and stops it.
func (s *Skill) run(ctx context.Context) {
	var old sync.WaitGroup
	defer old.Wait()
	crashes := 0
	for p := s.current; ; {
		if !s.watch(ctx, p) {
			p.retire(context.WithoutCancel(ctx), s.o.Times.Drain)
			return
		}
		s.change(func() { s.current = nil })
		s.tell(p)
		broken := p
		old.Go(func() {
			// A process that hangs may still end its other turns.
			broken.retire(context.WithoutCancel(ctx), s.o.Times.Cancel)
		})
		if time.Since(p.began) > s.o.Times.Healthy {
			crashes = 0
		}
		if p = s.again(ctx, &crashes); p == nil {
			return
		}
		s.change(func() { s.current = p })
	}
}

// watch waits until a process breaks, and asks it now and then whether it is well; false
// when ctx ended.
func (s *Skill) watch(ctx context.Context, p *process) bool {
	ticks := time.NewTicker(s.o.Times.Check)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-p.broken:
			return true
		case <-ticks.C:
			bounded, cancel := context.WithTimeout(ctx, s.o.Times.Cancel)
			if p.check(bounded) != nil && ctx.Err() == nil {
				p.breaks(Hung)
			}
			cancel()
		}
	}
}

// tell says that a process broke.
func (s *Skill) tell(p *process) {
	s.o.Observe(s.manifest.Name, p.why)
	s.log.Error().Str("what", p.why).Dur("lived", time.Since(p.began)).Msg("the skill's program broke")
}

// again starts the program anew; nil when ctx ended or it broke too often.
func (s *Skill) again(ctx context.Context, crashes *int) *process {
	for {
		*crashes++
		if *crashes > s.o.Times.MaxCrashes {
			s.log.Error().Int("crashes", *crashes-1).Msg("the skill's program breaks each time; it is not started again until its file changes")
			s.o.Observe(s.manifest.Name, GaveUp)
			s.change(func() { s.down = true })
			<-ctx.Done()
			return nil
		}
		wait := min(s.o.Times.Again<<min(*crashes-1, 20), s.o.Times.MaxAgain)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		p, _, err := start(ctx, *s.o, s.path, s.manifest.Permissions.Memory, s.log)
		if err == nil {
			s.o.Observe(s.manifest.Name, Started)
			return p
		}
		if ctx.Err() != nil {
			return nil
		}
		s.log.Error().Err(err).Int("crashes", *crashes).Msg("the skill's program cannot be started again")
	}
}

// retire ends this version; turns that still come go to the next one, or nowhere. It returns
// at once.
func (s *Skill) retire(next *Skill) {
	s.change(func() {
		s.next = next
		s.down = next == nil
		if s.current != nil {
			s.current.refuse()
		}
	})
	s.cancel()
}
