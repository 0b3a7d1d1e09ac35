package fleet

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/parley-hub/parley/core/fault"
)

// FuzzWatch says anything in a watch: no word of it breaks the watcher, and what it makes
// of it is a set.
func FuzzWatch(f *testing.F) {
	for _, text := range []string{
		`{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"},"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"],"conditions":{"ready":true}}],"ports":[{"name":"http","port":8000}]}}`,
		`{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"},"endpoints":[{"addresses":["::1"],"conditions":{"serving":true,"terminating":true},"targetRef":{"uid":"u"}}],"ports":[{"port":1}]}}`,
		`{"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"8"}}}`,
		`{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}`,
		`{"type":"ERROR","object":{"code":410}}`, `{"type":"ERROR","object":[]}`, `{"type":"ADDED","object":null}`, `{}`,
	} {
		f.Add(text, "http")
		f.Add(text, "")
		f.Add(text, "8000")
	}
	f.Fuzz(func(t *testing.T, text, port string) {
		var e event
		if json.Unmarshal([]byte(text), &e) != nil {
			return
		}
		var told [][]Address
		w := kubeWatch{kubernetes: &kubernetes{port: port}, slices: map[string]endpointSlice{}}
		w.yield = func(set []Address, _ error) bool { told = append(told, set); return true }
		if err := w.apply(e); err == nil && w.version == "" && slices.Contains([]string{"ADDED", "MODIFIED", "DELETED", "BOOKMARK"}, e.Type) {
			t.Error("a change without a version was taken")
		}
		for _, set := range told {
			if !slices.Equal(set, tidy(slices.Clone(set))) {
				t.Errorf("told %v, in no order or twice", set)
			}
		}
	})
}

func TestStatusFaults(t *testing.T) {
	for code, want := range map[int]fault.Class{
		400: fault.NeedsHuman, 401: fault.NeedsHuman, 403: fault.NeedsHuman, 429: fault.RateLimited, 500: fault.Retryable, 504: fault.Retryable, 0: fault.Retryable,
	} {
		if got := fault.ClassOf(apiStatus{Code: code}.fault(0)); got != want {
			t.Errorf("%d: %v, want %v", code, got, want)
		}
	}
}
