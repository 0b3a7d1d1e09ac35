package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

var (
	// ErrGone is in the fault of a turn whose program ended in the middle, or cannot be
	// started.
	ErrGone = errors.New("the skill's program is gone")
	// ErrFlood is in the fault of a turn that said or asked for more than its bounds.
	ErrFlood = errors.New("more than a turn may")
	errWords = errors.New("the program says what nobody understands")
)

// turn is one turn of a program, as the hub sees it.
type turn struct {
	p *process
	o *Options
	// name is the skill's.
	name string
	t    *skills.Turn
	w    skills.Writer
	ctx  context.Context // ends with the turn

	stream  grpc.BidiStreamingClient[protocol.ToSkill, protocol.ToHub]
	sending sync.Mutex

	// What it has said so far.
	replies, replyBytes, drafts, draftBytes, logs, calls int

	asked calls
}

// incoming is what the program sent, or why nothing more comes.
type incoming struct {
	m   *protocol.ToHub
	err error
}

// handle runs a turn of the process, and leaves it when the program has ended the turn.
func (p *process) handle(ctx context.Context, o *Options, name string, t *skills.Turn, w skills.Writer) error {
	told, err := protocol.EncodeTurn(t)
	if err != nil {
		p.leave()
		return fault.New(fault.Permanent, "skill "+name, err)
	}
	if until, ok := ctx.Deadline(); ok {
		told.Left = int64(max(time.Until(until), 1))
	}
	// The stream outlives the turn: a program that is told to stop says when it did.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	working, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan struct{})
	leave := func() {
		close(over)
		end()
		p.leave()
	}
	hasty := context.AfterFunc(ctx, end)
	stream, err := p.skill.Handle(life)
	if err == nil {
		err = stream.Send(&protocol.ToSkill{Is: &protocol.ToSkill_Turn{Turn: told}})
	}
	if !hasty() || err != nil {
		defer leave()
		if ctx.Err() != nil {
			return fault.New(fault.Retryable, "skill "+name, ctx.Err())
		}
		return p.lost(o, t, name, err)
	}
	x := &turn{p: p, o: o, name: name, t: t, w: w, ctx: working, stream: stream}
	x.asked.init(x)
	frames := make(chan incoming)
	go receive(stream, frames, over)
	ended, err := x.run(ctx, frames)
	stop()
	x.asked.close()
	if ended {
		leave()
		return err
	}
	go func() {
		defer leave()
		p.wind(x, frames, o.Times.Cancel)
	}()
	return err
}

// receive reads the stream until it ends or nobody wants it any more.
func receive(stream grpc.BidiStreamingClient[protocol.ToSkill, protocol.ToHub], to chan<- incoming, over <-chan struct{}) {
	for {
		m, err := stream.Recv()
		select {
		case to <- incoming{m, err}:
		case <-over:
			return
		}
		if err != nil {
			return
		}
	}
}

// run takes what the program says until it ends the turn, or ctx does. ended is false when
// the program is still at it.
func (x *turn) run(ctx context.Context, frames <-chan incoming) (ended bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, fault.New(fault.Retryable, "skill "+x.name, ctx.Err())
		case in := <-frames:
			if in.err != nil {
				return true, x.p.lost(x.o, x.t, x.name, in.err)
			}
			if end := in.m.GetEnd(); end != nil {
				return true, x.finish(end)
			}
			if err := x.take(in.m); err != nil { //nolint:contextcheck // what is asked for has the turn's own, which ends with it
				words := broke
				if errors.Is(err, ErrFlood) {
					words = tooMuch
					x.o.Observe(x.name, Flooded)
				}
				return false, fault.New(fault.Permanent, "skill "+x.name, err, fault.WithPublic(words.In(x.t.Envelope.From.Language)))
			}
		}
	}
}

// wind waits for the end of a turn that was given up. What is said until then is dropped. A
// program that does not end it is of no use.
func (p *process) wind(x *turn, frames <-chan incoming, bound time.Duration) {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	go func() { // it may not be taken: then the timer ends it
		_ = x.send(&protocol.ToSkill{Is: &protocol.ToSkill_Cancel{Cancel: &protocol.Cancel{}}})
	}()
	for {
		select {
		case in := <-frames:
			if in.err != nil || in.m.GetEnd() != nil {
				return
			}
		case <-timer.C:
			p.breaks(Hung)
			return
		case <-p.child.done:
			return
		}
	}
}

func (x *turn) send(m *protocol.ToSkill) error {
	x.sending.Lock()
	defer x.sending.Unlock()
	return x.stream.Send(m)
}

