package alone

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// topic implements cluster.Topic.
type topic struct {
	mu        sync.Mutex
	listeners map[string][]chan []byte
}

// Publish tells payload to who listens.
func (t *topic) Publish(ctx context.Context, name string, payload []byte) error {
	if err := cluster.CheckPayload(payload); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Retryable, "publish", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, to := range t.listeners[name] {
		cluster.Offer(to, bytes.Clone(payload))
	}
	return nil
}

// Subscribe gives what is published from now on.
func (t *topic) Subscribe(ctx context.Context, name string) <-chan []byte {
	to := make(chan []byte, cluster.TopicBuffer)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listeners == nil {
		t.listeners = map[string][]chan []byte{}
	}
	t.listeners[name] = append(t.listeners[name], to)
	context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		left := slices.DeleteFunc(t.listeners[name], func(other chan []byte) bool { return other == to })
		if t.listeners[name] = left; len(left) == 0 {
			delete(t.listeners, name)
		}
		close(to)
	})
	return to
}
