package e2e

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/parley-hub/parley/models/modeltest"
)

// A hub that lists no worker and finds one by its name answers with it.
func TestWorkersAreFound(t *testing.T) {
	t.Parallel()
	found := newModel(t, modeltest.Options{})
	base, err := url.Parse(found.worker.Base())
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, setup{config: map[string]string{
		"models": fmt.Sprintf(`{pools: {chat: {versions: [{name: only, weight: 1, model: fake, discover: {dns: "localhost:%s", worker: {api_key: "KEY"}}}]}}}`, base.Port()),
	}})
	w.told(w.ask(ann, "hello", 1), "You said: hello")
	if slots := w.metric("parley_pool_advised_workers", "pool", "chat"); slots != 1 {
		t.Errorf("%v workers are advised for one question, want 1", slots)
	}
	if n := len(w.model.prompts()); n != 0 {
		t.Errorf("a worker that nobody named was asked %d times", n)
	}
}
