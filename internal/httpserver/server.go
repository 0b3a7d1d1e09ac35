package httpserver

import (
	"context"
	"errors"
	"fmt"
	stdlog "log" //nolint:depguard // http.Server.ErrorLog is of this type; errorLog hands its words to the logger
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
)

// Time limits on clients.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	readyTimeout  = 5 * time.Second
)

// Defaults of Options.
const (
	DefaultMaxBody = 1 << 20
	DefaultDrain   = 10 * time.Second
	maxHeaderBytes = 64 << 10
)

// Problem is one reason why the hub is not ready.
type Problem struct {
	// Name says what is not ready ("queue", "account support").
	Name string `json:"name"`
	// Text says what is wrong. It names no secret: anybody who reaches the port reads it.
	Text string `json:"text"`
}

// Options tell what is served. Only Listen is required; what is nil is not there.
type Options struct {
	// Listen is host:port; port 0 takes a free one, an empty host takes all.
	Listen string
	// MaxBody bounds a request's body in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// Drain bounds how long requests may finish after the stop; 0 means DefaultDrain.
	Drain time.Duration
	Log   zerolog.Logger
	// Ready lists what is not ready, nothing when all is. Calls lists of that what keeps
	// this process from taking calls. They are called for each question and given a few
	// seconds.
	Ready, Calls func(ctx context.Context) []Problem
	// Notes lists what is worth saying and keeps nobody from work. It must not block.
	Notes   func() []Problem
	Metrics http.Handler
	// Webhooks are mounted by the name of their account.
	Webhooks map[string]http.Handler
	// API is mounted at /v1. It bounds its bodies by itself, in size and in time, since it
	// knows who may send large ones.
	API http.Handler
	// MCP is mounted at /mcp. It bounds its bodies by itself too.
	MCP http.Handler
	// Console gets everything else. Its reads are cancelled when the stop begins,
	// so that a stream of events does not hold it up.
	Console http.Handler
}

// Server is the listener with what it serves. Make it with New.
type Server struct {
	o        Options
	handler  http.Handler
	listener net.Listener
	loopback bool
	// stopping ends when the stop begins, before requests are cut.
	stopping context.Context //nolint:containedctx // the server's own life, not a call's
	stop     context.CancelFunc
}

// New makes a server. Nothing is opened before Listen or Run.
func New(o Options) *Server {
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Drain <= 0 {
		o.Drain = DefaultDrain
	}
	s := &Server{o: o}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.handler = s.routes()
	return s
}

// Listen opens the address and tells which one it is. Connections wait until Run.
// Calling it again gives the same address. An address that cannot be had is a
// NeedsHuman fault that names it.
func (s *Server) Listen(ctx context.Context) (net.Addr, error) {
	if s.listener != nil {
		return s.listener.Addr(), nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.o.Listen)
	if err != nil {
		hint := "choose another address to listen on"
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = "another program listens there: stop it, or " + hint
		}
		return nil, fault.New(fault.NeedsHuman, "listen on "+s.o.Listen, fmt.Errorf("%w (%s)", err, hint))
	}
	s.listener = l
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		s.loopback = tcp.IP.IsLoopback()
	}
	return l.Addr(), nil
}

// Run serves until ctx ends, then accepts nothing new, lets requests finish for
// Options.Drain, cancels the rest, and returns nil when every handler has ended.
// It returns a fault when the address cannot be had or serving fails. A Server
// runs once.
func (s *Server) Run(ctx context.Context) error {
	addr, err := s.Listen(ctx)
	if err != nil {
		return err
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var conns sync.WaitGroup
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          stdlog.New(errorLog{s.o.Log}, "", 0),
		// A connection is new before Serve can return, and closed after its handler ended.
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				conns.Add(1)
			case http.StateClosed, http.StateHijacked:
				conns.Done()
			}
		},
	}
	var failed error // of serving; read once served is closed
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := srv.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			failed = err
		}
	}()
	s.o.Log.Info().Stringer("address", addr).Msg("listening")

	select {
	case <-ctx.Done():
	case <-served:
	}
	s.stop()
	drain, done := context.WithTimeout(base, s.o.Drain)
	defer done()
	if err := srv.Shutdown(drain); err != nil {
		s.o.Log.Warn().Dur("after", s.o.Drain).Msg("requests cancelled that did not finish")
	}
	cancel()
	_ = srv.Close() // what Shutdown left is cut; the listener is closed already
	<-served
	conns.Wait()
	if failed != nil {
		return fault.New(fault.Retryable, "serve "+addr.String(), failed)
	}
	return nil
}

// apiRoute is what the API gets, mcpRoute what the MCP server does.
const (
	apiRoute = "/v1/*"
	mcpRoute = "/mcp"
)

func (s *Server) routes() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	// The peer's address is the connection's: no header is believed.
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = s.fail
	e.Use(s.access, s.recoverPanic, s.limitBody)

	// Any, since a method left out would fall to the console.
	e.Any("/healthz", read(http.HandlerFunc(health)))
	e.Any("/readyz", read(s.ready(s.o.Ready, s.o.Notes)))
	e.Any("/readyz/calls", read(s.ready(s.o.Calls, nil)))
	if s.o.Metrics != nil {
		e.Any("/metrics", read(s.o.Metrics))
	}
	e.Any("/webhooks/:account", s.webhook)
	e.Any("/webhooks", func(echo.Context) error { return echo.ErrNotFound })
	e.Any("/webhooks/*", func(echo.Context) error { return echo.ErrNotFound })
	e.Any("/v1", func(echo.Context) error { return echo.ErrNotFound })
	api := http.NotFoundHandler()
	if s.o.API != nil {
		api = s.o.API
	}
	e.Any(apiRoute, echo.WrapHandler(api))
	tools := http.NotFoundHandler()
	if s.o.MCP != nil {
		tools = s.o.MCP
	}
	e.Any(mcpRoute, echo.WrapHandler(tools))
	if s.o.Console != nil {
		e.Any("/*", echo.WrapHandler(s.protect(s.o.Console)))
	}
	return e
}

// read mounts what is only read.
func read(h http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		if m := c.Request().Method; m != http.MethodGet && m != http.MethodHead {
			c.Response().Header().Set("Allow", "GET, HEAD")
			return echo.ErrMethodNotAllowed
		}
		h.ServeHTTP(c.Response(), c.Request())
		return nil
	}
}

func (s *Server) webhook(c echo.Context) error {
	h, ok := s.o.Webhooks[c.Param("account")]
	if !ok {
		return echo.ErrNotFound
	}
	h.ServeHTTP(c.Response(), c.Request())
	return nil
}

// errorLog takes what net/http has to say: broken clients, mostly.
type errorLog struct{ log zerolog.Logger }

func (l errorLog) Write(p []byte) (int, error) {
	l.log.Debug().Str("detail", strings.TrimSpace(string(p))).Msg("http connection")
	return len(p), nil
}
