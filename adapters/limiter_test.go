package adapters_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

func limits(l adapters.Limits) *adapters.Limiter {
	return adapters.NewLimiter(map[core.Account]adapters.Limits{"a": l})
}

// TestReserveKeepsRates: however many chats ask, no account and no chat makes more
// calls in any stretch of time than its rate and burst allow, and nobody starves.
func TestReserveKeepsRates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		account := adapters.Rate{Count: rapid.IntRange(1, 30).Draw(rt, "count"), Per: time.Second, Burst: rapid.IntRange(1, 10).Draw(rt, "burst")}
		chat := adapters.Rate{Count: 1, Per: time.Second, Burst: rapid.IntRange(1, 3).Draw(rt, "chat burst")}
		chats := rapid.IntRange(1, 12).Draw(rt, "chats")
		each := rapid.IntRange(1, 6).Draw(rt, "each")
		var all []time.Time
		by := make([][]time.Time, chats)
		synctest.Test(t, func(*testing.T) {
			l := limits(adapters.Limits{Account: account, Chat: chat})
			due := make([]time.Time, chats)
			for len(all) < chats*each {
				next := time.Now().Add(time.Hour)
				for c := range chats {
					for len(by[c]) < each && !due[c].After(time.Now()) {
						wait := l.Reserve(private("a", core.ChatID(fmt.Sprint(c))), adapters.MethodSend)
						if due[c] = time.Now().Add(wait); wait == 0 {
							by[c], all = append(by[c], time.Now()), append(all, time.Now())
						}
					}
					if len(by[c]) < each && due[c].Before(next) {
						next = due[c]
					}
				}
				elapse(time.Until(next))
			}
		})
		within(rt, "account", all, account)
		for c := range chats {
			within(rt, "chat", by[c], chat)
		}
	})
}

// within tells whether calls kept to a rate.
func within(rt *rapid.T, what string, at []time.Time, r adapters.Rate) {
	every := r.Per / time.Duration(r.Count)
	for i := range at {
		for j := i + 1; j < len(at); j++ {
			calls := j - i + 1
			if least := every * time.Duration(calls-r.Burst); at[j].Sub(at[i]) < least {
				rt.Fatalf("%s: %d calls in %v, burst %d and one each %v", what, calls, at[j].Sub(at[i]), r.Burst, every)
			}
		}
	}
}

// TestChatsTakeTurns: chats of one account that find no room go in the order in
// which they asked, whoever asks again first.
func TestChatsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits(adapters.Limits{Account: adapters.Rate{Count: 1, Per: time.Second, Burst: 1}})
		first, second, third := private("a", "1"), private("a", "2"), private("a", "3")
		for i, to := range []core.Conversation{first, second, third} {
			if wait := l.Reserve(to, adapters.MethodSend); wait != time.Duration(i)*time.Second {
				t.Fatalf("chat %d waits %v", i, wait)
			}
		}
		elapse(time.Second)
		if wait := l.Reserve(third, adapters.MethodSend); wait != time.Second {
			t.Errorf("the third waits %v", wait)
		}
		if wait := l.Reserve(second, adapters.MethodSend); wait != 0 {
			t.Errorf("the second waits %v", wait)
		}
	})
}

// TestChatDoesNotHoldAccount: a chat that has to wait long takes nothing from others.
func TestChatDoesNotHoldAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits(adapters.Limits{
			Account: adapters.Rate{Count: 1, Per: time.Second, Burst: 2}, Group: adapters.Rate{Count: 1, Per: time.Minute},
		})
		if wait := l.Reserve(group("a", "1"), adapters.MethodSend); wait != 0 {
			t.Fatalf("waits %v", wait)
		}
		if wait := l.Reserve(group("a", "1"), adapters.MethodSend); wait != time.Minute {
			t.Fatalf("waits %v", wait)
		}
		if wait := l.Reserve(group("a", "2"), adapters.MethodSend); wait != 0 {
			t.Errorf("another chat waits %v", wait)
		}
	})
}

