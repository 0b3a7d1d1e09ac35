package openaiapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

const (
	// bodyTimeout is for 25 MB over a slow line.
	bodyTimeout = time.Minute
	// writeTimeout bounds one write: who stops reading gives the worker back.
	writeTimeout = 30 * time.Second
)

// open gives the body, bounded in size and time. close ends the bound on time: left
// standing, it would end the watch for a caller that leaves, and with it the answer.
func (c *call) open() (body io.Reader, done func(), err error) {
	if encoding := c.r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, nil, &failure{status: http.StatusUnsupportedMediaType, kind: kindRequest, text: "The body must not be compressed."}
	}
	if c.r.ContentLength > c.api.o.MaxBody {
		return nil, nil, c.tooLarge()
	}
	if err := c.out.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return nil, nil, err
	}
	return http.MaxBytesReader(c.w, c.r.Body, c.api.o.MaxBody), func() { _ = c.out.SetReadDeadline(time.Time{}) }, nil
}

// readBody reads the whole body.
func (c *call) readBody() ([]byte, error) {
	body, done, err := c.open()
	if err != nil {
		return nil, err
	}
	defer done()
	var b bytes.Buffer
	b.Grow(int(max(c.r.ContentLength, 0)) + bytes.MinRead)
	if _, err := b.ReadFrom(body); err != nil {
		return nil, c.unread(err)
	}
	return b.Bytes(), nil
}

// unread says why a body could not be read.
func (c *call) unread(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return c.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.w.Header().Set("Connection", "close")
		return &failure{status: http.StatusRequestTimeout, kind: kindRequest, text: "The body came too slowly."}
	default:
		return wrong("", "The body could not be read to its end.")
	}
}

func (c *call) tooLarge() error {
	// The rest is not worth reading: the connection goes with it.
	c.w.Header().Set("Connection", "close")
	return &failure{
		status: http.StatusRequestEntityTooLarge, kind: kindRequest, code: "request_too_large",
		text: "The body is larger than " + strconv.FormatInt(c.api.o.MaxBody, 10) + " bytes.",
	}
}

// write sends a piece of an answer at once.
func (c *call) write(b []byte) error {
	if err := c.out.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := c.w.Write(b); err != nil {
		return err
	}
	return c.out.Flush()
}
