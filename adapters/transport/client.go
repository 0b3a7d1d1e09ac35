package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// NewClient makes the client of one account. It follows no redirect, since that would carry the
// token to another host, and has no timeout: each call brings its own in its context. A server
// that was asked has patience to begin its answer. Where a client is given, its transport is
// used and patience is not. release gives back idle connections that nobody else uses.
func NewClient(given *http.Client, patience time.Duration) (client *http.Client, release func()) {
	own := &http.Client{}
	release = func() {}
	if given != nil {
		*own = *given
	} else {
		own.Transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			MaxIdleConnsPerHost:   32,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: patience,
			ForceAttemptHTTP2:     true,
		}
		release = own.CloseIdleConnections
	}
	own.Timeout = 0
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return own, release
}

// Trace notices how far a request came. The zero value is ready; it serves one call.
type Trace struct{ connected, wrote atomic.Bool }

// Follow makes a context in which a request is noticed.
func (t *Trace) Follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { t.connected.Store(true) },
		WroteRequest: func(i httptrace.WroteRequestInfo) { t.wrote.Store(i.Err == nil) },
	})
}

// Sent tells whether the server may have the whole request, where no answer says so. After a
// cancelled context the writer may still be at work, so a connection is enough.
func (t *Trace) Sent(ctx context.Context) bool {
	return t.wrote.Load() || (ctx.Err() != nil && t.connected.Load())
}

// ErrAnswerTooLong is what reading a Bounded answer ends with when more comes than may.
var ErrAnswerTooLong = errors.New("the answer is longer than any the server gives")

// Bounded reads up to most bytes of an answer. When more comes it fails with ErrAnswerTooLong.
func Bounded(answer io.ReadCloser, most int64) io.ReadCloser {
	return &capped{ReadCloser: answer, left: most, over: ErrAnswerTooLong}
}

// capped reads up to left bytes; when more comes it fails with over.
type capped struct {
	io.ReadCloser
	left int64
	over error
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	if int64(n) > c.left {
		n, err = int(c.left), c.over
	}
	c.left -= int64(n)
	return n, err
}

// Clean makes an error of the one a call failed with that can be told: only its words survive,
// without the address and through redact, and the error of ctx for errors.Is. Causes further
// down might print a whole request.
func Clean(ctx context.Context, err error, redact func(string) string) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	words := redact(err.Error())
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%w (%s)", cause, words)
	}
	return errors.New(words)
}