// TestObey: how far a wait reaches.
func TestObey(t *testing.T) {
	const wait = 30 * time.Second
	here, there, elsewhere := private("a", "1"), private("a", "2"), private("b", "1")
	type told struct {
		to    core.Conversation
		scope fault.Scope
		later time.Duration
	}
	for _, test := range []struct {
		name string
		told []told
		// waits by who asks: here sends, here types, there sends, elsewhere sends
		want [4]bool
	}{
		{"chat", []told{{here, fault.ScopeChat, 0}}, [4]bool{true, true, false, false}},
		{"account", []told{{here, fault.ScopeAccount, 0}}, [4]bool{true, true, true, false}},
		{"method", []told{{here, fault.ScopeMethod, 0}}, [4]bool{true, false, true, false}},
		{"unknown", []told{{here, fault.ScopeUnknown, 0}}, [4]bool{true, true, false, false}},
		{"unknown, same chat twice", []told{{here, fault.ScopeUnknown, 0}, {here, fault.ScopeUnknown, time.Second}}, [4]bool{true, true, false, false}},
		{"unknown, two chats", []told{{here, fault.ScopeUnknown, 0}, {private("a", "3"), fault.ScopeUnknown, 9 * time.Second}}, [4]bool{true, true, true, false}},
		{"unknown, two chats far apart", []told{{here, fault.ScopeUnknown, 0}, {private("a", "3"), fault.ScopeUnknown, 11 * time.Second}}, [4]bool{true, true, false, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limits(adapters.Limits{})
				for _, told := range test.told {
					elapse(told.later)
					l.Obey(told.to, adapters.MethodSend, told.scope, wait)
				}
				got := [4]bool{
					l.Reserve(here, adapters.MethodSend) > 0, !l.Allow(here, adapters.MethodTyping),
					l.Reserve(there, adapters.MethodSend) > 0, l.Reserve(elsewhere, adapters.MethodSend) > 0,
				}
				if got != test.want {
					t.Errorf("waits %v, want %v", got, test.want)
				}
				elapse(wait)
				for _, to := range []core.Conversation{here, there, elsewhere} {
					if left := l.Reserve(to, adapters.MethodSend); left != 0 {
						t.Errorf("still waits %v", left)
					}
				}
			})
		})
	}
}

// TestAllowLeavesRoom: what may as well not be made leaves some for what must be.
func TestAllowLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits(adapters.Limits{Account: adapters.Rate{Count: 10, Per: time.Second, Burst: 10}})
		allowed := 0
		for i := range 20 {
			if l.Allow(private("a", core.ChatID(fmt.Sprint(i))), adapters.MethodDraft) {
				allowed++
			}
		}
		if allowed != 8 {
			t.Errorf("%d of a burst of 10 went to drafts, want 8", allowed)
		}
		for range 2 {
			if wait := l.Reserve(private("a", "1"), adapters.MethodSend); wait != 0 {
				t.Errorf("a final waits %v", wait)
			}
		}
		if l.Allow(private("a", "1"), adapters.MethodTyping) {
			t.Error("typing went over the limit")
		}
	})
}

// TestLatePlaceIsGivenUp: places in line that nobody took up do not add up to a burst.
func TestLatePlaceIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits(adapters.Limits{Account: adapters.Rate{Count: 10, Per: time.Second, Burst: 5}})
		free := func() (n int) {
			for i := range 100 {
				if l.Reserve(private("a", core.ChatID(fmt.Sprint(i))), adapters.MethodSend) == 0 {
					n++
				}
			}
			return n
		}
		if n := free(); n != 5 {
			t.Fatalf("%d calls at once, want the burst", n)
		}
		elapse(time.Minute)
		if n := free(); n != 5 {
			t.Errorf("%d calls at once after a minute, want the burst", n)
		}
	})
}
