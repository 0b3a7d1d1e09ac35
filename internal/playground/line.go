package playground

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// line is a platform's address. It can be cut, and comes back at the same place.
type line struct {
	phone   phone
	address string

	mu     sync.Mutex
	server *http.Server
	socket net.Listener
	ended  bool
	again  chan struct{} // told when a new socket is there
}

func newLine(ph phone) (*line, error) {
	l := &line{phone: ph, again: make(chan struct{}, 1)}
	if err := l.open("127.0.0.1:0"); err != nil {
		return nil, err
	}
	l.address = l.socket.Addr().String()
	return l, nil
}

func (l *line) open(address string) error {
	socket, err := net.Listen("tcp", address) //nolint:noctx // loopback, answers at once
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return socket.Close()
	}
	l.socket, l.server = socket, &http.Server{Handler: l.phone, ReadHeaderTimeout: 5 * time.Second}
	return nil
}

// run serves until ctx ends, through all cuts.
func (l *line) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, l.close)()
	for {
		l.mu.Lock()
		server, socket, ended := l.server, l.socket, l.ended
		l.mu.Unlock()
		if ended {
			return nil
		}
		if err := server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		select {
		case <-l.again:
		case <-ctx.Done():
			return nil
		}
	}
}

// cut makes the platform unreachable: nothing answers there, and who is connected is
// thrown out.
func (l *line) cut() {
	l.mu.Lock()
	server := l.server
	l.mu.Unlock()
	_ = server.Close()
	l.phone.hangUp()
}

// mend makes it reachable again.
func (l *line) mend() error {
	if err := l.open(l.address); err != nil {
		return err
	}
	select {
	case l.again <- struct{}{}:
	default:
	}
	return nil
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.phone.hangUp()
	_ = l.server.Close()
	_ = l.socket.Close()
}
