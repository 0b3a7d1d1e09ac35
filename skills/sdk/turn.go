package sdk

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

var (
	errNoTurn = errors.New("the hub sent no turn")
	errGone   = errors.New("the hub is gone")
	errOver   = errors.New("the turn is over")
)

// Handle implements protocol.SkillServer: one turn.
func (s *service) Handle(stream grpc.BidiStreamingServer[protocol.ToSkill, protocol.ToHub]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	told := first.GetTurn()
	if told == nil {
		return errNoTurn
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	if left := told.GetLeft(); left > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(left))
		defer stop()
	}
	h := &hub{stream: stream, waiting: map[uint64]chan *protocol.Answer{}, gone: make(chan struct{})}
	go h.listen(cancel)
	end := s.run(ctx, told, h)
	h.end(end)
	return nil
}

// run is the turn, up to its end.
func (s *service) run(ctx context.Context, told *protocol.Turn, h *hub) *protocol.End {
	t, err := told.Decode()
	if err != nil {
		return &protocol.End{Fault: protocol.EncodeFault(fault.New(fault.Permanent, "read turn", err))}
	}
	t.Log = zerolog.New(lines{h}).Level(zerolog.Level(told.GetLogLevel()))
	t.Files = files{h}
	t.World = &world{hub: h, ctx: ctx}
	w := &writer{hub: h}
	if err := s.handle(ctx, t, w); err != nil {
		return &protocol.End{Fault: protocol.EncodeFault(err)}
	}
	if w.err != nil {
		return &protocol.End{Fault: protocol.EncodeFault(fault.New(fault.Bug, "answer", w.err))}
	}
	remember, err := told.Changed(t.Session)
	if err != nil {
		return &protocol.End{Fault: protocol.EncodeFault(fault.New(fault.Bug, "remember", err))}
	}
	return &protocol.End{Remember: remember}
}

const maxPanicText = 512

// handle calls the skill; a panic of its own goroutine is a Bug, as it is inside the hub.
func (s *service) handle(ctx context.Context, t *skills.Turn, w skills.Writer) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		words := fmt.Sprint(v)
		if len(words) > maxPanicText {
			words = words[:maxPanicText]
		}
		ref := fault.NewRef()
		t.Log.Error().Str("ref", ref).Str("panic", words).Bytes("stack", debug.Stack()).Msg("skill panicked")
		err = fault.New(fault.Bug, "skill panicked", fmt.Errorf("panic: %s", words), fault.WithRef(ref))
	}()
	return s.skill.Handle(ctx, t, w)
}

// hub is the other side of one turn. It is safe for concurrent use.
type hub struct {
	stream grpc.BidiStreamingServer[protocol.ToSkill, protocol.ToHub]

	sending sync.Mutex
	over    bool

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan *protocol.Answer
	gone    chan struct{}
}

// listen takes answers until the hub or the turn ends, and cancels the turn when it is told.
func (h *hub) listen(cancel context.CancelFunc) {
	defer close(h.gone)
	for {
		m, err := h.stream.Recv()
		if err != nil {
			cancel()
			return
		}
		switch is := m.GetIs().(type) {
		case *protocol.ToSkill_Answer:
			h.mu.Lock()
			to := h.waiting[is.Answer.GetId()]
			delete(h.waiting, is.Answer.GetId())
			h.mu.Unlock()
			if to != nil {
				to <- is.Answer
			}
		case *protocol.ToSkill_Cancel:
			cancel()
		}
	}
}

// send hands something to the hub. It waits while the hub has not taken what came before.
func (h *hub) send(m *protocol.ToHub) error {
	h.sending.Lock()
	defer h.sending.Unlock()
	if h.over {
		return errOver
	}
	return h.stream.Send(m)
}

func (h *hub) end(e *protocol.End) {
	h.sending.Lock()
	defer h.sending.Unlock()
	h.over = true
	// Where it cannot be sent, the hub has given the turn up.
	_ = h.stream.Send(&protocol.ToHub{Is: &protocol.ToHub_End{End: e}})
}

// call asks the hub for something and waits for its answer; one that was given up is not
// waited for. The number is that of the call.
func (h *hub) call(ctx context.Context, c *protocol.Call) (*protocol.Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer := make(chan *protocol.Answer, 1)
	h.mu.Lock()
	h.last++
	c.Id = h.last
	h.waiting[c.Id] = answer
	h.mu.Unlock()
	if err := h.send(&protocol.ToHub{Is: &protocol.ToHub_Call{Call: c}}); err != nil {
		h.forget(c.GetId())
		return nil, fault.New(fault.Retryable, "ask the hub", err)
	}
	select {
	case a := <-answer:
		return a, a.GetFault().Err()
	case <-ctx.Done():
		h.forget(c.GetId())
		_ = h.send(&protocol.ToHub{Is: &protocol.ToHub_Stop{Stop: &protocol.Stop{Id: c.GetId()}}})
		return nil, ctx.Err()
	case <-h.gone:
		return nil, fault.New(fault.Retryable, "ask the hub", errGone)
	}
}

func (h *hub) forget(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiting, id)
}

// lines are the log of a turn.
type lines struct{ hub *hub }

// Write implements io.Writer. A line that cannot be sent is lost.
func (l lines) Write(line []byte) (int, error) {
	_ = l.hub.send(&protocol.ToHub{Is: &protocol.ToHub_Log{Log: append([]byte(nil), line...)}})
	return len(line), nil
}
