package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

var (
	errNotOpen  = errors.New("nothing is open under this number")
	errAtOnce   = errors.New("too much is asked for at once")
	errTooOpen  = errors.New("too much is open")
	errOneFile  = errors.New("another file is being kept")
	errNoAnswer = errors.New("a number is used twice")
)

// calls are what the program asked for and was not answered, and what it has open.
type calls struct {
	x *turn
	// files are used by one at a time.
	files sync.Mutex
	// working counts those that use the turn.
	working sync.WaitGroup

	mu      sync.Mutex
	cancels map[uint64]context.CancelFunc
	open    map[uint64]*opened
	keeping bool
	closed  bool
}

// opened is something that is read or written piece by piece.
type opened struct {
	mu     sync.Mutex // of reading
	next   func() (data []byte, done bool, err error)
	put    func(data []byte, done bool) ([]byte, error)
	close  func()
	cancel context.CancelFunc
}

func (c *calls) init(x *turn) {
	c.x, c.cancels, c.open = x, map[uint64]context.CancelFunc{}, map[uint64]*opened{}
}

// begin works on a call on the side.
func (c *calls) begin(call *protocol.Call) error {
	id := call.GetId()
	if which := call.GetClose(); which != 0 {
		c.shut(which)
		return nil
	}
	ctx, cancel := context.WithCancel(c.x.ctx)
	c.mu.Lock()
	_, twice := c.cancels[id]
	many := len(c.cancels) >= c.x.o.Limits.CallsAtOnce
	if !twice && !many {
		c.cancels[id] = cancel
	}
	c.mu.Unlock()
	if twice {
		cancel()
		return fmt.Errorf("%w: %w", errWords, errNoAnswer)
	}
	if many {
		cancel()
		go c.answer(id, nil, fault.New(fault.Permanent, "ask the hub", errAtOnce))
		return nil
	}
	c.working.Go(func() {
		a, err := c.work(ctx, cancel, call)
		c.mu.Lock()
		delete(c.cancels, id)
		_, stays := c.open[id]
		c.mu.Unlock()
		if !stays {
			cancel()
		}
		go c.answer(id, a, err) // it may not be taken: nobody waits for it
	})
	return nil
}

func (c *calls) answer(id uint64, a *protocol.Answer, err error) {
	if a == nil {
		a = &protocol.Answer{}
	}
	a.Id, a.Fault = id, protocol.EncodeFault(err)
	// Where it cannot be sent the turn has ended.
	_ = c.x.send(&protocol.ToSkill{Is: &protocol.ToSkill_Answer{Answer: a}})
}

// stop gives up a call that is worked on.
func (c *calls) stop(id uint64) {
	c.mu.Lock()
	cancel := c.cancels[id]
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// shut ends what a call opened.
func (c *calls) shut(id uint64) {
	c.mu.Lock()
	o := c.open[id]
	delete(c.open, id)
	c.mu.Unlock()
	if o != nil {
		o.cancel()
		c.working.Go(func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.close()
		})
	}
}

// close ends all of it; the turn's context has ended. Nothing uses the turn any more when it
// returns.
func (c *calls) close() {
	c.mu.Lock()
	c.closed = true
	all := c.open
	c.open = map[uint64]*opened{}
	c.mu.Unlock()
	for _, o := range all {
		o.cancel()
	}
	c.working.Wait()
	for _, o := range all {
		o.close()
	}
}

// keep puts something under a call's number.
func (c *calls) keep(id uint64, o *opened) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return context.Canceled
	case len(c.open) >= c.x.o.Limits.Open:
		return fault.New(fault.Permanent, "ask the hub", errTooOpen)
	}
	c.open[id] = o
	return nil
}

func (c *calls) find(id uint64) (*opened, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.open[id]; o != nil {
		return o, nil
	}
	return nil, fault.New(fault.Permanent, "ask the hub", errNotOpen)
}

