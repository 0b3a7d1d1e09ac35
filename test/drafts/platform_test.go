package drafts

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// call is what a node asks of the platform.
type call struct {
	// Op is send, edit, typing, find, shown or record.
	Op      string
	Node    string
	Account core.Account
	Chat    core.ChatID
	Message core.MessageID
	Reply   core.ReplyID
	Text    string
	Final   bool
}

// answer is what the platform says: which message, and how many drafts of a reply it saw.
type answer struct {
	Message core.MessageID
	Drafts  int
	Record  call
}

// message is what people see.
type message struct {
	id    core.MessageID
	reply core.ReplyID
	text  string
	final bool
}

// platform is a chat platform on the network that takes its time, and remembers what
// each node did.
type platform struct {
	*httptest.Server

	mu      sync.Mutex
	changed chan struct{}
	calls   []call
	chats   map[core.ChatID][]*message
	drafts  map[core.ReplyID]int
	finals  map[core.ReplyID]int
	// records stand in for those of the hub: the final that each message belongs to.
	records map[core.MessageID]call
	// overwritten are drafts that came behind the final of their message.
	overwritten []call
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	p := &platform{
		changed: make(chan struct{}), chats: map[core.ChatID][]*message{}, drafts: map[core.ReplyID]int{}, finals: map[core.ReplyID]int{},
		records: map[core.MessageID]call{},
	}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// ServeHTTP takes a call.
func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var c call
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if c.Op == "edit" || c.Op == "send" {
		latency := time.NewTimer(rand.N(30 * time.Millisecond)) // of the platform
		<-latency.C
	}
	a, ok := p.take(c)
	if !ok {
		http.Error(w, "no such message", http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(a)
}

func (p *platform) take(c call) (answer, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Op == "shown" {
		return answer{Drafts: p.drafts[c.Reply]}, true
	}
	if c.Op == "record" {
		final, ok := p.records[c.Message]
		return answer{Record: final}, ok
	}
	p.calls = append(p.calls, c)
	defer func() {
		close(p.changed)
		p.changed = make(chan struct{})
	}()
	switch c.Op {
	case "send":
		m := &message{id: core.MessageID(fmt.Sprint(c.Chat, "-", len(p.chats[c.Chat]))), reply: c.Reply}
		p.chats[c.Chat] = append(p.chats[c.Chat], m)
		p.show(m, c)
		return answer{Message: m.id}, true
	case "edit":
		for _, m := range p.chats[c.Chat] {
			if m.id == c.Message {
				p.show(m, c)
				return answer{Message: m.id}, true
			}
		}
		return answer{}, false
	case "find":
		for _, m := range p.chats[c.Chat] {
			if m.final && m.reply == c.Reply {
				return answer{Message: m.id}, true
			}
		}
		return answer{}, false
	default:
		return answer{}, true
	}
}

// show changes a message. p.mu is held.
func (p *platform) show(m *message, c call) {
	switch {
	case !c.Final && m.final:
		p.overwritten = append(p.overwritten, c)
	case c.Final && p.records[m.id].Text != c.Text:
		p.finals[c.Reply]++
		p.records[m.id] = c
	case !c.Final:
		p.drafts[c.Reply]++
	}
	m.text, m.final = c.Text, c.Final
}

// until waits until what is wanted is so. want is called with the platform's lock.
func (p *platform) until(t *testing.T, what string, want func() bool) {
	t.Helper()
	for limit := time.After(patience); ; {
		p.mu.Lock()
		ok, changed := want(), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit:
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Fatalf("%s: not in time; %d calls, %d finals, the last: %+v", what, len(p.calls), len(p.finals), p.calls[max(len(p.calls)-10, 0):])
		}
	}
}

// by counts what a node did; p.mu is held.
func (p *platform) by(node, op string) int {
	n := 0
	for _, c := range p.calls {
		if c.Node == node && c.Op == op {
			n++
		}
	}
	return n
}

// bot is a node's adapter.
type bot struct {
	node  string
	url   string
	about adapters.Description
}

func newBot(node, url string, single bool) *bot {
	return &bot{node: node, url: url, about: adapters.Description{
		Account: account, Platform: "test", Capabilities: adapters.Capabilities{
			EditsIn: []core.Place{core.Private}, DraftEvery: map[core.Place]time.Duration{core.Private: 10 * time.Millisecond},
			TypingFor: time.Second, SingleSender: single,
		},
	}}
}

func (b *bot) Describe() adapters.Description { return b.about }

func (b *bot) Run(ctx context.Context, _ adapters.Inbox) error {
	<-ctx.Done()
	return nil
}

// ask makes a call; false is the platform's no.
func (b *bot) ask(ctx context.Context, c call) (a answer, ok bool, err error) {
	c.Node, c.Account = b.node, b.about.Account
	body, err := json.Marshal(c)
	if err != nil {
		return answer{}, false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, false, fault.New(fault.Retryable, c.Op, err, fault.Unsure())
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, false, fault.New(fault.Retryable, c.Op, err, fault.Unsure())
	}
	return a, resp.StatusCode == http.StatusOK, cmp.Or(json.Unmarshal(data, &a), nil)
}

func (b *bot) write(ctx context.Context, c call, r core.Reply) (core.Receipt, error) {
	c.Chat, c.Reply, c.Text, c.Final = r.To.Chat, r.ID, core.JoinText(r.Parts), r.Final
	a, ok, err := b.ask(ctx, c)
	switch {
	case err == nil && ok:
		return core.Receipt{Message: a.Message, At: time.Now()}, nil
	case fault.IsUnsure(err):
		return core.Receipt{}, err
	default:
		return core.Receipt{}, fault.New(fault.Permanent, c.Op, err)
	}
}

func (b *bot) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	return b.write(ctx, call{Op: "send"}, r)
}

