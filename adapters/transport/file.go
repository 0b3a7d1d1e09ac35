package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/parley-hub/parley/core/fault"
)

const opFetch = "fetch"

// ErrFileTooLarge is the cause when a file has more bytes than it may.
var ErrFileTooLarge = errors.New("the file is larger than it may be")

// TooLarge is the fault for a file that is said to have size bytes, of which limit are allowed.
func TooLarge(size, limit int64) error {
	return fault.New(fault.Permanent, opFetch, fmt.Errorf("%w: %d bytes, at most %d", ErrFileTooLarge, size, limit))
}

// Download opens a file of up to limit bytes. Errors, those of the reader too, are faults: no
// connection, a lost one, a 429 and a 5xx can be repeated, a larger file cannot, and refused says
// what any other status means. clean takes secrets out of an error.
func Download(client *http.Client, req *http.Request, limit int64, clean func(error) error, refused func(status int) error) (io.ReadCloser, error) {
	resp, err := client.Do(req) //nolint:gosec // the caller looked at the address
	if err != nil {
		return nil, fault.New(fault.Retryable, opFetch, clean(err))
	}
	if resp.StatusCode == http.StatusOK && resp.ContentLength <= limit {
		over := fault.New(fault.Permanent, opFetch, ErrFileTooLarge)
		return &file{capped{ReadCloser: resp.Body, left: limit, over: over}, clean}, nil
	}
	_ = resp.Body.Close() // nothing of it is wanted
	switch {
	case resp.StatusCode == http.StatusOK:
		return nil, TooLarge(resp.ContentLength, limit)
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= http.StatusInternalServerError:
		return nil, fault.New(fault.Retryable, opFetch, fmt.Errorf("status %d", resp.StatusCode))
	default:
		return nil, refused(resp.StatusCode)
	}
}

// file is a file on its way; its errors are faults.
type file struct {
	capped
	clean func(error) error
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.capped.Read(p)
	var known *fault.Error
	if err == nil || err == io.EOF || errors.As(err, &known) { //nolint:errorlint // io.EOF is compared as the io package says
		return n, err
	}
	return n, fault.New(fault.Retryable, opFetch, f.clean(err))
}
