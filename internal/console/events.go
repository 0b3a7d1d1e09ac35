package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxStreams is how many pages may be live at once.
	maxStreams = 64
	// gather is how long paths are gathered before they are written: a message
	// makes many steps in little time.
	gather = 100 * time.Millisecond
	// statusEvery is how often the state of the hub is looked at for a live page.
	statusEvery = 2 * time.Second
	// writeTimeout bounds one write to a browser that takes nothing.
	writeTimeout = 10 * time.Second
	// quiet is the longest silence before a comment tells that the stream lives.
	quiet = 15 * time.Second
)

// fragment is the payload of most events: a piece of the page and where it belongs.
type fragment struct {
	Chat  string `json:"chat,omitempty"`
	ID    string `json:"id,omitempty"`
	After string `json:"after,omitempty"`
	HTML  string `json:"html,omitempty"`
}

// synced is the payload of the event that names what a chat holds.
type synced struct {
	Chat string   `json:"chat"`
	IDs  []string `json:"ids"`
}

// stream writes events to one browser.
type stream struct {
	c    *Console
	w    http.ResponseWriter
	rc   *http.ResponseController
	last map[string][]byte // the last fragment by event, so that only changes are sent
}

// events is the live page. What was missed before it began comes first.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many live pages", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx passes events on at once
	s := &stream{c: c, w: w, rc: http.NewResponseController(w), last: map[string][]byte{}}
	if err := s.run(r.Context()); err != nil && r.Context().Err() == nil {
		c.o.Log.Debug().Err(err).Msg("live page ended")
	}
}

// run writes until the browser goes, the server stops or a subscription ends; the
// browser asks again by itself.
func (s *stream) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var chats <-chan Update
	var paths <-chan Journey
	if s.c.o.Playground != nil {
		chats = s.c.o.Playground.Subscribe(ctx)
	}
	if s.c.o.Journeys != nil {
		paths = s.c.o.Journeys.Subscribe(ctx)
	}
	if err := s.begin(); err != nil {
		return err
	}
	status, alive := time.NewTicker(statusEvery), time.NewTicker(quiet)
	defer status.Stop()
	defer alive.Stop()
	grown := newGrown()
	var flush <-chan time.Time
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case u, ok := <-chats:
			if !ok {
				return nil
			}
			err = s.update(u)
		case j, ok := <-paths:
			if !ok {
				return nil
			}
			if grown.add(j); flush == nil {
				flush = time.After(gather)
			}
		case <-flush:
			flush = nil
			err = s.paths(grown.take())
		case <-status.C:
			err = s.status()
		case <-alive.C:
			err = s.write([]byte(": still here\n\n"))
		}
		if err != nil {
			return err
		}
	}
}

// begin brings the page level with what is there now.
func (s *stream) begin() error {
	if err := s.write([]byte("retry: 1000\n\n")); err != nil {
		return err
	}
	for _, phone := range s.c.phones {
		for _, chat := range chatsOf(phone) {
			if err := s.chat(chat); err != nil {
				return err
			}
		}
		if err := s.phone(phone.ID); err != nil {
			return err
		}
	}
	if s.c.o.Playground != nil {
		if err := s.notes(TheHub); err != nil {
			return err
		}
	}
	if s.c.o.Journeys != nil {
		recent := s.c.o.Journeys.Recent(maxPaths)
		for i := len(recent) - 1; i >= 0; i-- {
			if err := s.paths(recent[i : i+1]); err != nil {
				return err
			}
		}
	}
	return s.status()
}

// chat sends all of a chat.
func (s *stream) chat(chat string) error {
	bubbles := s.c.o.Playground.Transcript(chat)
	ids := make([]string, 0, len(bubbles))
	for _, b := range bubbles {
		ids = append(ids, b.ID)
	}
	if err := s.send("sync", synced{Chat: chat, IDs: ids}); err != nil {
		return err
	}
	after := ""
	for _, b := range bubbles {
		if err := s.update(Update{Chat: chat, Bubble: &b, After: after}); err != nil {
			return err
		}
		after = b.ID
	}
	return nil
}

func (s *stream) notes(phone string) error {
	return s.changed("notes", phone, s.c.viewNotes(phone))
}

// phone sends what is told about a phone itself.
func (s *stream) phone(phone string) error {
	if err := s.notes(phone); err != nil || phone == TheHub {
		return err
	}
	return s.changed("link", phone, s.c.viewLink(phone))
}

func (s *stream) update(u Update) error {
	switch {
	case u.Phone != "":
		return s.phone(u.Phone)
	case u.Bubble != nil:
		phone, _, _ := s.c.findChat(u.Chat)
		view := s.c.viewBubble(phone.ID, u.Chat, *u.Bubble)
		return s.fragment("bubble", fragment{Chat: u.Chat, ID: u.Bubble.ID, After: u.After}, "bubble", view)
	case u.Removed != "":
		return s.send("removed", fragment{Chat: u.Chat, ID: u.Removed})
	case u.Typing != nil && u.Typing.On:
		return s.fragment("typing", fragment{Chat: u.Chat}, "typing", u.Typing.Name)
	case u.Typing != nil:
		return s.send("typing", fragment{Chat: u.Chat})
	default:
		return nil
	}
}

func (s *stream) paths(grown []Journey) error {
	for _, j := range grown {
		if err := s.fragment("path", fragment{ID: j.Trace}, "path", viewPath(j)); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) status() error {
	o := s.c.o.Status()
	if err := s.changed("status", "", viewStatus(o)); err != nil {
		return err
	}
	health := healthOf(o)
	for _, phone := range s.c.phones {
		if err := s.changed("health", phone.ID, health(phone)); err != nil {
			return err
		}
		if err := s.phone(phone.ID); err != nil {
			return err
		}
	}
	return s.changed("hub", "", s.c.viewHub(o))
}

// changed sends a fragment when it is not what was sent last.
func (s *stream) changed(name, id string, view any) error {
	html, err := s.c.render(name, view)
	key := name + " " + id
	last, sent := s.last[key] // an empty one is sent too: the page may show what an earlier stream said
	if err != nil || sent && bytes.Equal(html, last) {
		return err
	}
	s.last[key] = html
	return s.send(name, fragment{ID: id, HTML: string(html)})
}

func (s *stream) fragment(event string, f fragment, template string, view any) error {
	html, err := s.c.render(template, view)
	if err != nil {
		return err
	}
	f.HTML = string(html)
	return s.send(event, f)
}

func (s *stream) send(event string, payload any) error {
	data, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	return s.write(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, data))
}

func (s *stream) write(p []byte) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	return s.rc.Flush()
}

// grown gathers paths that grew, each once, in the order they began to; a page
// shows no more than maxPaths, so no more are kept.
type grown struct {
	order []string
	last  map[string]Journey
}

func newGrown() *grown { return &grown{last: map[string]Journey{}} }

func (g *grown) add(j Journey) {
	if _, known := g.last[j.Trace]; !known {
		if len(g.order) == maxPaths {
			delete(g.last, g.order[0])
			g.order = g.order[1:]
		}
		g.order = append(g.order, j.Trace)
	}
	g.last[j.Trace] = j
}

func (g *grown) take() []Journey {
	out := make([]Journey, 0, len(g.order))
	for _, trace := range g.order {
		out = append(out, g.last[trace])
	}
	g.order = nil
	clear(g.last)
	return out
}
