package slack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// maxHookCalls bounds the calls of the request URL that are under way.
const maxHookCalls = 64

// delivery is one thing to tell the app.
type delivery struct {
	kind    string
	lane    string
	payload json.RawMessage
	form    url.Values // how slash commands and interactions are written over HTTP
	attempt int        // tries after the first
	reason  string     // why the last try failed
	again   bool       // it is made once more after it succeeded
}

// outbox holds what the app was not told yet. Each lane is told one after the other.
type outbox struct {
	mu      sync.Mutex
	url     string
	lanes   map[string]*lane
	serial  int
	queued  int
	stats   Stats
	room    chan struct{}
	changed chan struct{} // closed and replaced when there is a new way to the app
}

type lane struct {
	queue []*delivery
	held  *delivery // waits until another one went before it
	bell  chan struct{}
}

// Stats counts what became of deliveries.
type Stats struct {
	Waiting   int `json:"waiting"`
	Delivered int `json:"delivered"`
	Retried   int `json:"retried"`
	// Dropped were not acknowledged however often they were made.
	Dropped int `json:"dropped"`
	// Connections are the websockets that are open; Opened counts all there were.
	Connections int `json:"connections"`
	Opened      int `json:"opened"`
}

// Stats counts what became of deliveries so far.
func (s *Server) Stats() Stats {
	s.outbox.mu.Lock()
	out := s.outbox.stats
	out.Waiting = s.outbox.queued
	s.outbox.mu.Unlock()
	out.Connections, out.Opened = s.hub.count()
	return out
}

// SetRequestURL is where the app is told over HTTP what happens; empty for nowhere. The
// address is taken as it is; Verify asks it first, as the console of the platform does.
func (s *Server) SetRequestURL(address string) {
	s.outbox.mu.Lock()
	s.outbox.url = address
	s.outbox.mu.Unlock()
	s.reachable()
}

// Verify asks an address whether it is the app's.
func (s *Server) Verify(ctx context.Context, address string) error {
	challenge := hex.EncodeToString(hmacOf("challenge", []byte(address)))
	body := simulators.JSON(args{"token": "deprecated", "challenge": challenge, "type": "url_verification"})
	resp, err := s.post(ctx, address, "application/json", body, nil)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	_ = resp.Body.Close() // read to its end, or too long
	if err != nil {
		return err
	}
	var object struct {
		Challenge string `json:"challenge"`
	}
	if resp.StatusCode != http.StatusOK || string(answer) != challenge && (json.Unmarshal(answer, &object) != nil || object.Challenge != challenge) {
		return fmt.Errorf("slack simulator: the address answered %d without the challenge", resp.StatusCode)
	}
	return nil
}

// reachable tells waiting lanes that there is a new way to the app.
func (s *Server) reachable() {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	close(s.outbox.changed)
	s.outbox.changed = make(chan struct{})
}

// queue adds a delivery to its lane and sees that somebody works there.
func (s *Server) queue(d *delivery) {
	if s.takeDelivery(FaultDuplicate, d.lane) {
		d.again = true
	}
	hold := s.takeDelivery(FaultReorder, d.lane)
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.queued >= s.opts.MaxQueued || s.ctx.Err() != nil {
		o.stats.Dropped++
		return
	}
	o.queued++
	name := d.lane
	if s.opts.Unordered && !hold && o.lanes[name] == nil {
		o.serial++
		name += "#" + strconv.Itoa(o.serial)
	}
	l := o.lanes[name]
	if l == nil {
		l = &lane{bell: make(chan struct{}, 1)}
		o.lanes[name] = l
		s.wg.Go(func() { s.work(name, l) })
	}
	if hold && l.held == nil {
		l.held = d
		return
	}
	l.queue = append(l.queue, d)
	if l.held != nil {
		l.queue = append(l.queue, l.held)
		l.held = nil
	}
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

// work tells the app what is in a lane until there is nothing.
func (s *Server) work(name string, l *lane) {
	o := &s.outbox
	for {
		o.mu.Lock()
		if len(l.queue) == 0 {
			if l.held == nil {
				delete(o.lanes, name)
				o.mu.Unlock()
				return
			}
			o.mu.Unlock()
			select {
			case <-l.bell:
				continue
			case <-s.ctx.Done():
				return
			}
		}
		d := l.queue[0]
		o.mu.Unlock()
		if !s.bring(d) {
			return
		}
		o.mu.Lock()
		l.queue = l.queue[1:]
		o.queued--
		o.mu.Unlock()
		s.feed.Touch()
	}
}

// pause waits for some time; false when the server closes.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
		return false
	}
	return true
}

