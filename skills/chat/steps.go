package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
)

const (
	// stepsQuota is how many bytes of steps are kept of a person.
	stepsQuota = 8 << 20
	// keepSteps is how long the steps of a turn are kept at least that nothing came behind:
	// longer than a person is waited for.
	keepSteps = 2 * confirmTime
	// keepAnyway is how long they are kept where there is no room: longer than turns take.
	keepAnyway = time.Hour
)

// errElsewhere is in the fault of a run that another one overtook: it was taken for dead.
var errElsewhere = errors.New("another run of this turn has got as far already")

// step is the model asking for tools.
type step struct {
	// At and Memory are of the turn that made it: when, and in whose memory.
	At     time.Time         `json:"at"`
	Memory string            `json:"memory"`
	Text   string            `json:"text,omitempty"`
	Calls  []models.ToolCall `json:"calls"`
}

// at is where a result belongs.
type at struct{ step, index int }

// steps are those of one turn, kept durably: a turn that is run again takes them up, and
// makes no call again whose result is there. They lie in what the skill keeps of the person,
// as "TURN/STEP" and "TURN/STEP.CALL".
type steps struct {
	in skills.Storage
	t  *skills.Turn
	// turn is the one that began them.
	turn core.EnvelopeID

	list    []step
	mu      sync.Mutex
	results map[at]result
}

// openSteps reads the steps of a turn, and erases those of turns that are over: of earlier
// ones in this memory, and of others that nobody came back to.
func openSteps(ctx context.Context, t *skills.Turn, turn core.EnvelopeID) (*steps, error) {
	s := &steps{in: t.World.PersonStorage(), t: t, turn: turn, results: map[at]result{}}
	names, err := s.in.Names(ctx, "")
	if err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, string(turn)+"/") })
	if err := s.read(ctx, own); err != nil {
		return nil, err
	}
	if err := s.sweep(ctx, names, keepSteps); err != nil {
		t.Log.Warn().Err(err).Msg("the steps of an earlier turn cannot be erased yet")
	}
	return s, nil
}

func (s *steps) read(ctx context.Context, names []string) error {
	found := map[int]step{}
	for _, name := range names {
		_, number, _ := strings.Cut(name, "/")
		value, ok, err := s.in.Get(ctx, name)
		if err != nil {
			return err
		}
		n, i, isResult := strings.Cut(number, ".")
		which, err := strconv.Atoi(n)
		if !ok || err != nil {
			continue
		}
		if !isResult {
			var st step
			if err := json.Unmarshal(value, &st); err != nil {
				return unreadable(err)
			}
			found[which] = st
			continue
		}
		index, err := strconv.Atoi(i)
		if err != nil {
			continue
		}
		var r result
		if err := json.Unmarshal(value, &r); err != nil {
			return unreadable(err)
		}
		s.results[at{which, index}] = r
	}
	for n := range len(found) {
		st, ok := found[n]
		if !ok {
			break
		}
		s.list = append(s.list, st)
	}
	return nil
}

// sweep erases the steps of other turns that are over: those of this memory, in which turns
// come one after the other, and those older than keep.
func (s *steps) sweep(ctx context.Context, names []string, keep time.Duration) error {
	byTurn := map[core.EnvelopeID][]string{}
	for _, name := range names {
		if of, _, _ := strings.Cut(name, "/"); of != string(s.turn) {
			byTurn[core.EnvelopeID(of)] = append(byTurn[core.EnvelopeID(of)], name)
		}
	}
	for _, of := range slices.Sorted(maps.Keys(byTurn)) {
		var first step
		value, ok, err := s.in.Get(ctx, stepName(of, 0))
		if err != nil {
			return err
		}
		if ok && json.Unmarshal(value, &first) == nil && first.Memory != affinity(s.t) && s.t.Now.Sub(first.At) < keep {
			continue
		}
		if err := s.erase(ctx, byTurn[of]); err != nil {
			return err
		}
	}
	return nil
}

func (s *steps) erase(ctx context.Context, names []string) error {
	// The first step goes last: it says whose the others are.
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) })
	for _, name := range names {
		if err := s.in.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func stepName(turn core.EnvelopeID, n int) string { return string(turn) + "/" + strconv.Itoa(n) }

// callID names a call for ever.
func (s *steps) callID(n, i int) string { return fmt.Sprintf("%s.%d", stepName(s.turn, n), i) }

// step gives the n-th step, if it was made.
func (s *steps) step(n int) (step, bool) {
	if n < len(s.list) {
		return s.list[n], true
	}
	return step{}, false
}

// result gives what came of a call, if that is known.
func (s *steps) result(n, i int) (result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.results[at{n, i}]
	return r, ok
}

// add keeps a step, before any of its calls is made.
func (s *steps) add(ctx context.Context, n int, st step) error {
	st.At, st.Memory = s.t.Now, affinity(s.t)
	if err := s.put(ctx, stepName(s.turn, n), st); err != nil {
		return err
	}
	s.list = append(s.list, st)
	return nil
}

// keep keeps what came of a call.
func (s *steps) keep(ctx context.Context, n, i int, r result) error {
	s.mu.Lock()
	s.results[at{n, i}] = r
	s.mu.Unlock()
	return s.put(ctx, s.callID(n, i), r)
}

// put keeps a value that is not there yet. Where there is no room left, the steps of other
// turns give way.
func (s *steps) put(ctx context.Context, name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fault.New(fault.Bug, "keep a step", err)
	}
	done, err := s.in.Swap(ctx, name, nil, data)
	if errors.Is(err, skills.ErrFull) {
		if err := s.makeRoom(ctx); err != nil {
			return err
		}
		done, err = s.in.Swap(ctx, name, nil, data)
	}
	if err == nil && !done {
		err = fault.New(fault.Retryable, "keep a step", errElsewhere)
	}
	return err
}

func (s *steps) makeRoom(ctx context.Context) error {
	names, err := s.in.Names(ctx, "")
	if err != nil {
		return err
	}
	return s.sweep(ctx, names, keepAnyway)
}
