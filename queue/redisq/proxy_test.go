package redisq_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
)

// proxy stands between an engine and a server, and can cut every connection.
type proxy struct {
	l  net.Listener
	to string
	wg sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, to: to, conns: map[net.Conn]bool{}}
	p.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) serve(in net.Conn) {
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = in.Close()
		return
	}
	p.mu.Lock()
	p.conns[in], p.conns[out] = true, true
	p.mu.Unlock()
	var pipes sync.WaitGroup
	for _, c := range [][2]net.Conn{{in, out}, {out, in}} {
		pipes.Go(func() {
			_, _ = io.Copy(c[0], c[1])
			_ = in.Close()
			_ = out.Close()
		})
	}
	pipes.Wait()
	p.mu.Lock()
	delete(p.conns, in)
	delete(p.conns, out)
	p.mu.Unlock()
}

// cut closes every connection, whatever is on its way.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Connections are cut again and again under work: requests and answers are lost on
// the way, and still each item is handled once, in order, and sent on once.
func TestConnectionsAreCut(t *testing.T) {
	const owners, items = 8, 150
	s := startServer(t)
	for _, shards := range []int{1, 4} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			p := startProxy(t, s.addr())
			o := redisq.Options{URL: secret.New("redis://" + p.l.Addr().String()), Prefix: freshPrefix(), Shards: shards}
			e := open(t, o)
			// A handler may run twice where its commit is lost with its lease; a commit may not.
			stop := works(t, e, queue.ConsumeOptions{Box: queue.Inbox, Slots: 4, Batch: 3, MaxAttempts: 1000}, sendOn)
			var wg sync.WaitGroup
			safe := map[string]int{}
			for k := range owners {
				owner := strconv.Itoa(k)
				safe[owner] = items - 1
				wg.Go(func() {
					for n := 0; n < items; {
						_, err := e.Publish(t.Context(), inbox(owner), queue.Item{ID: fmt.Sprint(owner, "-", n), Body: []byte(strconv.Itoa(n))})
						if err == nil {
							n++
						}
					}
				})
			}
			done := make(chan struct{})
			go func() {
				wg.Wait()
				close(done)
			}()
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for cutting := true; cutting; {
				select {
				case <-tick.C:
					p.cut()
				case <-done:
					cutting = false
				}
			}
			direct := redisq.Options{URL: secret.New(s.url()), Prefix: o.Prefix}
			check := open(t, direct)
			waitFor(t, "inbox is empty", func() error {
				st, err := check.Stats(context.Background(), queue.Inbox)
				if err == nil && st.Items > 0 {
					err = fmt.Errorf("stats are %+v", st)
				}
				return err
			})
			stop()
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			checkAfterKill(t, direct, safe)
		})
	}
}
