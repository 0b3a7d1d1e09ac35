package mcp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// wire is what a session goes over.
type wire interface {
	transport() sdk.Transport
	// end ends what the session is over; cut does so at once. Both may be repeated, and
	// return when all has ended.
	end()
	cut()
	// why tells what was seen to go wrong; nil for nothing.
	why() error
	// said is what a program said of itself; empty for nothing.
	said() string
}

// capture remembers the connection, which the SDK holds on to until it is ready.
type capture struct {
	sdk.Transport
	mu   sync.Mutex
	conn sdk.Connection
}

// Connect implements sdk.Transport.
func (c *capture) Connect(ctx context.Context) (sdk.Connection, error) {
	conn, err := c.Transport.Connect(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	return conn, err
}

func (c *capture) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

// session is one connection to a server that answered.
type session struct {
	cs    *sdk.ClientSession
	wire  wire
	grace time.Duration
	// life ends with the session, and with it what is under way.
	life context.Context //nolint:containedctx // the session's life, beside each call's
	die  context.CancelFunc
	// gone is closed when the connection ended, changed is told when the tools did, doubt
	// when a call was not answered.
	gone, changed, doubt chan struct{}
}

var (
	errLate    = errors.New("the server did not answer in time")
	errNoTools = errors.New("the server has no tools")
	errPages   = errors.New("the list of its tools does not end")
)

// begin connects to a server and greets it.
func begin(ctx context.Context, w wire, version string, grace time.Duration, late *sync.WaitGroup) (*session, error) {
	x := &session{wire: w, grace: grace, gone: make(chan struct{}), changed: make(chan struct{}, 1), doubt: make(chan struct{}, 1)}
	client := sdk.NewClient(&sdk.Implementation{Name: "parley", Version: version}, &sdk.ClientOptions{
		// Nothing is offered: no files, no models, no people.
		Capabilities:           &sdk.ClientCapabilities{},
		MultiRoundTrip:         &sdk.MultiRoundTripOptions{Disabled: true},
		ToolListChangedHandler: func(context.Context, *sdk.ToolListChangedRequest) { nudge(x.changed) },
	})
	t := &capture{Transport: w.transport()}
	type answer struct {
		cs  *sdk.ClientSession
		err error
	}
	answered := make(chan answer, 1)
	late.Go(func() {
		cs, err := client.Connect(ctx, t, nil)
		answered <- answer{cs, err}
	})
	select {
	case a := <-answered:
		if a.err != nil {
			t.close()
			w.cut()
			return nil, a.err
		}
		x.cs = a.cs
	case <-ctx.Done():
		w.cut()
		t.close()
		late.Go(func() {
			if a := <-answered; a.err == nil {
				_ = a.cs.Close()
			}
		})
		return nil, errLate
	}
	x.life, x.die = context.WithCancel(context.Background())
	late.Go(func() {
		_ = x.cs.Wait()
		close(x.gone)
	})
	return x, nil
}

func nudge(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// ended tells whether the connection ended.
func (x *session) ended() bool {
	select {
	case <-x.gone:
		return true
	default:
		return false
	}
}

// end ends the session: the server is told, if it hears it.
func (x *session) end() {
	x.die()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = x.cs.Close()
	}()
	timer := time.NewTimer(x.grace)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
	x.wire.end()
	<-closed
	<-x.gone
}

// ask makes a call that ends with ctx and with the session, whatever the server and the pipe
// to it do. One that was given up ends with the session.
func ask[R any](ctx context.Context, x *session, call func(ctx context.Context) (R, error)) (R, error) {
	type answer struct {
		r   R
		err error
	}
	bounded, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(x.life, cancel) //nolint:contextcheck // the session's life, beside the call's
	answered := make(chan answer, 1)
	go func() {
		defer cancel()
		defer stop()
		r, err := call(bounded)
		answered <- answer{r, err}
	}()
	select {
	case a := <-answered:
		return a.r, a.err
	case <-bounded.Done():
	}
	select { // it may be the answer that ended it
	case a := <-answered:
		return a.r, a.err
	default:
	}
	cancel()
	var none R
	if err := ctx.Err(); err != nil {
		return none, err
	}
	return none, sdk.ErrConnectionClosed
}

// list asks for all tools.
func (x *session) list(ctx context.Context, l Limits) ([]*sdk.Tool, error) {
	if c := x.cs.InitializeResult().Capabilities; c == nil || c.Tools == nil {
		return nil, errNoTools
	}
	var all []*sdk.Tool
	cursor := ""
	for range l.Pages {
		r, err := ask(ctx, x, func(ctx context.Context) (*sdk.ListToolsResult, error) {
			return x.cs.ListTools(ctx, &sdk.ListToolsParams{Cursor: cursor})
		})
		if err != nil {
			return nil, err
		}
		if all = append(all, r.Tools...); len(all) > l.Tools {
			return nil, fmt.Errorf("%w: more than %d tools", ErrFlood, l.Tools)
		}
		if cursor = r.NextCursor; cursor == "" {
			return all, nil
		}
	}
	return nil, errPages
}
