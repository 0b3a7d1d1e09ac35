package telegram

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	updateLife   = 24 * time.Hour // how long an update waits to be fetched
	maxPending   = 100000         // updates that wait for one bot; more are refused
	maxBatch     = 4 << 20        // bytes of one getUpdates answer
	maxPollWait  = 50             // seconds
	firstUpdate  = 100001
	recentKept   = 256
	repeatWindow = 3 * time.Second
)

const (
	conflictPoll    = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
	conflictSet     = "Conflict: terminated by setWebhook request"
	conflictWebhook = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)

// updateKinds are the kinds allowed_updates can name; false marks those that are off by default.
var updateKinds = map[string]bool{
	"message": true, "edited_message": true, "channel_post": true, "edited_channel_post": true,
	"business_connection": true, "business_message": true, "edited_business_message": true,
	"deleted_business_messages": true, "message_reaction": false, "message_reaction_count": false,
	"inline_query": true, "chosen_inline_result": true, "callback_query": true, "shipping_query": true,
	"pre_checkout_query": true, "purchased_paid_media": true, "poll": true, "poll_answer": true,
	"my_chat_member": true, "chat_member": false, "chat_join_request": true, "chat_boost": true,
	"removed_chat_boost": true,
}

// update is one entry of a bot's queue, encoded once.
type update struct {
	id      int64
	chat    int64 // the queue of a webhook it belongs to
	expires time.Time
	body    []byte
	done    bool // delivered by a webhook
}

// poll is a getUpdates call that waits.
type poll struct {
	wake chan struct{}  // an update came
	end  chan *apiError // the call lost its place
}

// bot is an account of the Bot API and its queue of updates.
type bot struct {
	user  User
	token string

	mu         sync.Mutex
	privacy    bool
	queue      []*update // not confirmed yet, oldest first
	nextID     int64
	allowed    map[string]bool // nil means the default
	poll       *poll
	lastOffset int64
	lastPoll   time.Time
	recent     []*update // confirmed lately, for Redeliver
	again      []*update // to be served once more whatever the offset
	hook       *hook
	lastSet    time.Time
	commands   map[string][]Command
	queries    map[string]*query
	queryOrder []string
	lastQuery  int64

	limiter limiter
}

func newBot(token string, u User, lastQuery int64) *bot {
	return &bot{
		user: u, token: token, nextID: firstUpdate,
		commands: map[string][]Command{}, queries: map[string]*query{}, lastQuery: lastQuery,
	}
}

// push queues an update. The caller holds no bot's lock, and the chat's lock if there is a chat,
// which keeps a chat's updates in the order of its messages.
func (s *Server) push(b *bot, kind string, chat int64, payload []byte) {
	copies := 1
	if s.takeDuplicate(b.user.ID, chat) {
		copies = 2
	}
	now := s.opts.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.wants(kind) {
		return
	}
	b.expire(now)
	if len(b.queue) >= maxPending {
		s.opts.Log.Warn("queue of updates is full", "bot", b.user.ID)
		return
	}
	u := &update{id: b.nextID, chat: chat, expires: now.Add(updateLife)}
	b.nextID++
	buf := make([]byte, 0, len(payload)+len(kind)+40)
	buf = append(buf, `{"update_id":`...)
	buf = strconv.AppendInt(buf, u.id, 10)
	buf = append(buf, ',', '"')
	buf = append(buf, kind...)
	buf = append(buf, '"', ':')
	buf = append(buf, payload...)
	u.body = append(buf, '}')
	for range copies {
		b.queue = append(b.queue, u)
		if b.hook != nil {
			b.hook.enqueue(u)
		}
	}
	b.wakePoll()
}

// wants applies allowed_updates. A kind that no list can name always passes.
func (b *bot) wants(kind string) bool {
	byDefault, known := updateKinds[kind]
	switch {
	case !known:
		return true
	case b.allowed == nil:
		return byDefault
	}
	return b.allowed[kind]
}

// setAllowed applies the allowed_updates of a call; without any the last ones stay.
func (b *bot) setAllowed(p params) {
	text, ok := p.values["allowed_updates"]
	if !ok {
		return
	}
	var kinds []string
	if json.Unmarshal([]byte(text), &kinds) != nil {
		return
	}
	b.allowed = nil
	for _, k := range kinds {
		if _, known := updateKinds[k]; known {
			if b.allowed == nil {
				b.allowed = map[string]bool{}
			}
			b.allowed[k] = true
		}
	}
}

func (b *bot) allowedList() []string {
	return slices.Sorted(maps.Keys(b.allowed))
}

func (b *bot) wakePoll() {
	if b.poll != nil {
		select {
		case b.poll.wake <- struct{}{}:
		default:
		}
	}
}

func (b *bot) expire(now time.Time) {
	n := 0
	for n < len(b.queue) && !now.Before(b.queue[n].expires) {
		n++
	}
	b.queue = b.queue[n:]
}

// confirm forgets the updates below an offset.
func (b *bot) confirm(n int) {
	b.recent = append(b.recent, b.queue[:n]...)
	if len(b.recent) > recentKept {
		b.recent = slices.Clone(b.recent[len(b.recent)-recentKept:])
	}
	clear(b.queue[:n])
	b.queue = b.queue[n:]
}

