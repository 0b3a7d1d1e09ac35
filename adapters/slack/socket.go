package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// maxFrame bounds one message of the websocket.
	maxFrame = 4 << 20
	// maxWaiting is how many deliveries may wait to be stored. More mean that storing
	// is stuck: the connection is given up, and Slack sends them again.
	maxWaiting = 10_000
	// steadyAfter is how long a connection must last for the next one to be opened at
	// once. Slack renews connections every few hours.
	steadyAfter = 30 * time.Second
	// leastPause and mostPause bound the wait between connections that do not last.
	leastPause = 500 * time.Millisecond
	mostPause  = 30 * time.Second
)

var (
	errOverrun    = errors.New("more came in than could be stored")
	errSocketGone = errors.New("the connection ended without a reason")
)

// listen receives by Socket Mode until ctx ends or something fails. Renewed
// connections are no failure.
func (a *Adapter) listen(ctx context.Context, in adapters.Inbox) error {
	ctx, cancel := context.WithCancel(ctx)
	opener := *a.api.http
	opener.Timeout = callTimeout
	client := a.api.library(&paced{doer: doer{&opener}, now: a.now})
	socket := socketmode.New(client, socketmode.OptionReadLimit(maxFrame))
	s := &intake{adapter: a, inbox: in, socket: socket, lanes: map[string][]delivery{}, failed: make(chan error, 1)}
	ended := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { ended <- socket.RunContext(ctx) })
	defer s.workers.Wait()
	defer running.Wait()
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return err
		case err := <-ended:
			return a.socketFault(ctx, err)
		case event := <-socket.Events:
			if err := a.heard(ctx, s, event); err != nil {
				return err
			}
		}
	}
}

// heard looks at one event of the library; it never waits.
func (a *Adapter) heard(ctx context.Context, s *intake, event socketmode.Event) error {
	switch data := event.Data.(type) {
	case *socketmode.ErrorBadMessage: // of an unknown kind: it is kept and acknowledged all the same
		return s.raw(ctx, data.Message)
	case *slackgo.ConnectionErrorEvent: // the Supervisor tries again, and its account shows why
		return a.socketFault(ctx, data.ErrorObj)
	}
	switch event.Type {
	case socketmode.EventTypeHello:
		adapters.Connected(s.inbox)
	case socketmode.EventTypeEventsAPI, socketmode.EventTypeSlashCommand, socketmode.EventTypeInteractive:
		if event.Request != nil {
			return s.add(ctx, event.Request.EnvelopeID, event.Request.Type, event.Request.Payload)
		}
	}
	return nil
}

// socketFault decides what it means that no connection can be had.
func (a *Adapter) socketFault(ctx context.Context, err error) error {
	const op = "apps.connections.open"
	if err == nil || errors.Is(err, context.Canceled) {
		return fault.New(fault.Retryable, op, errSocketGone)
	}
	f := answer{op: op, account: string(a.account)}.fault(a.api.clean(ctx, err))
	if fault.ClassOf(f) == fault.Permanent {
		return fault.New(fault.NeedsHuman, op, fmt.Errorf(
			"account %s: no connection is given out (%w): switch Socket Mode on at https://api.slack.com/apps and check app_token", a.account, f))
	}
	return f
}

// paced makes the calls of a socket client. The library opens the next connection at
// once when one ends, also when they end one after the other: here it waits, longer
// and longer.
type paced struct {
	doer
	now func() time.Time

	mu     sync.Mutex
	opened time.Time
	pause  time.Duration
}

// Do makes one request.
func (p *paced) Do(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/apps.connections.open") {
		timer := time.NewTimer(p.wait())
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		p.mu.Lock()
		p.opened = p.now()
		p.mu.Unlock()
	}
	return p.doer.Do(req)
}

// wait is how long the next connection must wait.
func (p *paced) wait() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened.IsZero() || p.now().Sub(p.opened) >= steadyAfter {
		p.pause = 0
		return 0
	}
	p.pause = min(max(p.pause*2, leastPause), mostPause)
	return p.pause
}

// intake stores what comes through a connection: each chat's deliveries in order,
// different chats at the same time. What is not stored is not acknowledged, and
// nothing behind it is: Slack sends it again when the connection is gone.
type intake struct {
	adapter *Adapter
	inbox   adapters.Inbox
	socket  *socketmode.Client
	failed  chan error
	workers sync.WaitGroup

	mu      sync.Mutex
	waiting int
	lanes   map[string][]delivery
}

// delivery is one envelope of the websocket.
type delivery struct {
	id string
	in incoming
}

// raw adds an envelope that the library could not read.
func (s *intake) raw(ctx context.Context, message []byte) error {
	var outer struct {
		ID      string          `json:"envelope_id"`
		Type    string          `json:"type"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(message, &outer); err != nil || outer.ID == "" {
		s.adapter.log.Warn().Str("type", outer.Type).Msg("a message of the connection is no envelope")
		return nil //nolint:nilerr // there is nothing to keep and nothing to acknowledge
	}
	return s.add(ctx, outer.ID, outer.Type, outer.Payload)
}

// add puts a delivery into its chat's lane and sees that somebody works there.
func (s *intake) add(ctx context.Context, id, kind string, payload []byte) error {
	in, _ := decode(kind, payload) // of any shape
	lane := in.channel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting++; s.waiting > maxWaiting {
		return fault.New(fault.Retryable, "receive", errOverrun)
	}
	queue, busy := s.lanes[lane]
	s.lanes[lane] = append(queue, delivery{id, in})
	if !busy {
		s.workers.Go(func() { s.work(ctx, lane) })
	}
	return nil
}

// work stores a chat's deliveries until there are none, or one is refused.
func (s *intake) work(ctx context.Context, lane string) {
	for {
		s.mu.Lock()
		queue := s.lanes[lane]
		if len(queue) == 0 {
			delete(s.lanes, lane)
			s.mu.Unlock()
			return
		}
		next := queue[0]
		s.lanes[lane] = queue[1:]
		s.waiting--
		s.mu.Unlock()
		if err := s.adapter.store(ctx, s.inbox, next.in); err != nil {
			select {
			case s.failed <- acceptFault(err):
			default: // another chat's failure is on its way
			}
			return
		}
		if err := s.socket.AckCtx(ctx, next.id, nil); err != nil {
			return // the connection is being given up; it comes again and is a duplicate
		}
	}
}

// acceptFault keeps the class of the inbox's error; an unclassified one is worth
// another try, since Slack still has the message.
func acceptFault(err error) error {
	switch class := fault.ClassOf(err); class {
	case fault.Retryable, fault.RateLimited, fault.NeedsHuman:
		return fault.New(class, "accept", err, fault.WithWait(fault.Wait(err)))
	default:
		return fault.New(fault.Retryable, "accept", err)
	}
}