// work does what a call asks for.
func (c *calls) work(ctx context.Context, cancel context.CancelFunc, call *protocol.Call) (*protocol.Answer, error) {
	world := c.x.t.World
	switch is := call.GetIs().(type) {
	case *protocol.Call_Http:
		return c.http(ctx, cancel, call.GetId(), is.Http)
	case *protocol.Call_Secret:
		value, err := world.Secret(is.Secret)
		if err != nil {
			return nil, err
		}
		return &protocol.Answer{Data: []byte(value.Reveal())}, nil
	case *protocol.Call_Chat:
		return c.chat(ctx, cancel, call.GetId(), is.Chat)
	case *protocol.Call_Storage:
		return c.storage(ctx, is.Storage)
	case *protocol.Call_Tell:
		parts, err := is.Tell.Decode()
		if err != nil {
			return nil, fault.New(fault.Permanent, "tell", err)
		}
		told, err := world.Tell(ctx, parts...)
		return &protocol.Answer{Yes: told}, err
	case *protocol.Call_Open:
		return c.file(ctx, cancel, call.GetId(), is.Open)
	case *protocol.Call_Keep:
		return c.keepFile(ctx, cancel, call.GetId(), is.Keep)
	case *protocol.Call_Put:
		o, err := c.find(is.Put.GetId())
		if err != nil || o.put == nil {
			return nil, fault.New(fault.Permanent, "ask the hub", errNotOpen)
		}
		media, err := o.put(is.Put.GetData(), is.Put.GetDone())
		if is.Put.GetDone() {
			c.shut(is.Put.GetId())
		}
		return &protocol.Answer{Data: media}, err
	case *protocol.Call_Next:
		return c.next(ctx, is.Next)
	}
	return nil, fault.New(fault.Permanent, "ask the hub", errWords)
}

// next reads on. Giving the call up gives up what it reads from.
func (c *calls) next(ctx context.Context, id uint64) (*protocol.Answer, error) {
	o, err := c.find(id)
	if err != nil || o.next == nil {
		return nil, fault.New(fault.Permanent, "ask the hub", errNotOpen)
	}
	defer context.AfterFunc(ctx, o.cancel)()
	o.mu.Lock()
	defer o.mu.Unlock()
	data, done, err := o.next()
	return &protocol.Answer{Data: data, Done: done}, err
}

func (c *calls) http(ctx context.Context, cancel context.CancelFunc, id uint64, r *protocol.HTTPRequest) (*protocol.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.GetMethod(), r.GetUrl(), bytes.NewReader(r.GetBody()))
	if err != nil {
		return nil, fault.New(fault.Permanent, "call", errors.New("the request is none"))
	}
	req.Header = protocol.DecodeHeaders(r.GetHeaders())
	resp, err := c.x.t.World.HTTP().Do(req)
	if err != nil {
		return nil, err
	}
	if err := c.keep(id, reading(resp.Body, cancel)); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return &protocol.Answer{
		Status: int32(resp.StatusCode), Headers: protocol.EncodeHeaders(resp.Header), Length: resp.ContentLength,
	}, nil
}

// reading gives what r has, piece by piece.
func reading(r io.ReadCloser, cancel context.CancelFunc) *opened {
	buffer := make([]byte, protocol.Piece)
	return &opened{
		next: func() ([]byte, bool, error) {
			for {
				n, err := r.Read(buffer)
				switch {
				case n > 0:
					return bytes.Clone(buffer[:n]), false, nil // an error comes again
				case errors.Is(err, io.EOF):
					return nil, true, nil
				case err != nil:
					return nil, false, err
				}
			}
		},
		close:  func() { _ = r.Close() },
		cancel: cancel,
	}
}