// bring tries a delivery until it is acknowledged or given up; false when the server
// closes.
func (s *Server) bring(d *delivery) bool {
	for {
		reason := s.try(d)
		if s.ctx.Err() != nil {
			return false
		}
		if reason == "" && s.takeDelivery(FaultLoseAck, d.lane) {
			reason = "http_timeout"
		}
		if reason == "" && d.again {
			d.again = false
			continue
		}
		s.outbox.mu.Lock()
		if reason == "" {
			s.outbox.stats.Delivered++
			s.outbox.mu.Unlock()
			return true
		}
		delays := s.opts.RetryDelays
		at := d.attempt
		if s.opts.RetryForever && len(delays) > 0 {
			at = min(at, len(delays)-1)
		}
		if at >= len(delays) {
			s.outbox.stats.Dropped++
			s.outbox.mu.Unlock()
			return true
		}
		s.outbox.stats.Retried++
		s.outbox.mu.Unlock()
		d.attempt++
		d.reason = reason
		if delays[at] > 0 && !s.pause(delays[at]) {
			return false
		}
	}
}

// try makes one delivery, by websocket where one is open. It waits for a way to the
// app. "" means that it was acknowledged.
func (s *Server) try(d *delivery) (reason string) {
	for {
		s.outbox.mu.Lock()
		address, changed := s.outbox.url, s.outbox.changed
		s.outbox.mu.Unlock()
		if c := s.hub.pick(); c != nil {
			return s.bySocket(c, d)
		}
		if address != "" && (d.kind == "events_api" || d.form != nil) {
			return s.byCall(address, d)
		}
		if address != "" {
			return "" // of a kind that HTTP cannot bring
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return "http_error"
		}
	}
}

// byCall calls the request URL.
func (s *Server) byCall(address string, d *delivery) (reason string) {
	select {
	case s.outbox.room <- struct{}{}:
		defer func() { <-s.outbox.room }()
	case <-s.ctx.Done():
		return "http_error"
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.opts.AckTimeout)
	defer cancel()
	contentType, body := "application/json", []byte(d.payload)
	if d.form != nil {
		contentType, body = "application/x-www-form-urlencoded", []byte(d.form.Encode())
	}
	resp, err := s.post(ctx, address, contentType, body, d)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "http_timeout"
	case err != nil:
		return "connection_failed"
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close() // nothing is written, so nothing can be lost
	switch {
	case err != nil:
		return "connection_failed"
	case resp.StatusCode/100 == 2:
		return ""
	case resp.StatusCode/100 == 3:
		return "too_many_redirects"
	case resp.Header.Get("X-Slack-No-Retry") == "1":
		d.attempt = len(s.opts.RetryDelays)
	}
	return "http_error"
}

// post makes a signed call.
func (s *Server) post(ctx context.Context, address, contentType string, body []byte, d *delivery) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	s.Sign(req, body)
	if d != nil && d.attempt > 0 {
		req.Header.Set("X-Slack-Retry-Num", strconv.Itoa(d.attempt))
		req.Header.Set("X-Slack-Retry-Reason", d.reason)
	}
	return s.hooks.Do(req)
}

// Sign puts the headers of a signature on a request
// (https://docs.slack.dev/authentication/verifying-requests-from-slack).
func (s *Server) Sign(req *http.Request, body []byte) {
	stamp := strconv.FormatInt(s.opts.Now().Unix(), 10)
	req.Header.Set("X-Slack-Request-Timestamp", stamp)
	sum := hmacOf(s.opts.App.SigningSecret, append([]byte("v0:"+stamp+":"), body...))
	req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(sum))
}

func hmacOf(secret string, data []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(data)
	return mac.Sum(nil)
}

// Body is the body of a call that tells of a person's message, without making one.
func (s *Server) Body(channel, user, text string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	ts := s.nextTS()
	kind := "channel"
	if strings.HasPrefix(channel, "D") {
		kind = "im"
	}
	return simulators.JSON(args{
		"token": "deprecated", "team_id": s.opts.Team, "api_app_id": s.opts.App.ID, "type": "event_callback",
		"event_id": fmt.Sprintf("Ev%010d", s.nextID()), "event_time": s.opts.Now().Unix(),
		"event": args{
			"type": "message", "channel": channel, "channel_type": kind, "user": user, "text": wordsEscaper.Replace(text), "ts": ts, "event_ts": ts,
		},
	})
}
