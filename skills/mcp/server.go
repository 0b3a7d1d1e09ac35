package mcp

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/skills/program"
)

// server is one MCP server and the session to it.
type server struct {
	Server
	o     *Options
	place *program.Place
	log   zerolog.Logger
	// tell is called when there is another version.
	tell func()
	// tried is closed once the server was reached, or was not.
	tried     chan struct{}
	triedOnce sync.Once
	// room holds one for each call that is under way.
	room chan struct{}

	mu      sync.Mutex
	now     *Skill
	current *session
	missed  int           // calls in a row that were not answered
	came    chan struct{} // closed and made anew when a session begins
}

func newServer(o *Options, place *program.Place, s Server, tell func()) *server {
	if s.Timeout <= 0 {
		s.Timeout = o.Times.Call
	}
	out := &server{
		Server: s, o: o, place: place, log: o.Log.With().Str("server", s.Name).Logger(), tell: tell,
		tried: make(chan struct{}), room: make(chan struct{}, o.Limits.Calls), came: make(chan struct{}),
	}
	out.now = newSkill(out, "", nil)
	return out
}

// version is the skill of now.
func (s *server) version() *Skill {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// run keeps a session until ctx ends.
func (s *server) run(ctx context.Context) {
	var late sync.WaitGroup
	defer late.Wait()
	for failures := 0; ; {
		began := time.Now()
		x, err := s.open(ctx, &late)
		s.triedOnce.Do(func() { close(s.tried) })
		if err == nil {
			s.o.Observe(s.Name, Connected)
			err = s.keep(ctx, x)
			s.leave()
			if s.lost(err); time.Since(began) > s.o.Times.Healthy {
				failures = 0
			}
			x.end()
		} else if ctx.Err() == nil {
			s.o.Observe(s.Name, Failed)
			if bits.OnesCount(uint(failures)) <= 1 { // 0, 1, 2, 4, 8: one that is down for days is not told each minute
				s.log.Error().Err(err).Int("failures", failures+1).Msg("an MCP server cannot be reached")
			}
		}
		failures++
		select {
		case <-time.After(min(s.o.Times.Again<<min(failures-1, 20), s.o.Times.MaxAgain)):
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// open begins a session, and takes the tools.
func (s *server) open(ctx context.Context, late *sync.WaitGroup) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Times.Start)
	defer cancel()
	var w wire
	var err error
	if len(s.Command) > 0 {
		w, err = startProcess(s.o, s.place.Dir, s.Server) //nolint:contextcheck // it lives as long as the session, not as the look that began it
	} else {
		w, err = newCaller(s.o, s.Server)
	}
	if err != nil {
		return nil, s.clean(err, "")
	}
	x, err := begin(ctx, w, s.o.Version, s.o.Times.Grace, late)
	if err != nil {
		return nil, s.clean(s.explain(w, err), w.said())
	}
	if err := s.look(ctx, x); err != nil {
		err = s.explain(w, err)
		w.cut()
		x.end()
		return nil, s.clean(err, w.said())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.missed = x, 0
	close(s.came)
	s.came = make(chan struct{})
	return x, nil
}

// explain gives what was seen on the wire before what came of it.
func (s *server) explain(w wire, err error) error {
	if why := w.why(); why != nil {
		s.o.Observe(s.Name, Flooded)
		return why
	}
	return err
}

// keep looks after a session until it or ctx ends. The error says what ended it.
func (s *server) keep(ctx context.Context, x *session) error {
	refresh := time.NewTicker(s.o.Times.Refresh)
	defer refresh.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-x.gone:
			if why := x.wire.why(); why != nil {
				return why
			}
			return errGone
		case <-x.changed:
			select {
			case <-time.After(s.o.Times.Settle):
			case <-ctx.Done():
				return ctx.Err()
			}
			select { // told several times meanwhile
			case <-x.changed:
			default:
			}
		case <-x.doubt:
		case <-refresh.C:
		}
		bounded, cancel := context.WithTimeout(ctx, s.o.Times.Start)
		err := s.look(bounded, x)
		cancel()
		if err != nil || s.hangs() {
			x.wire.cut()
			return errors.Join(errLate, err)
		}
	}
}

var errGone = errors.New("the connection ended")

// maxMissed is after how many calls in a row without an answer a session is begun anew.
const maxMissed = 3

func (s *server) hangs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missed >= maxMissed
}

