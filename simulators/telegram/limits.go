package telegram

import (
	"math"
	"strings"
	"sync"
	"time"
)

// limiter counts what one bot sends. The public limits are soft and unpublished; the numbers
// people work with are in https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this.
type limiter struct {
	mu    sync.Mutex
	all   bucket
	chats map[int64]*chatLimit
}

type chatLimit struct {
	perSecond bucket
	minute    []time.Time // the sends of the last minute, oldest first
}

// bucket is a token bucket that starts full and holds one second's worth.
type bucket struct {
	tokens float64
	at     time.Time
}

// wait refills the bucket and tells how long until a token is there; zero means now.
func (b *bucket) wait(rate int, now time.Time) time.Duration {
	if b.at.IsZero() {
		b.tokens = float64(rate)
	} else if d := now.Sub(b.at); d > 0 {
		b.tokens = min(float64(rate), b.tokens+d.Seconds()*float64(rate))
	}
	b.at = now
	if b.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - b.tokens) / float64(rate) * float64(time.Second))
}

// limited tells which methods count: everything that shows or changes a message, drafts too.
func limited(method string) bool {
	switch {
	case method == "sendchataction":
		return false
	case strings.HasPrefix(method, "send"), strings.HasPrefix(method, "editmessage"),
		strings.HasPrefix(method, "forwardmessage"), strings.HasPrefix(method, "copymessage"):
		return true
	}
	return false
}

// limit refuses a call that comes too early. An album counts as one call.
func (s *Server) limit(c *call) error {
	lim := s.opts.Limits
	if lim.PerSecond == 0 && lim.PerChatPerSecond == 0 && lim.GroupPerMinute == 0 || !limited(c.name) {
		return nil
	}
	l := &c.bot.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.chats == nil {
		l.chats = map[int64]*chatLimit{}
	}
	ch := l.chats[c.chat]
	if ch == nil {
		ch = &chatLimit{}
		l.chats[c.chat] = ch
	}
	var wait time.Duration
	if lim.PerSecond > 0 {
		wait = l.all.wait(lim.PerSecond, c.at)
	}
	if lim.PerChatPerSecond > 0 {
		wait = max(wait, ch.perSecond.wait(lim.PerChatPerSecond, c.at))
	}
	group := lim.GroupPerMinute > 0 && c.chat < 0
	if group {
		for len(ch.minute) > 0 && c.at.Sub(ch.minute[0]) >= time.Minute {
			ch.minute = ch.minute[1:]
		}
		if len(ch.minute) >= lim.GroupPerMinute {
			wait = max(wait, time.Minute-c.at.Sub(ch.minute[0]))
		}
	}
	if wait > 0 {
		return tooMany(int(math.Ceil(wait.Seconds())))
	}
	l.all.tokens--
	ch.perSecond.tokens--
	if group {
		ch.minute = append(ch.minute, c.at)
	}
	return nil
}
