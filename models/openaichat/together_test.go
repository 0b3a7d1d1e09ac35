package openaichat_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

const wordEvent = `data: {"choices":[{"index":0,"delta":{"content":"word "}}]}` + "\n\n"

// TestPiecesThatCameTogether go on together, and none waits for one that is not whole.
func TestPiecesThatCameTogether(t *testing.T) {
	told := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, piece := range []string{
			wordEvent + wordEvent + wordEvent,
			wordEvent + wordEvent[:20],
			wordEvent[20:] + ": a comment\n\n",
			wordEvent + "data: [DONE]\n\n", // without a finish
		} {
			_, _ = w.Write([]byte(piece))
			_ = http.NewResponseController(w).Flush()
			<-told
		}
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := newClient(t, openaichat.Options{Base: server.URL, HTTP: &http.Client{Transport: transport}})
	var got []string
	var failed error
	for d, err := range c.Chat(t.Context(), modeltest.Ask("hi")) {
		if failed = err; err != nil {
			break
		}
		got = append(got, d.Text)
		told <- struct{}{}
	}
	want := []string{"word word word ", "word ", "word ", "word "}
	if !slices.Equal(got, want) || failed == nil {
		t.Errorf("%q and %v, want %q and a failure", got, failed, want)
	}
}
