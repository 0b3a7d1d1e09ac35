package adaptertest_test

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/core"
)

const (
	token     = "s3cr3t-token"
	longest   = 2000
	tokenName = "X-Token"
)

// Platform's errors.
var (
	errDropped = errors.New("connection to host/" + token + "/send broke")
	errDown    = errors.New("out of order")
	errUnknown = errors.New("no such account")
	errNever   = errors.New("not allowed")
	errGone    = errors.New("no such message")
)

// flood is a 429.
type flood struct{ wait time.Duration }

func (flood) Error() string { return "too fast" }

// update is what comes in.
type update struct {
	Serial int    `json:"serial"`
	Chat   string `json:"chat"`
	Text   string `json:"text"`
}

// memory is a platform in memory: updates are confirmed one by one, in order.
type memory struct {
	mu      sync.Mutex
	serial  int
	updates []update
	shown   map[string][]shown
	fail    *adaptertest.Failure
	bell    chan struct{}
	handler http.Handler
}

type shown struct {
	id   string
	text string
}

func newMemory() *memory {
	return &memory{shown: map[string][]shown{}, bell: make(chan struct{}, 1)}
}

func (m *memory) Chat(i int) core.Conversation {
	return core.Conversation{Account: "memory", Place: core.Private, Chat: core.ChatID("c" + strconv.Itoa(i))}
}

func (m *memory) say(chat core.ChatID, text string, times int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.serial++
	for range times {
		m.updates = append(m.updates, update{Serial: m.serial, Chat: string(chat), Text: text})
	}
	m.ring()
}

func (m *memory) ring() {
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

func (m *memory) Say(chat core.ChatID, text string)      { m.say(chat, text, 1) }
func (m *memory) SayTwice(chat core.ChatID, text string) { m.say(chat, text, 2) }

func (m *memory) Shown(chat core.ChatID) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, s := range m.shown[string(chat)] {
		out = append(out, s.text)
	}
	return out
}

func (m *memory) Delete(chat core.ChatID, id core.MessageID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shown[string(chat)] = slices.DeleteFunc(m.shown[string(chat)], func(s shown) bool { return s.id == string(id) })
}

func (m *memory) Fail(f adaptertest.Failure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = &f
}

// first gives the oldest unconfirmed update.
func (m *memory) first() (update, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.updates) == 0 {
		return update{}, false
	}
	return m.updates[0], true
}

func (m *memory) confirm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.updates = m.updates[1:]
}

// post puts a message into a chat.
func (m *memory) post(ctx context.Context, chat, text string) (string, error) {
	m.mu.Lock()
	fail := m.fail
	m.fail = nil
	store := fail == nil || fail.How == adaptertest.LoseAnswer
	m.serial++
	id := strconv.Itoa(m.serial)
	if store {
		m.shown[chat] = append(m.shown[chat], shown{id, text})
	}
	m.mu.Unlock()
	if fail == nil {
		return id, nil
	}
	switch fail.How {
	case adaptertest.RateLimit:
		return "", flood{fail.Wait}
	case adaptertest.Outage:
		return "", errDown
	case adaptertest.Revoked:
		return "", errUnknown
	case adaptertest.Refuse:
		return "", errNever
	case adaptertest.Hang:
		<-ctx.Done()
		return "", fmt.Errorf("%w: %w", errDropped, ctx.Err())
	case adaptertest.LoseAnswer:
	}
	return "", errDropped
}

func (m *memory) edit(chat, id, text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, s := range m.shown[chat] {
		if s.id == id {
			m.shown[chat][i].text = text
			return nil
		}
	}
	return errGone
}

// hooked is the platform when it calls.
type hooked struct{ *memory }

func (h hooked) Serve(handler http.Handler) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handler = handler
	h.ring()
}

// deliver calls the handler with each update until ctx ends.
func (h hooked) deliver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.bell:
		}
		for ctx.Err() == nil {
			u, ok := h.first()
			h.mu.Lock()
			handler := h.handler
			h.mu.Unlock()
			if !ok || handler == nil {
				break
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, h.Request(h.body(u)))
			if w.Code < 300 {
				h.confirm()
			}
		}
	}
}

func (hooked) body(u update) []byte {
	data, err := json.Marshal(u)
	if err != nil {
		panic(err)
	}
	return data
}

func (h hooked) Body(chat core.ChatID, text string) []byte {
	return h.body(update{Serial: 1, Chat: string(chat), Text: text})
}

func (h hooked) Request(body []byte) *http.Request {
	r := h.Forge(body)
	r.Header.Set(tokenName, token)
	return r
}

func (hooked) Forge(body []byte) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
}

// Another implements adaptertest.Twin.
func (m *memory) Another(zerolog.Logger) adapters.Adapter { return &adapter{platform: m, mode: "poll"} }

// Another implements adaptertest.Twin.
func (h hooked) Another(zerolog.Logger) adapters.Adapter {
	return &adapter{platform: h.memory, mode: "webhook"}
}

func start(t *testing.T, _ zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
	m := newMemory()
	return &adapter{platform: m, mode: "poll"}, m
}

func startHooked(t *testing.T, _ zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
	m := newMemory()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { hooked{m}.deliver(ctx) })
	t.Cleanup(func() {
		cancel()
		work.Wait()
	})
	return &adapter{platform: m, mode: "webhook"}, hooked{m}
}

// authentic tells whether a call is the platform's.
func authentic(r *http.Request) bool {
	return subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenName)), []byte(token)) == 1
}

// readBody reads the body of a call, within bounds.
func readBody(w http.ResponseWriter, r *http.Request) (u update, status int) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return update{}, http.StatusRequestEntityTooLarge
	}
	if json.Unmarshal(data, &u) != nil {
		return update{}, http.StatusBadRequest
	}
	return u, http.StatusOK
}

// render cuts a text into messages.
func render(r core.Reply) []string {
	fields := strings.Fields(core.JoinText(r.Parts))
	var out []string
	for _, word := range fields {
		if n := len(out); n > 0 && len(out[n-1])+1+len(word) <= longest {
			out[n-1] += " " + word
			continue
		}
		out = append(out, word)
	}
	if !r.Final && len(out) > 1 {
		out = []string{out[0] + "…"}
	}
	return out
}