// take confirms by offset and gives the next batch, as the public server does: a negative offset
// leaves the last updates only, zero starts at the oldest, one far beyond the newest is ignored.
func (b *bot) take(offset int64, limit int, now time.Time) []*update {
	b.expire(now)
	if offset < 0 && int(-offset) < len(b.queue) {
		b.confirm(len(b.queue) + int(offset))
	}
	if offset > 0 && offset <= b.nextID+10 {
		n := 0
		for n < len(b.queue) && b.queue[n].id < offset {
			n++
		}
		b.confirm(n)
	}
	batch := append(slices.Clone(b.again), b.queue[:min(limit, len(b.queue))]...)
	b.again = nil
	size := 0
	for i, u := range batch {
		if size += len(u.body); size > maxBatch && i > 0 {
			return batch[:i]
		}
	}
	return batch
}

func (b *bot) endPoll(text string) {
	if b.poll != nil {
		b.poll.end <- &apiError{code: http.StatusConflict, text: text}
		b.poll = nil
	}
}

func (s *Server) getUpdates(c *call) (any, error) {
	b := c.bot
	offset := c.params.int64("offset")
	limit := c.params.int("limit", 100, 1, 100)
	wait := time.Duration(c.params.int("timeout", 0, 0, maxPollWait)) * time.Second
	b.mu.Lock()
	if b.hook != nil {
		b.mu.Unlock()
		return nil, &apiError{code: http.StatusConflict, text: conflictWebhook}
	}
	b.setAllowed(c.params)
	if s.opts.SlowRepeatedPolls && offset == b.lastOffset {
		since := c.at.Sub(b.lastPoll)
		if since < repeatWindow {
			wait = max(wait, repeatWindow)
		}
		if since < time.Second/2 {
			limit = 1
		}
	}
	b.lastOffset, b.lastPoll = offset, c.at
	batch := b.take(offset, limit, c.at)
	if len(batch) > 0 || wait == 0 {
		b.mu.Unlock()
		return batchJSON(batch), nil
	}
	b.endPoll(conflictPoll)
	p := &poll{wake: make(chan struct{}, 1), end: make(chan *apiError, 1)}
	b.poll = p
	b.mu.Unlock()
	s.feed.Touch()
	return s.waitForUpdates(c, p, max(offset, 0), limit, wait)
}

func (s *Server) waitForUpdates(c *call, p *poll, offset int64, limit int, wait time.Duration) (any, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		done := false
		select {
		case err := <-p.end:
			return nil, err
		case <-s.ctx.Done():
			return nil, errRestart
		case <-c.ctx.Done():
			done = true
		case <-timer.C:
			done = true
		case <-p.wake:
		}
		c.bot.mu.Lock()
		if c.bot.poll != p { // another call took the place meanwhile
			c.bot.mu.Unlock()
			return nil, <-p.end
		}
		var batch []*update
		if c.ctx.Err() == nil {
			batch = c.bot.take(offset, limit, s.opts.Now())
		}
		if len(batch) > 0 || done {
			c.bot.poll = nil
			c.bot.mu.Unlock()
			return batchJSON(batch), nil
		}
		c.bot.mu.Unlock()
	}
}

func batchJSON(batch []*update) raw {
	bodies := make([][]byte, len(batch))
	for i, u := range batch {
		bodies[i] = u.body
	}
	return raw("[" + string(bytes.Join(bodies, []byte(","))) + "]")
}

// Pending counts the updates a bot has not confirmed.
func (s *Server) Pending(bot int64) int {
	b, err := s.botByID(bot)
	if err != nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(s.opts.Now())
	return b.pending()
}

func (b *bot) pending() int {
	n := 0
	for _, u := range b.queue {
		if !u.done {
			n++
		}
	}
	return n
}

// Polling tells whether a getUpdates call of the bot waits now.
func (s *Server) Polling(bot int64) bool {
	b, err := s.botByID(bot)
	if err != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.poll != nil
}

// Redeliver serves the last n confirmed updates once more, as happens when a confirmation is
// lost: to the next poll whatever its offset, or to the webhook. It tells how many there were.
func (s *Server) Redeliver(bot int64, n int) (int, error) {
	b, err := s.botByID(bot)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, len(b.recent))
	last := b.recent[len(b.recent)-n:]
	if b.hook == nil {
		b.again = append(b.again, last...)
		b.wakePoll()
		return n, nil
	}
	for _, u := range last {
		b.hook.enqueue(u)
	}
	return n, nil
}

// RawUpdate queues an update of any kind with any payload, for what Speak cannot say.
func (s *Server) RawUpdate(bot int64, kind string, payload json.RawMessage) error {
	b, err := s.botByID(bot)
	if err != nil {
		return err
	}
	s.push(b, kind, 0, payload)
	return nil
}

// SetPrivacy makes the bot see only what is meant for it in groups: commands, mentions of it,
// replies to it and service messages.
func (s *Server) SetPrivacy(bot int64, on bool) error {
	b, err := s.botByID(bot)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.privacy = on
	return nil
}
