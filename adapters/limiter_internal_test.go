package adapters

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// TestLimiterForgets: the memory of chats that say nothing any more is given back,
// that of a wait which still holds is not.
func TestLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(map[core.Account]Limits{"a": {Chat: Rate{Count: 1, Per: time.Second, Burst: 3}}})
		chat := func(i int) core.Conversation {
			return core.Conversation{Account: "a", Place: core.Private, Chat: core.ChatID(strconv.Itoa(i))}
		}
		for i := range 10_000 {
			reserve(t, l, chat(i))
		}
		if err := l.Obey(t.Context(), chat(7), MethodSend, fault.ScopeChat, time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * sweepEvery)
		reserve(t, l, chat(0))
		if n := len(l.accounts["a"].chats); n != 2 {
			t.Errorf("%d chats remembered, want the one that waits and the one that asks", n)
		}
		if wait := reserve(t, l, chat(7)); wait == 0 {
			t.Error("a wait was forgotten")
		}
	})
}

func reserve(t *testing.T, l *LocalLimiter, to core.Conversation) time.Duration {
	t.Helper()
	wait, err := l.Reserve(t.Context(), to, MethodSend)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}
