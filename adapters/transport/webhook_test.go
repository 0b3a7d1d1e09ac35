package transport_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/fault"
)

func TestReadBody(t *testing.T) {
	for name, test := range map[string]struct {
		body    io.Reader
		want    string
		status  int
		refused int
	}{
		"whole":   {body: strings.NewReader("0123456789"), want: "0123456789"},
		"longer":  {body: strings.NewReader("01234567890"), status: http.StatusRequestEntityTooLarge, refused: 1},
		"partial": {body: iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("012"))), status: http.StatusBadRequest},
	} {
		refused := 0
		r := httptest.NewRequest(http.MethodPost, "/", test.body)
		data, status := transport.ReadBody(httptest.NewRecorder(), r, 10, func(err error) {
			refused++
			if fault.ClassOf(err) != fault.Permanent {
				t.Errorf("%s: %v", name, err)
			}
		})
		if string(data) != test.want || status != test.status || refused != test.refused {
			t.Errorf("%s: %q, status %d, %d refused", name, data, status, refused)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		0: "1", time.Millisecond: "1", time.Second: "1", 1500 * time.Millisecond: "2", 30 * time.Hour: "3600",
	} {
		if got := transport.RetryAfter(fault.New(fault.RateLimited, "accept", nil, fault.WithWait(wait))); got != want {
			t.Errorf("%v: %s, want %s", wait, got, want)
		}
	}
	if got := transport.RetryAfter(errors.New("any")); got != "1" {
		t.Errorf("got %s", got)
	}
}
