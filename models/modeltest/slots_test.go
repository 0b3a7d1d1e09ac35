package modeltest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// timed is a worker of which every step has its own length.
func timed() modeltest.Options {
	return modeltest.Options{
		Slots: 2, Prefill: time.Millisecond, FirstToken: 100 * time.Millisecond, PerToken: 10 * time.Millisecond, Cache: 1 << 12,
		Answer: func([]models.Message) string { return "one two three four" },
	}
}

// ask posts a prompt of so many words of four letters and gives what it took and what
// of it was cached.
func ask(t *testing.T, client *http.Client, base string, words int) (took time.Duration, cached int) {
	t.Helper()
	began := time.Now()
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":%q}]}`, strings.Repeat("word ", words))
	status, answer, err := post(t, client, base+"/chat/completions", body, http.Header{})
	if status != 200 || err != nil {
		t.Errorf("%d %s %v", status, answer, err)
	}
	var read struct {
		Usage struct {
			Details struct {
				Cached int `json:"cached_tokens"`
			} `json:"prompt_tokens_details"`
		} `json:"usage"`
	}
	if err := json.Unmarshal([]byte(answer), &read); err != nil {
		t.Error(err)
	}
	return time.Since(began), read.Usage.Details.Cached
}

func TestTimeOfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, client := modeltest.StartPiped(t, timed())
		// 1250 tokens of prompt, and 3 tokens behind the first.
		if took, cached := ask(t, client, w.Base(), 1000); took != 1380*time.Millisecond || cached != 0 {
			t.Errorf("cold: %v, %d cached", took, cached)
		}
		if took, cached := ask(t, client, w.Base(), 1000); cached < 1200 || cached >= 1250 || took != time.Duration(1380-cached)*time.Millisecond {
			t.Errorf("cached: %v, %d cached", took, cached)
		}
		w.SetSpeed(0.25)
		if took, cached := ask(t, client, w.Base(), 1000); took != 4*time.Duration(1380-cached)*time.Millisecond {
			t.Errorf("four times slower: %v", took)
		}
		w.Refuse()
		synctest.Wait() // the client's connection is gone
		w.Return(t)
		if took, cached := ask(t, client, w.Base(), 1000); took != 4*1380*time.Millisecond || cached != 0 {
			t.Errorf("after its death: %v, %d cached", took, cached)
		}
		if c := w.Counts(); c.Prompt != 4*1250 || c.Cached == 0 || c.Reported.Prompt != c.Prompt || c.Reported.Cached != c.Cached || c.Reported.Completion != 16 || c.Tokens != 16 {
			t.Errorf("%+v", c)
		}
	})
}

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := timed()
		o.Cache, o.Prefill, o.Queue = 0, 0, 3
		w, client := modeltest.StartPiped(t, o)
		began := time.Now()
		var askers sync.WaitGroup
		for range 5 {
			askers.Go(func() { ask(t, client, w.Base(), 1) })
		}
		synctest.Wait()
		if c := w.Counts(); c.Running != 2 || c.Waiting != 3 || c.InFlight != 5 {
			t.Errorf("%+v", c)
		}
		if status, _, _ := post(t, client, w.Base()+"/chat/completions", question, http.Header{}); status != 503 {
			t.Errorf("a full queue: %d", status)
		}
		askers.Wait()
		// Three rounds of 100 ms and three times 10 ms.
		if took := time.Since(began); took != 390*time.Millisecond {
			t.Errorf("five in two slots took %v", took)
		}
		if c := w.Counts(); c.Running != 0 || c.Waiting != 0 || c.InFlight != 0 || c.MaxWaiting != 3 || c.Finished != 5 || c.Faulted != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestLeavingTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := timed()
		o.Slots = 1
		w, client := modeltest.StartPiped(t, o)
		leave := make([]context.CancelFunc, 3)
		var askers sync.WaitGroup
		for i := range leave {
			ctx, cancel := context.WithCancel(t.Context())
			leave[i] = cancel
			askers.Go(func() {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Base()+"/chat/completions", strings.NewReader(question))
				if err != nil {
					t.Error(err)
					return
				}
				if resp, err := client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
			synctest.Wait()
		}
		leave[1]() // waits in line
		synctest.Wait()
		if c := w.Counts(); c.Running != 1 || c.Waiting != 1 || c.Cancelled != 1 {
			t.Errorf("%+v", c)
		}
		leave[0]() // has the slot
		synctest.Wait()
		if c := w.Counts(); c.Running != 1 || c.Waiting != 0 || c.Cancelled != 2 || c.Tokens != 0 {
			t.Errorf("%+v", c)
		}
		w.Refuse()
		synctest.Wait()
		if c := w.Counts(); c.Running != 0 || c.InFlight != 0 || c.Cancelled != 3 || c.AfterCancel != 0 {
			t.Errorf("%+v", c)
		}
		askers.Wait()
		leave[2]()
	})
}

// TestCacheForgets fills the cache with other prompts until the first is gone: its
// beginning, which all share, stays longest.
func TestCacheForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := timed()
		o.Cache = 2048
		w, client := modeltest.StartPiped(t, o)
		chat := func(text string) int {
			t.Helper()
			shared := strings.Repeat("the same words ", 100)
			body := fmt.Sprintf(`{"messages":[{"role":"system","content":%q},{"role":"user","content":%q}]}`, shared, strings.Repeat(text+" ", 400))
			before := w.Counts().Cached
			if status, answer, _ := post(t, client, w.Base()+"/chat/completions", body, http.Header{}); status != 200 {
				t.Errorf("%d %s", status, answer)
			}
			return w.Counts().Cached - before
		}
		if n := chat("alpha"); n != 0 {
			t.Errorf("first: %d", n)
		}
		if n := chat("alpha"); n < 900 {
			t.Errorf("again: %d", n)
		}
		for _, other := range []string{"bravo", "gamma", "delta", "omega"} {
			if n := chat(other); n < 350 || n > 375 {
				t.Errorf("the shared beginning of %s: %d", other, n)
			}
		}
		if n := chat("alpha"); n < 350 || n > 375 {
			t.Errorf("what was forgotten: %d", n)
		}
	})
}
