package whatsapp

import (
	"net/http"
	"time"
)

// bucket is a token bucket kept as one time: when it will be full again.
type bucket struct{ full time.Time }

// room tells whether one more fits now, where burst at once and one each every do.
func (b *bucket) room(now time.Time, every time.Duration, burst int) bool {
	return every <= 0 || !b.full.Add(-every*time.Duration(max(burst, 1)-1)).After(now)
}

func (b *bucket) take(now time.Time, every time.Duration) {
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(every)
}

// flood refuses a message that comes too early. Server.mu is held.
func (s *Server) flood(n *number, c *chat, now time.Time) *apiError {
	lim := s.opts.Limits
	var each time.Duration
	if lim.PerSecond > 0 {
		each = time.Second / time.Duration(lim.PerSecond)
	}
	switch {
	case !n.limit.room(now, each, lim.PerSecond):
		return &apiError{status: http.StatusBadRequest, code: 130429, message: "Rate limit hit",
			details: "Cloud API message throughput has been reached."}
	case !c.limit.room(now, lim.PairEvery, lim.PairBurst):
		return &apiError{status: http.StatusBadRequest, code: 131056, message: "(Business Account, Consumer Account) pair rate limit hit",
			details: "Too many messages sent from the sender phone number to the same recipient phone number in a short period of time."}
	}
	n.limit.take(now, each)
	c.limit.take(now, lim.PairEvery)
	return nil
}
