package discord

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limits are the rate limits of the server. Zero switches a limit off.
type Limits struct {
	// Global bounds the calls per second; the real one is 50.
	Global int
	// PerChannel bounds the messages sent, and apart from them those edited, in one channel in
	// five seconds; the real one is 5.
	PerChannel int
	// MaxConcurrency is how many sessions may be begun in five seconds, one of each bucket of
	// shards; the real one is 1 for most bots.
	MaxConcurrency int
}

const channelWindow = 5 * time.Second

// limiter counts calls in windows of fixed length.
type limiter struct {
	global  window
	buckets map[string]*window
}

type window struct {
	ends time.Time
	used int
}

// use counts a call and gives how long it must wait; 0 when it may pass.
func (w *window) use(now time.Time, limit int, length time.Duration) time.Duration {
	if !now.Before(w.ends) {
		w.ends, w.used = now.Add(length), 0
	}
	if w.used >= limit {
		return w.ends.Sub(now)
	}
	w.used++
	return 0
}

// limit applies the limits to a call and writes their headers. false means that it was answered.
// See https://docs.discord.com/developers/topics/rate-limits.
func (s *Server) limit(w http.ResponseWriter, c *call) bool {
	s.mu.Lock()
	now := s.opts.Now()
	lim := s.opts.Limits
	var wait time.Duration
	global := false
	if lim.Global > 0 && !strings.HasPrefix(c.name, "webhook_") && c.name != "callback" {
		wait = s.limits.global.use(now, lim.Global, time.Second)
		global = wait > 0
	}
	if wait == 0 && lim.PerChannel > 0 && c.channel != "" && (c.name == "create_message" || c.name == "edit_message") {
		if s.limits.buckets == nil || len(s.limits.buckets) > 10000 {
			s.limits.buckets = map[string]*window{}
		}
		key := c.name + c.channel
		b := s.limits.buckets[key]
		if b == nil {
			b = &window{}
			s.limits.buckets[key] = b
		}
		wait = b.use(now, lim.PerChannel, channelWindow)
		h := w.Header()
		sum := sha256.Sum256([]byte(c.name))
		h.Set("X-RateLimit-Limit", strconv.Itoa(lim.PerChannel))
		h.Set("X-RateLimit-Remaining", strconv.Itoa(lim.PerChannel-b.used))
		h.Set("X-RateLimit-Reset", fmt.Sprintf("%.3f", float64(b.ends.UnixMilli())/1000))
		h.Set("X-RateLimit-Reset-After", fmt.Sprintf("%.3f", b.ends.Sub(now).Seconds()))
		h.Set("X-RateLimit-Bucket", hex.EncodeToString(sum[:8]))
	}
	s.mu.Unlock()
	if wait == 0 {
		return true
	}
	scope := "user"
	if global {
		scope = "global"
	}
	c.tooMany(w, scope, wait.Seconds())
	return false
}

// tooMany answers 429.
func (c *call) tooMany(w http.ResponseWriter, scope string, wait float64) {
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait))))
	h.Set("X-RateLimit-Scope", scope)
	if scope == "global" {
		h.Set("X-RateLimit-Global", "true")
	}
	c.json(w, http.StatusTooManyRequests, map[string]any{
		"message": "You are being rate limited.", "retry_after": math.Round(wait*1000) / 1000, "global": scope == "global",
	})
}
