package slack

import (
	"math"
	"time"
)

// tiers are how many calls a minute the methods take that have a tier of their own here
// (https://docs.slack.dev/apis/web-api/rate-limits#tiers).
var tiers = map[string]float64{
	"chat.startStream": 20, "chat.stopStream": 20, "chat.appendStream": 100, "chat.update": 50, "chat.delete": 50,
	"conversations.history": 50, "conversations.replies": 50, "users.info": 100,
	"files.getUploadURLExternal": 100, "files.completeUploadExternal": 100, "files.info": 100,
}

// bucket is a limit that fills up again by the time.
type bucket struct {
	tokens float64
	filled time.Time
}

// take counts a call, or tells for how many seconds there is no room.
func (b *bucket) take(at time.Time, perSecond, burst float64) (wait int) {
	if b.filled.IsZero() {
		b.tokens = burst
	} else if d := at.Sub(b.filled); d > 0 {
		b.tokens = min(burst, b.tokens+d.Seconds()*perSecond)
	}
	b.filled = at
	if b.tokens < 1 {
		return max(1, int(math.Ceil((1-b.tokens)/perSecond)))
	}
	b.tokens--
	return 0
}

// limit is the limit of a method's tier, and that of messages per second and channel.
func (s *Server) limit(c *call) error {
	wait := 0
	if perMinute := tiers[c.method]; s.opts.Tiers && perMinute > 0 {
		if s.tiers[c.method] == nil {
			s.tiers[c.method] = &bucket{}
		}
		wait = s.tiers[c.method].take(c.at, perMinute/60, perMinute)
	}
	ch := s.channels[c.channel]
	posts := c.method == "chat.postMessage" || c.method == "chat.startStream"
	if wait == 0 && posts && ch != nil && s.opts.PerChannel > 0 {
		wait = ch.posts.take(c.at, float64(s.opts.PerChannel), float64(s.opts.Burst))
	}
	if wait > 0 {
		return &apiError{code: "ratelimited", retry: wait}
	}
	return nil
}
