package queue_test

import (
	"slices"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
)

func TestLanes(t *testing.T) {
	to := func(a core.Account) core.Conversation {
		return core.Conversation{Account: a, Place: core.Private, Chat: "1", Thread: "t"}
	}
	alone, l := queue.Lanes{}, queue.NewLanes("b", "a")
	for _, a := range []core.Account{"a", "b", "c"} {
		common := queue.Lane(to(a))
		if got := alone.Of(to(a)); got != common {
			t.Errorf("%s alone: %v", a, got)
		}
		got, own := l.Of(to(a)), a != "c"
		if own {
			common.Box = queue.OutboxOf(a)
		}
		if got != common || l.Own(a) != own || alone.Own(a) || !got.Box.IsOutbox() {
			t.Errorf("%s: %v, want %v", a, got, common)
		}
	}
	if got := l.Outboxes(); !slices.Equal(got, []queue.Box{queue.Outbox, "outbox/a", "outbox/b"}) {
		t.Errorf("boxes %v", got)
	}
	if got := alone.Outboxes(); !slices.Equal(got, []queue.Box{queue.Outbox}) {
		t.Errorf("boxes alone %v", got)
	}
	if queue.Inbox.IsOutbox() || queue.Ledger.IsOutbox() || queue.Box("outboxes").IsOutbox() {
		t.Error("not every box holds replies")
	}
}