func (b *bot) Edit(ctx context.Context, id core.MessageID, r core.Reply) (core.Receipt, error) {
	return b.write(ctx, call{Op: "edit", Message: id}, r)
}

func (b *bot) Typing(ctx context.Context, to core.Conversation) error {
	_, _, err := b.ask(ctx, call{Op: "typing", Chat: to.Chat})
	return err
}

func (b *bot) Reconcile(ctx context.Context, r core.Reply) (core.Receipt, bool, error) {
	a, ok, err := b.ask(ctx, call{Op: "find", Chat: r.To.Chat, Reply: r.ID})
	if fault.IsUnsure(err) {
		return core.Receipt{}, false, err
	}
	return core.Receipt{Message: a.Message, At: time.Now()}, ok, nil
}

// recorded is what the hub's records tell of a message.
func (b *bot) recorded(ctx context.Context, _ core.Account, chat core.ChatID, message core.MessageID) (core.Reply, bool, error) {
	a, ok, err := b.ask(ctx, call{Op: "record", Message: message})
	return core.Reply{
		ID: a.Record.Reply, Final: true, To: core.Conversation{Account: account, Place: core.Private, Chat: chat},
		Parts: []core.Part{core.Text{Text: a.Record.Text}},
	}, ok, err
}

// lastWords counts the messages whose last word is a final's; p.mu is held.
func (p *platform) lastWords() int {
	n := 0
	for _, messages := range p.chats {
		for _, m := range messages {
			if m.final {
				n++
			}
		}
	}
	return n
}

// check holds the platform to what people must see: each of these many questions in each
// chat has one answer, and no draft was the last word. stray counts drafts that were left
// behind, as they may be where a node died or was paused while it sent one.
func (p *platform) check(t *testing.T, chats, each int) (stray int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for chat := range chats {
		var finals []string
		for _, m := range p.chats[chatOf(chat)] {
			if m.final {
				finals = append(finals, m.text)
			} else {
				stray++
			}
		}
		want := make([]string, each)
		for i := range want {
			want[i] = "done " + strconv.Itoa(i)
		}
		if !slices.Equal(finals, want) {
			t.Errorf("chat %d shows %q, want %q", chat, finals, want)
		}
	}
	return stray
}