// lost gives the fault of a stream that ended before its turn. A turn during which the
// program ended is tried once more: it may not have been the one that ended it.
func (p *process) lost(o *Options, t *skills.Turn, name string, err error) error {
	language := t.Envelope.From.Language
	switch status.Code(err) {
	case codes.ResourceExhausted:
		o.Observe(name, Flooded)
		return fault.New(fault.Permanent, "skill "+name, fmt.Errorf("%w: one message of more than %d bytes", ErrFlood, protocol.MaxToHub), fault.WithPublic(tooMuch.In(language)))
	case codes.Unavailable, codes.Canceled, codes.Internal:
	default:
		return fault.New(fault.Permanent, "skill "+name, fmt.Errorf("%w: %s", errWords, status.Code(err)), fault.WithPublic(broke.In(language)))
	}
	class := fault.Retryable
	if t.Attempt > 1 {
		class = fault.Permanent
	}
	p.breaks(Crashed)
	return fault.New(class, "skill "+name, ErrGone, fault.WithPublic(broke.In(language)))
}

// finish ends the turn as the program says.
func (x *turn) finish(end *protocol.End) error {
	if f := end.GetFault(); f != nil {
		return f.Err()
	}
	if n := proto.Size(end.GetRemember()); n > x.o.Limits.Remember {
		x.o.Observe(x.name, Flooded)
		return fault.New(fault.Permanent, "skill "+x.name, fmt.Errorf("%w: %d bytes to remember", ErrFlood, n), fault.WithPublic(tooMuch.In(x.t.Envelope.From.Language)))
	}
	if x.t.Session == nil {
		return nil
	}
	return end.GetRemember().Apply(x.t.Session, string(x.t.Role))
}

// take does one thing that the program says. An error ends the turn.
func (x *turn) take(m *protocol.ToHub) error {
	switch is := m.GetIs().(type) {
	case *protocol.ToHub_Draft:
		return x.draft(is.Draft)
	case *protocol.ToHub_Reply:
		if err := x.count(len(is.Reply.GetParts())); err != nil {
			return err
		}
		parts, err := is.Reply.Decode()
		if err == nil {
			x.w.Reply(parts...)
		}
		return err
	case *protocol.ToHub_Elsewhere:
		if err := x.count(len(is.Elsewhere.GetReply())); err != nil {
			return err
		}
		r, err := is.Elsewhere.Decode()
		if err == nil {
			x.w.ReplyIn(r.To, r.Person, r.Parts...)
		}
		return err
	case *protocol.ToHub_Ask:
		if err := x.count(len(is.Ask.GetParts()) + len(is.Ask.GetState())); err != nil {
			return err
		}
		q, err := is.Ask.Decode()
		if err == nil {
			x.w.Ask(q)
		}
		return err
	case *protocol.ToHub_Log:
		return x.line(is.Log)
	case *protocol.ToHub_Call:
		if x.calls++; x.calls > x.o.Limits.Calls {
			return fmt.Errorf("%w: %d calls", ErrFlood, x.calls)
		}
		return x.asked.begin(is.Call)
	case *protocol.ToHub_Stop:
		x.asked.stop(is.Stop.GetId())
		return nil
	}
	return errWords
}

func (x *turn) count(size int) error {
	x.replies++
	x.replyBytes += size
	if x.replies > x.o.Limits.Replies || x.replyBytes > x.o.Limits.ReplyBytes {
		return fmt.Errorf("%w: %d replies of %d bytes", ErrFlood, x.replies, x.replyBytes)
	}
	return nil
}

func (x *turn) draft(d *protocol.Parts) error {
	x.drafts++
	x.draftBytes += len(d.GetParts())
	if x.drafts > x.o.Limits.Drafts || x.draftBytes > x.o.Limits.DraftBytes {
		return fmt.Errorf("%w: %d drafts of %d bytes", ErrFlood, x.drafts, x.draftBytes)
	}
	parts, err := d.Decode()
	if err == nil {
		x.w.Draft(parts...)
	}
	return err
}

// maxLine bounds a line of the log, in bytes.
const maxLine = 8 << 10

// line writes a line of the program's log as one of the turn's. What cannot be read, is too
// long or one too many is dropped.
func (x *turn) line(data []byte) error {
	x.logs++
	if x.logs > x.o.Limits.MaxLogs {
		return fmt.Errorf("%w: %d lines of log", ErrFlood, x.logs)
	}
	fields := map[string]json.RawMessage{}
	if x.logs > x.o.Limits.Logs || len(data) > maxLine || json.Unmarshal(data, &fields) != nil {
		if x.logs == x.o.Limits.Logs+1 {
			x.t.Log.Warn().Int("lines", x.o.Limits.Logs).Msg("the skill logs too much; the rest is left out")
		}
		x.o.Observe(x.name, Dropped)
		return nil
	}
	var level, message string
	_ = json.Unmarshal(fields[zerolog.LevelFieldName], &level)
	_ = json.Unmarshal(fields[zerolog.MessageFieldName], &message)
	at, err := zerolog.ParseLevel(level)
	if err != nil || at > zerolog.ErrorLevel {
		at = zerolog.ErrorLevel // a program ends nobody but itself
	}
	delete(fields, zerolog.LevelFieldName)
	delete(fields, zerolog.MessageFieldName)
	e := x.t.Log.WithLevel(at)
	if len(fields) > 0 {
		said, err := json.Marshal(fields)
		if err != nil {
			return nil //nolint:nilerr // a line that cannot be written is dropped
		}
		e = e.RawJSON("said", said)
	}
	e.Msg(message)
	return nil
}
