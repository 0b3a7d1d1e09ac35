package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/fault"
)

// Paths of the test's server: a status, or "sized", "unsized" and "broken" of so many bytes.
func files(w http.ResponseWriter, r *http.Request) {
	kind, number, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	switch kind {
	case "status":
		w.WriteHeader(n)
		return
	case "unsized":
		w.(http.Flusher).Flush()
	case "broken":
		w.Header().Set("Content-Length", strconv.Itoa(n+1))
	}
	_, _ = io.WriteString(w, strings.Repeat("x", n)) // the client may have heard enough
}

func TestDownload(t *testing.T) {
	web := serve(t, files)
	refused := errors.New("refused")
	for path, test := range map[string]struct {
		bytes int // that are read
		class fault.Class
		cause error
	}{
		"/sized/0":    {},
		"/sized/10":   {bytes: 10},
		"/unsized/10": {bytes: 10},
		"/sized/11":   {class: fault.Permanent, cause: transport.ErrFileTooLarge},
		"/unsized/11": {bytes: 10, class: fault.Permanent, cause: transport.ErrFileTooLarge},
		"/broken/5":   {bytes: 5, class: fault.Retryable},
		"/status/429": {class: fault.Retryable},
		"/status/503": {class: fault.Retryable},
		"/status/302": {class: fault.Permanent, cause: refused},
		"/status/404": {class: fault.Permanent, cause: refused},
	} {
		client, _ := transport.NewClient(web.Client(), 0)
		body, err := transport.Download(client, get(t.Context(), t, web.URL+path), 10,
			func(err error) error { return errors.New("cleaned: " + err.Error()) },
			func(status int) error { return fault.New(fault.Permanent, strconv.Itoa(status), refused) })
		var data []byte
		if err == nil {
			data, err = io.ReadAll(body)
			if closeErr := body.Close(); closeErr != nil {
				t.Error(closeErr)
			}
		}
		if len(data) != test.bytes || (err == nil) != (test.class == 0 && test.cause == nil) {
			t.Errorf("%s: %d bytes, %v", path, len(data), err)
			continue
		}
		if err != nil && fault.ClassOf(err) != test.class || test.cause != nil && !errors.Is(err, test.cause) {
			t.Errorf("%s: %v", path, err)
		}
		if path == "/broken/5" && !strings.Contains(err.Error(), "cleaned: unexpected EOF") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDownloadOfNobody(t *testing.T) {
	web := serve(t, files)
	web.Close()
	_, err := transport.Download(web.Client(), get(t.Context(), t, web.URL), 10, func(error) error { return errors.New("cleaned") }, nil)
	if fault.ClassOf(err) != fault.Retryable || !strings.Contains(err.Error(), "cleaned") {
		t.Errorf("got %v", err)
	}
}
