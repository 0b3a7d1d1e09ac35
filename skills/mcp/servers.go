package mcp

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/parley-hub/parley/skills/program"
)

// Servers keeps the sessions of all servers. Load and Run are used by one goroutine.
type Servers struct {
	o       Options
	servers []*server
	// place is where their programs run; nil where there are none.
	place *program.Place
	// published are the versions that are in use.
	published []*Skill
	// changed is told when a server has another version.
	changed chan struct{}

	running sync.WaitGroup
	life    context.Context //nolint:containedctx // the servers' own life, not a call's
	end     context.CancelFunc
}

// New publishes a skill for each server, without tools so far, and begins to reach for the
// servers. The error is that of Publish, or of a place for their programs.
func New(o Options) (*Servers, error) {
	o = o.withDefaults()
	s := &Servers{o: o, changed: make(chan struct{}, 1)}
	if slices.ContainsFunc(o.Servers, func(one Server) bool { return len(one.Command) > 0 }) {
		var err error
		if s.place, err = program.NewPlace(o.Log); err != nil {
			return nil, err
		}
	}
	s.life, s.end = context.WithCancel(context.Background())
	for _, one := range o.Servers {
		s.servers = append(s.servers, newServer(&s.o, s.place, one, s.tell))
	}
	if err := s.publish(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, one := range s.servers {
		s.running.Go(func() { one.run(s.life) })
	}
	return s, nil
}

// Close ends all sessions. It returns when all programs have ended.
func (s *Servers) Close() error {
	s.end()
	s.running.Wait()
	if s.place != nil {
		return s.place.Close()
	}
	return nil
}

// Skills are the versions that are in use, in the order of the servers.
func (s *Servers) Skills() []*Skill { return s.published }

// Load waits until each server was reached or was not, for Times.First at most, and publishes
// what they have.
func (s *Servers) Load(ctx context.Context) {
	timer := time.NewTimer(s.o.Times.First)
	defer timer.Stop()
	for _, one := range s.servers {
		select {
		case <-one.tried:
		case <-timer.C:
			timer.Reset(0)
		case <-ctx.Done():
			return
		}
	}
	s.look()
}

// Run publishes what changes until ctx ends.
func (s *Servers) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
			s.look()
		}
	}
}

func (s *Servers) tell() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// look publishes the versions of now. Where they cannot be had together, those that are in
// use stay.
func (s *Servers) look() {
	for i, one := range s.servers {
		now := one.version()
		if now == s.published[i] {
			continue
		}
		if err := s.swap(i, now); err != nil {
			s.o.Observe(one.Name, Refused)
			one.log.Error().Err(err).Msg("the tools of an MCP server cannot be taken; those before go on")
		}
	}
}

// swap publishes another version of one server.
func (s *Servers) swap(i int, now *Skill) error {
	was := s.published
	s.published = append([]*Skill{}, was...)
	s.published[i] = now
	if err := s.o.Publish(s.published); err != nil {
		s.published = was
		return err
	}
	return nil
}

// publish publishes all of them for the first time.
func (s *Servers) publish() error {
	for _, one := range s.servers {
		s.published = append(s.published, one.version())
	}
	return s.o.Publish(s.published)
}
