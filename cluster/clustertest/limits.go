package clustertest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// LimitsBed runs f with limits of which nobody asked anything yet.
type LimitsBed func(t *testing.T, f func(t *testing.T, w LimitsWorld))

// LimitsWorld is limits and the clock that they go by. The suite reads waits and moves
// the clock; it never waits itself.
type LimitsWorld struct {
	cluster.Limits
	// Now tells the time on the clock. Where the clock goes on by itself the suite allows
	// for what passed during a call.
	Now func() time.Time
	// Elapse moves the clock on.
	Elapse func(time.Duration)
}

// Limits proves an implementation of cluster.Limits. Rates are slow where the order of
// calls matters and not their number, so that a slow machine changes nothing.
func Limits(t *testing.T, bed LimitsBed) {
	t.Run("keeps rates", func(t *testing.T) { keepsRates(t, bed) })
	t.Run("chats take turns", func(t *testing.T) { bed(t, chatsTakeTurns) })
	t.Run("a chat does not hold its account", func(t *testing.T) { bed(t, chatDoesNotHold) })
	t.Run("accounts are apart", func(t *testing.T) { bed(t, accountsAreApart) })
	t.Run("no limit", func(t *testing.T) { bed(t, noLimit) })
	t.Run("obeys", func(t *testing.T) { obeys(t, bed) })
	t.Run("the longest wait holds", func(t *testing.T) { bed(t, longestHolds) })
	t.Run("leaves room", func(t *testing.T) { bed(t, leavesRoom) })
	t.Run("a late place is given up", func(t *testing.T) { bed(t, latePlace) })
	t.Run("a late turn counts from when it is taken", func(t *testing.T) { bed(t, lateTurn) })
	t.Run("waits in line are obeyed too", func(t *testing.T) { bed(t, toldInLine) })
}

// asked is what came of a Reserve: when it was asked, at the earliest and at the latest,
// and how long to wait.
type asked struct {
	from, to time.Time
	wait     time.Duration
}

func (w LimitsWorld) reserve(t *testing.T, c cluster.Call) asked {
	t.Helper()
	a := asked{from: w.Now()}
	var err error
	if a.wait, err = w.Reserve(t.Context(), c); err != nil {
		t.Fatalf("Reserve: %v", err)
	}
	a.to = w.Now()
	return a
}

func (w LimitsWorld) allow(t *testing.T, c cluster.Call) bool {
	t.Helper()
	ok, err := w.Allow(t.Context(), c)
	if err != nil {
		t.Fatalf("Allow: %v", err)
	}
	return ok
}

func (w LimitsWorld) obey(t *testing.T, c cluster.Call, scope fault.Scope, wait time.Duration) {
	t.Helper()
	if err := w.Obey(t.Context(), c, scope, wait); err != nil {
		t.Fatalf("Obey: %v", err)
	}
}

// after tells whether a's call may be made so long after that of first.
func (a asked) after(t *testing.T, what string, first asked, want time.Duration) {
	t.Helper()
	least, most := want-a.to.Sub(first.from), want-a.from.Sub(first.to)
	// Times are kept in microseconds, rounded up.
	if a.wait < least-10*time.Microsecond || a.wait > most+10*time.Microsecond || want > 0 && a.wait == 0 {
		t.Errorf("%s waits %v, want between %v and %v", what, a.wait, least, most)
	}
}

func free(t *testing.T, what string, a asked) {
	t.Helper()
	if a.wait != 0 {
		t.Errorf("%s waits %v", what, a.wait)
	}
}

// call is one of account a.
func call(chat any, ofAccount, ofChat cluster.Rate) cluster.Call {
	return cluster.Call{Account: "a", Chat: core.ChatID(fmt.Sprint(chat)), Method: "send", OfAccount: ofAccount, OfChat: ofChat}
}

var none cluster.Rate

func each(every time.Duration, burst int) cluster.Rate {
	return cluster.Rate{Every: every, Burst: burst}
}