func (c *calls) chat(ctx context.Context, cancel context.CancelFunc, id uint64, r *protocol.ChatRequest) (*protocol.Answer, error) {
	request, err := r.Decode()
	if err != nil {
		return nil, fault.New(fault.Permanent, "ask model", err)
	}
	next, stop := iter.Pull2(c.x.t.World.Chat(ctx, r.GetPool(), request))
	o := &opened{close: stop, cancel: cancel, next: func() ([]byte, bool, error) { return delta(next) }}
	if err := c.keep(id, o); err != nil {
		stop()
		return nil, err
	}
	return nil, nil
}

func delta(next func() (models.Delta, error, bool)) ([]byte, bool, error) {
	d, err, ok := next()
	if !ok || err != nil {
		return nil, !ok, err
	}
	data, err := protocol.EncodeDelta(d)
	return data, false, err
}

func (c *calls) storage(ctx context.Context, r *protocol.StorageRequest) (*protocol.Answer, error) {
	s := c.x.t.World.Storage()
	if r.GetPerson() {
		s = c.x.t.World.PersonStorage()
	}
	switch r.GetVerb() {
	case protocol.StorageRequest_GET:
		value, ok, err := s.Get(ctx, r.GetName())
		return &protocol.Answer{Data: value, Yes: ok}, err
	case protocol.StorageRequest_SET:
		return nil, s.Set(ctx, r.GetName(), r.GetValue())
	case protocol.StorageRequest_SWAP:
		swapped, err := s.Swap(ctx, r.GetName(), r.Was, r.Value)
		return &protocol.Answer{Yes: swapped}, err
	case protocol.StorageRequest_DELETE:
		return nil, s.Delete(ctx, r.GetName())
	case protocol.StorageRequest_NAMES:
		names, err := s.Names(ctx, r.GetName())
		return &protocol.Answer{Names: names}, err
	}
	return nil, fault.New(fault.Permanent, "ask the hub", errWords)
}

func (c *calls) file(ctx context.Context, cancel context.CancelFunc, id uint64, media []byte) (*protocol.Answer, error) {
	m, err := protocol.DecodeMedia(media)
	if err != nil {
		return nil, fault.New(fault.Permanent, "open file", err)
	}
	c.files.Lock()
	defer c.files.Unlock()
	r, err := c.x.t.Files.Open(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := c.keep(id, reading(r, cancel)); err != nil {
		_ = r.Close()
		return nil, err
	}
	return nil, nil
}

// kept is how keeping a file ended.
type kept struct {
	media core.Media
	err   error
}

func (c *calls) keepFile(ctx context.Context, cancel context.CancelFunc, id uint64, media []byte) (*protocol.Answer, error) {
	m, err := protocol.DecodeMedia(media)
	if err != nil {
		return nil, fault.New(fault.Permanent, "keep file", err)
	}
	c.mu.Lock()
	busy := c.keeping
	c.keeping = true
	c.mu.Unlock()
	if busy {
		return nil, fault.New(fault.Permanent, "keep file", errOneFile)
	}
	from, to := io.Pipe()
	ended := make(chan kept, 1)
	put := func(data []byte, done bool) ([]byte, error) {
		if _, err := to.Write(data); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return nil, err
		}
		if !done {
			return nil, nil
		}
		_ = to.Close()
		k := <-ended
		ended <- k
		if k.err != nil {
			return nil, k.err
		}
		return protocol.EncodeMedia(k.media)
	}
	broke := func() { _ = to.CloseWithError(context.Canceled) }
	if err := c.keep(id, &opened{put: put, close: broke, cancel: cancel}); err != nil {
		c.mu.Lock()
		c.keeping = false
		c.mu.Unlock()
		return nil, err
	}
	context.AfterFunc(ctx, broke)
	c.working.Go(func() {
		c.files.Lock()
		defer c.files.Unlock()
		media, err := c.x.t.Files.Keep(ctx, m, from)
		_ = from.CloseWithError(err)
		c.mu.Lock()
		c.keeping = false
		c.mu.Unlock()
		ended <- kept{media, err}
	})
	return nil, nil
}
