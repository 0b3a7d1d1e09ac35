package redisc_test

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/test/redistest"
)

var (
	usedMemory = regexp.MustCompile(`used_memory:(\d+)`)
	evalCalls  = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+),usec=(\d+)`)
)

// BenchmarkReserve is what the limits cost Redis for one message, and how many bytes a
// chat takes that was just written to: one call is one round trip.
func BenchmarkReserve(b *testing.B) {
	s := redistest.Start(b)
	e := openLimits(b, s.URL(), "p")
	number := func(section string, of *regexp.Regexp, group int) float64 {
		text, err := e.Redis().Info(b.Context(), section).Result()
		if err != nil {
			b.Fatal(err)
		}
		found := of.FindStringSubmatch(text)
		if found == nil {
			return 0
		}
		n, err := strconv.ParseFloat(found[group], 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	if _, err := e.Reserve(b.Context(), slow); err != nil {
		b.Fatal(err)
	}
	calls, spent, memory := number("commandstats", evalCalls, 1), number("commandstats", evalCalls, 2), number("memory", usedMemory, 1)
	n := 0
	for b.Loop() {
		n++
		c := slow
		c.Chat, c.OfAccount.Burst = core.ChatID(fmt.Sprint("chat", n)), 1<<30
		if wait, err := e.Reserve(b.Context(), c); err != nil || wait != 0 {
			b.Fatalf("%v, %v", wait, err)
		}
	}
	b.ReportMetric((number("commandstats", evalCalls, 1)-calls)/float64(n), "calls/op")
	b.ReportMetric((number("commandstats", evalCalls, 2)-spent)/float64(n), "redis-µs/op")
	b.ReportMetric((number("memory", usedMemory, 1)-memory)/float64(n), "redis-B/chat")
}
