package slack

import (
	"errors"
	"sync"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// Slack counts calls by method, app and workspace
// (https://docs.slack.dev/apis/web-api/rate-limits). Drafts of many chats at once keep
// inside that by themselves: what has no room is not shown, so that no final waits.
const (
	// streamsPerMinute is what chat.startStream and chat.stopStream take (tier 2). Each
	// stream needs one of both.
	streamsPerMinute = 20
	// appendsPerMinute is what chat.appendStream takes (tier 4).
	appendsPerMinute = 100
	// draftsPerMinute and draftEditsPerMinute are together what chat.update takes (tier
	// 3): a draft that is a message needs one for its final, the others show it growing.
	draftsPerMinute     = 20
	draftEditsPerMinute = 30
)

var errNoRoom = errors.New("so many drafts are shown that Slack would refuse another")

// paces are those of the calls that drafts make.
type paces struct{ streams, appends, drafts, edits pace }

func newPaces() *paces {
	return &paces{
		streams: newPace(streamsPerMinute), appends: newPace(appendsPerMinute),
		drafts: newPace(draftsPerMinute), edits: newPace(draftEditsPerMinute),
	}
}

// pace lets so many calls begin in each minute.
type pace struct {
	mu    sync.Mutex
	last  []time.Time // of the newest calls, in a ring
	next  int
	until time.Time
}

func newPace(perMinute int) pace { return pace{last: make([]time.Time, perMinute)} }

// enter counts a call, if it may begin.
func (p *pace) enter(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.until) || now.Sub(p.last[p.next]) < time.Minute {
		return false
	}
	p.last[p.next] = now
	p.next = (p.next + 1) % len(p.last)
	return true
}

// pause lets none begin for a while.
func (p *pace) pause(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = until
}

// scopeOf is how far a 429 reaches. That for a new message may mean its channel alone.
func scopeOf(method string) fault.Scope {
	switch method {
	case "chat.postMessage", "chat.startStream", "respond":
		return fault.ScopeUnknown
	default:
		return fault.ScopeMethod
	}
}
