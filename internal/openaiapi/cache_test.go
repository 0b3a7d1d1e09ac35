package openaiapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models"
)

// A caller says whether an answer that was there will do, for whom it asks, and is told
// whether it was.
func TestCache(t *testing.T) {
	hit := &played{deltas: []models.Delta{{Text: "hi"}, {
		Finish: models.FinishStop, Model: "tiny-1", Usage: &models.Usage{}, Saved: &models.Usage{Prompt: 5, Completion: 2},
	}}}
	miss := says("hi")
	h := start(t, map[string]models.Client{"chat": hit, "new": miss})
	const users = `{"model":"%","stream":$,"user":"anna","safety_identifier":"a b","messages":[{"role":"user","content":"hi"}]}`
	body := func(model, stream string) string { return strings.NewReplacer("%", model, "$", stream).Replace(users) }
	for word, mode := range map[string]models.CacheMode{"": models.CacheAuto, "always": models.CacheAlways, "never": models.CacheNever} {
		resp, answer := h.chat(t, body("new", "false"), header("X-Cache", word))
		if got := miss.asked().Cache; resp.StatusCode != http.StatusOK || got != (models.Caching{Mode: mode, User: `user="anna" safety_identifier="a b" `}) {
			t.Errorf("%q: %d %s, asked with %+v", word, resp.StatusCode, answer, got)
		}
		if resp.Header.Get("X-Cache") != "" || !strings.Contains(answer, `"prompt_tokens":5`) {
			t.Errorf("a new answer: %v %s", resp.Header, answer)
		}
	}
	resp, answer := h.chat(t, body("chat", "false"))
	if resp.Header.Get("X-Cache") != "hit" || resp.Header.Get("X-Model-Name") != "tiny-1" || !strings.Contains(answer, `"total_tokens":0`) {
		t.Errorf("%v %s", resp.Header, answer)
	}
	if resp, answer = h.chat(t, body("chat", "true")); resp.Trailer.Get("X-Cache") != "hit" {
		t.Errorf("%v %v %s", resp.Header, resp.Trailer, answer)
	}
	if resp, answer = h.chat(t, hi, header("X-Cache", "maybe")); resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, `"param":"X-Cache"`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer = h.chat(t, strings.Replace(hi, "{", `{"user":5,`, 1)); resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, `"param":"user"`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}
