package telegram

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	defaultConnections = 40
	maxConnections     = 100
	maxSecret          = 256
	hookTimeout        = time.Minute
	maxHookPause       = time.Minute // between two tries of a delivery
	maxHookRetryAfter  = time.Hour   // the longest Retry-After that is honoured
	maxHookReply       = 1 << 20
)

// hook is a registered webhook and the updates on their way to it. Each chat has its own queue:
// in order inside a chat, in parallel across chats. It is guarded by the bot's lock.
type hook struct {
	url         string
	secret      string
	connections int
	ctx         context.Context
	stop        context.CancelFunc
	server      *Server
	bot         *bot

	chats   map[int64]*lane
	ready   []*lane // lanes with something to deliver and nobody delivering
	workers int

	lastError string
	errorAt   time.Time
}

// lane is the queue of one chat.
type lane struct {
	chat    int64
	updates []*update
	failed  int // tries of the first update that failed
	timer   *time.Timer
}

// enqueue adds an update to its chat's lane and sees that somebody delivers it.
func (h *hook) enqueue(u *update) {
	l := h.chats[u.chat]
	if l == nil {
		l = &lane{chat: u.chat}
		h.chats[u.chat] = l
		h.ready = append(h.ready, l)
	}
	l.updates = append(l.updates, u)
	h.spawn()
}

// spawn starts workers for the ready lanes, up to max_connections.
func (h *hook) spawn() {
	for h.workers < h.connections && len(h.ready) > 0 && h.ctx.Err() == nil {
		h.workers++
		l := h.pop()
		h.server.wg.Go(func() { h.work(l) })
	}
}

func (h *hook) pop() *lane {
	l := h.ready[0]
	h.ready[0] = nil
	h.ready = h.ready[1:]
	return l
}

// work delivers first updates of ready lanes until there is none.
func (h *hook) work(l *lane) {
	for {
		h.bot.mu.Lock()
		u := l.updates[0]
		h.bot.mu.Unlock()
		pause, err := h.deliver(u)
		h.bot.mu.Lock()
		h.settle(l, u, err, pause)
		if h.ctx.Err() != nil || len(h.ready) == 0 {
			h.workers--
			h.bot.mu.Unlock()
			return
		}
		l = h.pop()
		h.bot.mu.Unlock()
	}
}

// settle moves a lane on after a try: to its next update, or to a later try of the same.
func (h *hook) settle(l *lane, u *update, err error, pause time.Duration) {
	if h.ctx.Err() != nil {
		return
	}
	now := h.server.opts.Now()
	if err != nil {
		h.lastError, h.errorAt = err.Error(), now
		l.failed++
		if now.Before(u.expires) {
			if pause == 0 && l.failed > 1 {
				pause = min(h.server.opts.WebhookRetryBase<<min(l.failed-2, 20), maxHookPause)
			}
			h.later(l, pause)
			return
		}
	}
	// Delivered, or too old to be tried again.
	h.bot.drop(u)
	l.failed = 0
	l.updates = l.updates[1:]
	if len(l.updates) > 0 {
		h.ready = append(h.ready, l)
	} else {
		delete(h.chats, l.chat)
	}
	h.server.feed.Touch()
}

// later makes a lane ready after a pause; the first retry comes at once.
func (h *hook) later(l *lane, pause time.Duration) {
	h.server.feed.Touch()
	if pause == 0 {
		h.ready = append(h.ready, l)
		return
	}
	l.timer = time.AfterFunc(pause, func() {
		h.bot.mu.Lock()
		defer h.bot.mu.Unlock()
		if h.ctx.Err() == nil {
			h.ready = append(h.ready, l)
			h.spawn()
		}
	})
}

// drop takes a delivered update out of the bot's queue: from its head at once, from its middle
// when the head gets there.
func (b *bot) drop(u *update) {
	u.done = true
	n := 0
	for n < len(b.queue) && b.queue[n].done {
		n++
	}
	b.confirm(n)
}

// dropHook ends deliveries. What was not delivered stays in the queue.
func (b *bot) dropHook() {
	if b.hook == nil {
		return
	}
	b.queue = slices.DeleteFunc(b.queue, func(u *update) bool { return u.done })
	b.hook.stop()
	for _, l := range b.hook.chats {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
	b.hook = nil
}

// deliver makes one try. Any 2xx is success, and its body may carry one call to execute. The
// public server also removes a webhook that answers 410 for 23 hours; this one does not.
func (h *hook) deliver(u *update) (pause time.Duration, err error) {
	req, err := http.NewRequestWithContext(h.ctx, http.MethodPost, h.url, bytes.NewReader(u.body))
	if err != nil {
		return 0, hookFailure("Bad webhook URL")
	}
	req.Header.Set("Content-Type", "application/json")
	if h.secret != "" {
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", h.secret)
	}
	resp, err := h.server.hooks.Do(req)
	if err != nil {
		return 0, hookError(err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing is written, so nothing can be lost
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHookReply))
	if err != nil {
		return 0, hookFailure("Read timeout expired")
	}
	if resp.StatusCode/100 != 2 {
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			pause = min(time.Duration(s)*time.Second, maxHookRetryAfter)
		}
		return pause, hookFailure("Wrong response from the webhook: " + resp.Status)
	}
	h.server.executeReply(h, resp.Header.Get("Content-Type"), body)
	return 0, nil
}

// hookFailure is what getWebhookInfo says about a failed delivery, in the public server's words.
type hookFailure string

func (f hookFailure) Error() string { return string(f) }

// hookError names a failed connection as getWebhookInfo does, without the URL.
func hookError(err error) error {
	var netErr net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return hookFailure("Connection refused")
	case errors.As(err, &netErr) && netErr.Timeout():
		return hookFailure("Connection timed out")
	}
	return hookFailure("Connection reset by peer")
}

// executeReply runs the call that a webhook's answer may carry. Its result goes nowhere.
func (s *Server) executeReply(h *hook, contentType string, body []byte) {
	p := params{values: map[string]string{}}
	switch {
	case strings.HasPrefix(contentType, "application/json"):
		if len(body) == 0 || p.readJSON(body) != nil {
			return
		}
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return
		}
		p.addAll(form)
	}
	name := strings.ToLower(p.values["method"])
	switch {
	case name == "", strings.HasPrefix(name, "get"), name == "setwebhook", name == "deletewebhook",
		name == "close", name == "logout":
		return
	}
	c := &call{ctx: h.ctx, bot: h.bot, name: name, params: p, at: s.opts.Now()}
	c.chat = p.int64("chat_id")
	s.record(c, p.values["method"], s.execute(c))
}
