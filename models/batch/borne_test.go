package batch

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
)

// metered counts the tokens of a worker.
type metered struct {
	*worker
	mu    sync.Mutex
	spent int
}

func (m *metered) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	got, err := m.worker.Embed(ctx, r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spent += got.Usage.Prompt
	return got, err
}

// Every token that a worker counts is borne by who asked, or told as nobody's: of those
// who left, and of requests that another text made fail.
func TestAllTokensAreAccounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &metered{worker: &worker{takes: 10 * time.Millisecond}}
		var mu sync.Mutex
		borne, nobodys := 0, 0
		b := New(Options{Embedder: m, Calls: func() int { return 2 }, Unborne: func(u models.Usage) {
			mu.Lock()
			defer mu.Unlock()
			nobodys += u.Prompt
		}})
		var asking sync.WaitGroup
		for i := range 400 {
			asking.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond / 3)
				ctx := t.Context()
				r := ask(fmt.Sprint("p", i%7), numbered(i%5+1)...)
				switch i % 11 {
				case 0:
					r.Texts = append(r.Texts, "bad")
				case 1:
					var leave context.CancelFunc
					ctx, leave = context.WithTimeout(ctx, time.Duration(i%23)*time.Millisecond)
					defer leave()
				}
				got, err := b.Embed(ctx, r)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					borne += got.Usage.Prompt
				}
			})
		}
		asking.Wait()
		synctest.Wait()
		if borne+nobodys != m.spent || nobodys == 0 || borne == 0 {
			t.Errorf("%d borne and %d of nobody, of %d", borne, nobodys, m.spent)
		}
		time.Sleep(time.Second)
	})
}

// silent does not say what its vectors cost.
type silent struct{ *worker }

func (s silent) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	got, err := s.worker.Embed(ctx, r)
	got.Usage = models.Usage{}
	return got, err
}

func TestEstimated(t *testing.T) {
	b := New(Options{Embedder: silent{&worker{}}})
	const text = "what nobody counted"
	got, err := b.Embed(t.Context(), ask("a", text))
	if err != nil || !got.Estimated || got.Usage.Prompt != core.EstimateTokens(text) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBoundsOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{takes: time.Second}
		b := New(Options{
			Embedder: w, Batch: models.BatchConfig{Items: 3, Tokens: 100, Wait: time.Minute}, Line: admission.LineOptions{Items: 6},
			Calls: func() int { return 1 },
		})
		var asking sync.WaitGroup
		for _, n := range []int{1, 6} { // the second ones wait for the first
			asking.Go(func() {
				if _, err := b.Embed(t.Context(), ask("a", numbered(n)...)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if _, err := b.Embed(t.Context(), ask("b", "one too many")); fault.ClassOf(err) != fault.RateLimited {
			t.Errorf("a line that is full: %v", err)
		}
		asking.Wait()
		if got := w.sizes(); fmt.Sprint(got) != "[1 3 3]" {
			t.Errorf("calls of %v", got)
		}
		time.Sleep(time.Minute)
	})
}