// answered notes whether the server answered a call.
func (s *server) answered(x *session, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		s.missed = 0
		return
	}
	s.missed++
	nudge(x.doubt)
}

// leave has no more calls go to the session.
func (s *server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = nil
}

// lost says that a session ended.
func (s *server) lost(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	what := Lost
	if errors.Is(err, ErrFlood) {
		what = Flooded
	}
	s.o.Observe(s.Name, what)
	s.log.Warn().Err(s.clean(err, "")).Msg("the session to an MCP server ended; it is begun anew")
}

// look asks which tools there are, and makes another version where they are others.
func (s *server) look(ctx context.Context, x *session) error {
	list, err := x.list(ctx, s.o.Limits)
	if err != nil {
		return err
	}
	tools := s.take(list)
	version := ""
	if info := x.cs.InitializeResult().ServerInfo; info != nil {
		version = line(info.Version, maxVersion)
	}
	s.mu.Lock()
	was := s.now
	same := was.same(version, tools)
	if !same {
		s.now = newSkill(s, version, tools)
	}
	s.mu.Unlock()
	if !same {
		s.o.Observe(s.Name, Changed)
		s.tellChange(was, tools)
		s.tell()
	}
	return nil
}

// tellChange says what became of the tools, by name.
func (s *server) tellChange(was *Skill, now []tool) {
	var came, went, changed []string
	for _, t := range now {
		switch before, there := was.tool(t.Name); {
		case !there:
			came = append(came, t.Name)
		case before.sum != t.sum:
			changed = append(changed, t.Name)
		}
	}
	for _, t := range was.tools {
		if _, there := find(now, t.Name); !there {
			went = append(went, t.Name)
		}
	}
	s.log.Info().Strs("came", came).Strs("went", went).Strs("changed", changed).Msg("the tools of an MCP server changed")
}

// enter gives the session to which a call of a tool may go: that tool is still the same.
func (s *server) enter(ctx context.Context, t tool) (*session, error) {
	timer := time.NewTimer(s.o.Times.Wait)
	defer timer.Stop()
	for {
		s.mu.Lock()
		x, came, now := s.current, s.came, s.now
		s.mu.Unlock()
		if x != nil && !x.ended() {
			if is, there := now.tool(t.Name); !there || is.sum != t.sum {
				return nil, errOther
			}
			return x, nil
		}
		select {
		case <-came:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, errGone
		}
	}
}

var errOther = errors.New("the tool is another one by now")

const (
	// maxError bounds an error for the log, in bytes.
	maxError = 1000
	// maxVersion bounds a server's version, in characters.
	maxVersion = 64
)

// clean gives an error for the log, without the secrets that the server was given: it may
// say them.
func (s *server) clean(err error, said string) error {
	text := err.Error()
	if said != "" {
		text += "; it wrote: " + said
	}
	return cleaned{text: line(s.redact(text), maxError), err: err}
}

// redact takes the secrets that the server was given out of what it says.
func (s *server) redact(text string) string {
	for _, secrets := range []map[string]secret.String{s.Env, s.Headers} {
		for _, one := range secrets {
			_, token, _ := strings.Cut(one.Reveal(), " ") // as in "Bearer token"
			for _, word := range []string{one.Reveal(), token} {
				if len(word) >= minToken {
					text = secret.New(word).Redact(text)
				}
			}
		}
	}
	if s.URL != "" {
		text = strings.ReplaceAll(text, s.URL, "its url")
	}
	return text
}

// minToken is the shortest value that is taken for a secret; LANG=C is none.
const minToken = 8

// cleaned is an error with other words.
type cleaned struct {
	text string
	err  error
}

func (c cleaned) Error() string { return c.text }
func (c cleaned) Unwrap() error { return c.err }

// line gives words as one line of text, cut to most characters.
func line(text string, most int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || r == 0x7f {
			return ' '
		}
		return r
	}, text)), " ")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return fmt.Sprintf("%s...", string([]rune(text)[:most-3]))
}