// keepsRates: however many chats ask, no account and no chat makes more calls in any
// stretch of time than its rate and burst allow, and nobody starves.
func keepsRates(t *testing.T, bed LimitsBed) {
	rapid.Check(t, func(rt *rapid.T) {
		account := each(time.Second/time.Duration(rapid.IntRange(1, 30).Draw(rt, "count")), rapid.IntRange(1, 10).Draw(rt, "burst"))
		chat := each(time.Second, rapid.IntRange(1, 3).Draw(rt, "chat burst"))
		chats := rapid.IntRange(1, 8).Draw(rt, "chats")
		calls := rapid.IntRange(1, 4).Draw(rt, "each")
		var all []asked
		by := make([][]asked, chats)
		var late time.Duration
		bed(t, func(t *testing.T, w LimitsWorld) {
			due := make([]time.Time, chats)
			for len(all) < chats*calls {
				next := w.Now().Add(time.Hour)
				for c := range chats {
					for len(by[c]) < calls && !due[c].After(w.Now()) {
						a := w.reserve(t, call(c, account, chat))
						if a.wait == 0 && !due[c].IsZero() {
							late = max(late, a.to.Sub(due[c]))
						}
						due[c] = a.from.Add(a.wait)
						if a.wait == 0 {
							by[c], all = append(by[c], a), append(all, a)
						}
					}
					if len(by[c]) < calls && due[c].Before(next) {
						next = due[c]
					}
				}
				if left := next.Sub(w.Now()); left > 0 {
					w.Elapse(left)
				}
			}
		})
		within(rt, "account", all, account, late)
		for c := range chats {
			within(rt, "chat", by[c], chat, late)
		}
	})
}

// within tells whether calls kept to a rate. A place in line may be taken a little late:
// then the next one is nearer by that.
func within(rt *rapid.T, what string, at []asked, r cluster.Rate, late time.Duration) {
	for i := range at {
		for j := i + 1; j < len(at); j++ {
			calls, took := j-i+1, at[j].to.Sub(at[i].from)+late
			if least := r.Every * time.Duration(calls-r.Burst); took < least {
				rt.Fatalf("%s: %d calls in %v, burst %d and one each %v", what, calls, took, r.Burst, r.Every)
			}
		}
	}
}

// chatsTakeTurns: chats of one account that find no room go in the order in which they
// asked, whoever asks again first.
func chatsTakeTurns(t *testing.T, w LimitsWorld) {
	rate := each(time.Minute, 1)
	first := w.reserve(t, call(1, rate, none))
	free(t, "the first", first)
	second := w.reserve(t, call(2, rate, none))
	second.after(t, "the second", first, time.Minute)
	w.reserve(t, call(3, rate, none)).after(t, "the third", first, 2*time.Minute)
	w.reserve(t, call(2, rate, none)).after(t, "the second, again", first, time.Minute)
	w.Elapse(time.Minute)
	w.reserve(t, call(3, rate, none)).after(t, "the third, after a minute", first, 2*time.Minute)
	free(t, "the second, after a minute", w.reserve(t, call(2, rate, none)))
}

// chatDoesNotHold: a chat that has to wait long takes nothing from others.
func chatDoesNotHold(t *testing.T, w LimitsWorld) {
	account, chat := each(time.Hour, 2), each(2*time.Hour, 1)
	first := w.reserve(t, call(1, account, chat))
	free(t, "the first", first)
	w.reserve(t, call(1, account, chat)).after(t, "the same chat", first, 2*time.Hour)
	free(t, "another chat", w.reserve(t, call(2, account, chat)))
}

// accountsAreApart: what one account calls is nothing to another.
func accountsAreApart(t *testing.T, w LimitsWorld) {
	here := call(1, each(time.Hour, 1), each(time.Hour, 1))
	there := here
	there.Account = "b"
	free(t, "here", w.reserve(t, here))
	free(t, "there", w.reserve(t, there))
	if w.reserve(t, here).wait == 0 || w.reserve(t, there).wait == 0 {
		t.Error("a burst of one was two")
	}
}

// noLimit: a call without rates goes, as often as it is asked for.
func noLimit(t *testing.T, w LimitsWorld) {
	for range 100 {
		free(t, "a call without rates", w.reserve(t, call(1, none, none)))
		if !w.allow(t, call(1, none, none)) {
			t.Fatal("a call without rates is not allowed")
		}
	}
}

// obeys: how far a wait reaches.
func obeys(t *testing.T, bed LimitsBed) {
	const wait = 30 * time.Minute
	here, there, third := call(1, none, none), call(2, none, none), call(3, none, none)
	elsewhere, typing := here, here
	elsewhere.Account, typing.Method = "b", "typing"
	type told struct {
		by    cluster.Call
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
		{"unknown, two chats", []told{{here, fault.ScopeUnknown, 0}, {third, fault.ScopeUnknown, 5 * time.Second}}, [4]bool{true, true, true, false}},
		{"unknown, two chats far apart", []told{{here, fault.ScopeUnknown, 0}, {third, fault.ScopeUnknown, 11 * time.Second}}, [4]bool{true, true, false, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bed(t, func(t *testing.T, w LimitsWorld) {
				// More is known of the account than what is told, and for longer.
				free(t, "another call", w.reserve(t, call("other", each(time.Hour, 9), none)))
				for _, told := range test.told {
					if told.later > 0 {
						w.Elapse(told.later)
					}
					w.obey(t, told.by, told.scope, wait)
				}
				got := [4]bool{w.reserve(t, here).wait > 0, !w.allow(t, typing), w.reserve(t, there).wait > 0, w.reserve(t, elsewhere).wait > 0}
				if got != test.want {
					t.Errorf("waits %v, want %v", got, test.want)
				}
				w.Elapse(wait)
				for _, c := range []cluster.Call{here, there, elsewhere} {
					free(t, "afterwards", w.reserve(t, c))
				}
			})
		})
	}
}

