package whatsapp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/parley-hub/parley/simulators"
)

const (
	// maxBatch is how many changes one call carries at most.
	maxBatch = 1000
	// hookConnections is how many calls are made to one webhook at once.
	hookConnections = 16
	hookTimeout     = 20 * time.Second
	maxHookPause    = time.Minute
	// hookLife is how long a notification is told again.
	hookLife = 7 * 24 * time.Hour
	// maxChallenge bounds the answer to a challenge.
	maxChallenge = 1 << 10
)

// hook is a registered webhook and the notifications on their way to it. What belongs
// together has a lane: in order inside it, in parallel across lanes. Server.mu guards it.
type hook struct {
	server  *Server
	number  *number
	url     string
	lanes   map[string]*lane
	ready   []*lane // lanes with something to tell and nobody telling it
	workers int
	pending int
	lost    int
}

// lane is the queue of one person's messages, or of one message's statuses.
type lane struct {
	key    string
	notes  []note
	failed int
	timer  *time.Timer
}

// note is one change to tell. of is the person's message that it tells; nil for others.
type note struct {
	change json.RawMessage
	at     time.Time
	of     *Posted
}

// SetWebhook registers the webhook of a number. It is asked to prove that it knows the
// verify token first, as in Meta's console.
func (s *Server) SetWebhook(ctx context.Context, numberID, address, verifyToken string) error {
	challenge := rand.Text()
	q := url.Values{"hub.mode": {"subscribe"}, "hub.verify_token": {verifyToken}, "hub.challenge": {challenge}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+q.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := s.hooks.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is written, so nothing can be lost
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxChallenge))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(said) != challenge {
		return fmt.Errorf("the callback URL or verify token couldn't be validated: status %d", resp.StatusCode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return err
	}
	n.hook.url = address
	n.hook.spawn()
	return nil
}

// Pending counts the notifications of a number that were not taken yet.
func (s *Server) Pending(numberID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.number(numberID)
	if err != nil {
		return 0
	}
	return n.hook.pending
}

// add queues a change and sees that somebody tells it. Server.mu is held.
func (h *hook) add(key, person string, change json.RawMessage, of *Posted) {
	times := 1
	if h.server.takeDuplicate(h.number.ID, person) {
		times = 2
	}
	for range times {
		if h.pending >= h.server.opts.MaxPending {
			h.lost++
			return
		}
		l := h.lanes[key]
		if l == nil {
			l = &lane{key: key}
			h.lanes[key] = l
			h.ready = append(h.ready, l)
		}
		l.notes = append(l.notes, note{change, h.server.opts.Now(), of})
		h.pending++
	}
	h.spawn()
}

// spawn starts workers for the ready lanes. Server.mu is held.
func (h *hook) spawn() {
	for h.url != "" && h.workers < hookConnections && len(h.ready) > 0 && h.server.ctx.Err() == nil {
		h.workers++
		batch := h.pop()
		h.server.wg.Go(func() { h.work(batch) })
	}
}

// pop takes what one call carries: the first change of each of some lanes.
func (h *hook) pop() []*lane {
	n := min(len(h.ready), h.server.opts.HookBatch)
	batch := slices.Clone(h.ready[:n])
	clear(h.ready[:n])
	h.ready = h.ready[n:]
	return batch
}

// work makes calls until no lane is ready.
func (h *hook) work(batch []*lane) {
	s := h.server
	for {
		s.mu.Lock()
		address, secret := h.url, h.number.AppSecret
		var changes []json.RawMessage
		for _, l := range batch {
			changes = append(changes, l.notes[0].change)
		}
		s.mu.Unlock()
		err := s.tell(address, secret, changes)
		s.mu.Lock()
		h.settle(batch, err)
		if s.ctx.Err() != nil || len(h.ready) == 0 {
			h.workers--
			s.mu.Unlock()
			return
		}
		batch = h.pop()
		s.mu.Unlock()
	}
}

// settle moves lanes on after a call: to their next change, or to a later try of the
// same. Server.mu is held.
func (h *hook) settle(batch []*lane, err error) {
	if h.server.ctx.Err() != nil {
		return
	}
	now := h.server.opts.Now()
	for _, l := range batch {
		if err != nil && now.Sub(l.notes[0].at) < hookLife {
			pause := min(h.server.opts.HookRetryBase<<min(l.failed, 20), maxHookPause)
			l.failed++
			l.timer = time.AfterFunc(pause, func() { h.again(l) })
			continue
		}
		if of := l.notes[0].of; of != nil && of.Status == "" && err == nil {
			of.Status = "delivered"
			h.server.publish(Event{Kind: EventStatus, At: now, Number: h.number.ID, Person: of.Person, MessageID: of.ID, Status: of.Status})
		}
		l.failed = 0
		l.notes = l.notes[1:]
		h.pending--
		if len(l.notes) > 0 {
			h.ready = append(h.ready, l)
		} else {
			delete(h.lanes, l.key)
		}
	}
	h.server.feed.Touch()
}

func (h *hook) again(l *lane) {
	h.server.mu.Lock()
	defer h.server.mu.Unlock()
	if h.server.ctx.Err() == nil {
		h.ready = append(h.ready, l)
		h.spawn()
	}
}

// stopTimers ends what waits. Server.mu is held.
func (h *hook) stopTimers() {
	for _, l := range h.lanes {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
}

// tell makes one call.
func (s *Server) tell(address, secret string, changes []json.RawMessage) error {
	body := Body(changes...)
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "facebookexternalua")
	req.Header.Set("X-Hub-Signature-256", Sign(secret, body))
	resp, err := s.hooks.Do(req)
	if err != nil {
		s.opts.Log.Debug("webhook call failed")
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is written, so nothing can be lost
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// Body is the body of a webhook call that carries these changes, escaped as the public
// server does.
func Body(changes ...json.RawMessage) []byte {
	return escape(simulators.JSON(map[string]any{
		"object": "whatsapp_business_account",
		"entry":  []any{map[string]any{"id": "102290129340398", "changes": changes}},
	}))
}

// Sign is the signature header of a webhook call.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// escape writes JSON in ASCII only, with slashes escaped.
func escape(data []byte) []byte {
	var b strings.Builder
	for _, r := range string(data) {
		switch {
		case r == '/':
			b.WriteString(`\/`)
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return []byte(b.String())
}
