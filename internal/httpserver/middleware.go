package httpserver

import (
	"errors"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/parley-hub/parley/core/fault"
)

// access logs each request by its route. Paths and queries may hold what people
// said or what proves who they are, so neither is written.
func (s *Server) access(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err) // so that the status is known
		}
		ev := s.o.Log.Debug().Str("method", c.Request().Method).Str("route", c.Path()).
			Int("status", c.Response().Status).Int64("bytes", c.Response().Size).Dur("took", time.Since(start))
		if _, known := s.o.Webhooks[c.Param("account")]; known {
			ev = ev.Str("account", c.Param("account"))
		}
		ev.Msg("request")
		return nil
	}
}

// recoverPanic turns a panic into a 500 with a reference that the log has too.
func (s *Server) recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // the handler's way to cut the connection
			default:
				ref := fault.NewRef()
				s.o.Log.Error().Str("ref", ref).Str("route", c.Path()).Interface("panic", p).
					Str("stack", string(debug.Stack())).Msg("handler panicked")
				err = echo.NewHTTPError(http.StatusInternalServerError, "something went wrong here; reference "+ref)
			}
		}()
		return next(c)
	}
}

// limitBody refuses a body that is announced to be over the limit before a handler
// sees it. One of unknown length fails the handler's reading at the limit
// (*http.MaxBytesError): nothing is read for somebody the handler does not know.
func (s *Server) limitBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if s.o.API != nil && c.Path() == apiRoute || s.o.MCP != nil && c.Path() == mcpRoute {
			return next(c)
		}
		if r.ContentLength > s.o.MaxBody {
			// The rest of the body is not worth reading: the connection goes with it.
			c.Response().Header().Set("Connection", "close")
			return echo.ErrStatusRequestEntityTooLarge
		}
		if r.ContentLength == 0 {
			return next(c)
		}
		// Recorders in tests have no connection to set a deadline on.
		deadline := time.Now().Add(bodyTimeout)
		if err := http.NewResponseController(c.Response()).SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if r.ContentLength < 0 {
			// net/http's own writer: at the limit it ends the connection without a reset
			// that would overtake the answer.
			r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, s.o.MaxBody)
		}
		return next(c)
	}
}

// fail answers what no handler answered, in plain text.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, text := http.StatusInternalServerError, ""
	var he *echo.HTTPError
	if errors.As(err, &he) {
		status = he.Code
		text, _ = he.Message.(string)
	}
	if text == "" {
		text = http.StatusText(status)
	}
	h := c.Response().Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if err := c.String(status, text+"\n"); err != nil {
		s.o.Log.Debug().Err(err).Msg("answer not written")
	}
}