// longestHolds: a shorter wait that is told later takes nothing off a longer one, and
// what is told is waited to the end.
func longestHolds(t *testing.T, w LimitsWorld) {
	c := call(1, each(time.Second, 5), each(time.Second, 5))
	told := asked{from: w.Now()}
	w.obey(t, c, fault.ScopeAccount, time.Hour)
	told.to = w.Now()
	w.obey(t, c, fault.ScopeAccount, time.Minute)
	w.obey(t, c, fault.ScopeChat, time.Minute)
	w.reserve(t, c).after(t, "a call", told, time.Hour)
	w.Elapse(59 * time.Minute)
	w.reserve(t, c).after(t, "a call, later", told, time.Hour)
	for _, scope := range []fault.Scope{fault.ScopeChat, fault.ScopeMethod, fault.ScopeUnknown} {
		c := c
		c.Account, c.Chat, c.Method = "b", core.ChatID(fmt.Sprint(scope)), fmt.Sprint(scope)
		told := asked{from: w.Now()}
		w.obey(t, c, scope, time.Hour)
		told.to = w.Now()
		w.obey(t, c, scope, time.Minute)
		w.reserve(t, c).after(t, fmt.Sprint("a call under scope ", scope), told, time.Hour)
	}
}

// leavesRoom: what may as well not be made leaves some for what must be.
func leavesRoom(t *testing.T, w LimitsWorld) {
	rate := each(time.Hour, 10)
	allowed := 0
	for i := range 20 {
		if w.allow(t, call(i, rate, none)) {
			allowed++
		}
	}
	if allowed != 8 {
		t.Errorf("%d of a burst of 10 went to drafts, want 8", allowed)
	}
	for range 2 {
		free(t, "a final", w.reserve(t, call(1, rate, none)))
	}
	if w.allow(t, call(1, rate, none)) {
		t.Error("a draft went over the account's limit")
	}
	one := call("one", none, each(time.Hour, 1))
	if !w.allow(t, one) || w.allow(t, one) {
		t.Error("of a burst of one a draft may have it, and no second")
	}
}

// latePlace: places in line that nobody took up do not add up to a burst.
func latePlace(t *testing.T, w LimitsWorld) {
	rate := each(time.Minute, 5)
	goes := func() (n int) {
		for i := range 30 {
			if w.reserve(t, call(i, rate, none)).wait == 0 {
				n++
			}
		}
		return n
	}
	if n := goes(); n != 5 {
		t.Fatalf("%d calls at once, want the burst", n)
	}
	// The last of 25 places was due half a minute ago, and all room is given away.
	w.Elapse(25*time.Minute + 30*time.Second)
	if n := goes(); n != 0 {
		t.Errorf("%d calls took a place up too late", n)
	}
	w.Elapse(2 * time.Hour)
	if n := goes(); n != 5 {
		t.Errorf("%d calls at once after hours, want the burst", n)
	}
}

// lateTurn: who calls late calls again after the whole time.
func lateTurn(t *testing.T, w LimitsWorld) {
	rate := each(time.Hour, 1)
	c := call(1, none, rate)
	free(t, "the first", w.reserve(t, c))
	w.reserve(t, c)
	w.Elapse(time.Hour + 30*time.Second)
	late := w.reserve(t, c)
	free(t, "the second, late", late)
	w.reserve(t, c).after(t, "the third", late, time.Hour)
}

// toldInLine: a place in line is no way around what the platform told meanwhile.
func toldInLine(t *testing.T, w LimitsWorld) {
	rate := each(time.Minute, 1)
	free(t, "the first", w.reserve(t, call(1, rate, none)))
	if w.reserve(t, call(2, rate, none)).wait == 0 {
		t.Fatal("the second need not wait")
	}
	told := asked{from: w.Now()}
	w.obey(t, call(1, rate, none), fault.ScopeAccount, time.Hour)
	told.to = w.Now()
	w.Elapse(time.Minute)
	w.reserve(t, call(2, rate, none)).after(t, "the second", told, time.Hour)
}
