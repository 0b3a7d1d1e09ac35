package console_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/internal/console"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2026, 3, 9, 9, 41, 7, 0, time.UTC)

// playground is a Playground whose bot says what the test makes it say.
type playground struct {
	mu      sync.Mutex
	chats   []console.Chat
	bubbles map[string][]console.Bubble
	subs    map[chan console.Update]bool
	presses []string
	fail    error
	next    int
}

func newPlayground() *playground {
	ada, ben := console.Person{ID: "ada", Name: "Ada"}, console.Person{ID: "ben", Name: "Ben"}
	return &playground{
		chats: []console.Chat{
			{ID: "ada", Title: "Ada", About: "private chat with the bot", Hint: "Say hello, or try /help.", Speakers: []console.Person{ada}},
			{ID: "ben", Title: "Ben", About: "private chat with the bot", Hint: "Ben has a memory of his own.", Speakers: []console.Person{ben}},
			{ID: "team", Title: "Tea kitchen", About: "group of Ada, Ben and the bot", Hint: "In a group the bot answers when it is meant: mention it.", Speakers: []console.Person{ada, ben}},
		},
		bubbles: map[string][]console.Bubble{},
		subs:    map[chan console.Update]bool{},
	}
}

func (p *playground) Chats() []console.Chat { return p.chats }

func (p *playground) Transcript(chat string) []console.Bubble {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.bubbles[chat])
}

func (p *playground) Say(_ context.Context, chat, as, text string) error {
	p.mu.Lock()
	fail := p.fail
	p.mu.Unlock()
	if fail != nil {
		return fail
	}
	p.put(chat, console.Bubble{From: strings.ToUpper(as[:1]) + as[1:], User: as, Runs: plain(text)})
	return nil
}

func (p *playground) Press(_ context.Context, chat, bubble, as, data string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.presses = append(p.presses, strings.Join([]string{chat, bubble, as, data}, "|"))
	return p.fail
}

func (p *playground) Subscribe(ctx context.Context) <-chan console.Update {
	ch := make(chan console.Update, 64)
	p.mu.Lock()
	p.subs[ch] = true
	p.mu.Unlock()
	context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.subs[ch] {
			delete(p.subs, ch)
			close(ch)
		}
	})
	return ch
}

// put adds a bubble, or changes the one of its id, and tells everybody.
func (p *playground) put(chat string, b console.Bubble) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.ID == "" {
		p.next++
		b.ID = strconv.Itoa(p.next)
	}
	if b.At.IsZero() {
		b.At = morning.Add(time.Duration(p.next) * 7 * time.Second)
	}
	if i := slices.IndexFunc(p.bubbles[chat], func(o console.Bubble) bool { return o.ID == b.ID }); i >= 0 {
		p.bubbles[chat][i] = b
	} else {
		p.bubbles[chat] = append(p.bubbles[chat], b)
	}
	p.tell(console.Update{Chat: chat, Bubble: &b})
	return b.ID
}

func (p *playground) remove(chat, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bubbles[chat] = slices.DeleteFunc(p.bubbles[chat], func(b console.Bubble) bool { return b.ID == id })
	p.tell(console.Update{Chat: chat, Removed: id})
}

func (p *playground) typing(chat string, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(console.Update{Chat: chat, Typing: &console.Typing{Name: "Parley", On: on}})
}

func (p *playground) tell(u console.Update) {
	for ch := range p.subs {
		ch <- u
	}
}

// cutAll ends every subscription, as for subscribers that are too slow.
func (p *playground) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ch := range p.subs {
		delete(p.subs, ch)
		close(ch)
	}
}

func (p *playground) pressed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.presses)
}

func plain(text string) []console.Run { return []console.Run{{Text: text}} }

// journeys is a Journeys that the test fills.
type journeys struct {
	mu   sync.Mutex
	all  []console.Journey // newest first
	subs map[chan console.Journey]bool
}

func newJourneys() *journeys { return &journeys{subs: map[chan console.Journey]bool{}} }

func (j *journeys) Recent(limit int) []console.Journey {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.all[:min(limit, len(j.all))])
}

func (j *journeys) Subscribe(ctx context.Context) <-chan console.Journey {
	ch := make(chan console.Journey, 64)
	j.mu.Lock()
	j.subs[ch] = true
	j.mu.Unlock()
	context.AfterFunc(ctx, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.subs, ch)
		close(ch)
	})
	return ch
}

func (j *journeys) put(v console.Journey) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.all, func(o console.Journey) bool { return o.Trace == v.Trace }); i >= 0 {
		j.all[i] = v
	} else {
		j.all = slices.Insert(j.all, 0, v)
	}
	for ch := range j.subs {
		ch <- v
	}
}

// answered is the path of a message that a model answered.
func answered(trace string, at time.Time) console.Journey {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	return console.Journey{Trace: trace, Account: "playground", Kind: "message", Steps: []console.Step{
		{Stage: "accepted", At: at.Add(ms(1.4)), Took: ms(1.4), Count: 1},
		{Stage: "taken", At: at.Add(ms(3)), Took: ms(1.6), Count: 1},
		{Stage: "routed", At: at.Add(ms(3.2)), Rule: "private", Skill: "chat", Count: 1},
		{Stage: "draft", At: at.Add(ms(700)), Count: 4},
		{Stage: "model", At: at.Add(ms(842)), Took: ms(836), Model: "llama-3.3", Worker: "gpu-a", Count: 1},
		{Stage: "skill", At: at.Add(ms(845)), Took: ms(841), Skill: "chat", Count: 1},
		{Stage: "committed", At: at.Add(ms(848)), Took: ms(2.3), Count: 1},
		{Stage: "sent", At: at.Add(ms(901)), Took: ms(47), Count: 1},
		{Stage: "delivered", At: at.Add(ms(902)), Took: ms(54), Count: 1},
	}}
}

const connect = "models:\n  pools:\n    - name: default\n      workers:\n        - url: http://localhost:11434/v1"

func noModel() console.Overview {
	return console.Overview{Version: "0.1.0", Started: morning, Connect: connect}
}

func hub() console.Overview {
	return console.Overview{
		Version: "0.1.0", Started: morning,
		Pools: []console.Pool{{Name: "default", Model: "llama-3.3", Workers: []console.Worker{
			{Name: "gpu-a", Up: true, State: "ready", InFlight: 3}, {Name: "gpu-b", Up: false, State: "down"},
		}}},
		Accounts: []console.Account{
			{Name: "support", Platform: "chatter", Mode: "webhook", Up: true, State: "up", Webhook: "https://bot.example.org/webhooks/support"},
			{Name: "sales", Platform: "chatter", Mode: "poll", State: "needs_human", Detail: "the token was refused"},
		},
		Boxes: []console.Box{
			{Name: "inbox", Items: 4, Ready: 1, Leased: 3, Oldest: morning.Add(4 * time.Minute)},
			{Name: "outbox", Items: 1, Delayed: 1, Dead: 2, Oldest: morning.Add(5 * time.Minute)},
		},
		Problems: []string{"account sales: the token was refused"},
	}
}

func newConsole(t *testing.T, o console.Options) *console.Console {
	t.Helper()
	o.Log = zerolog.New(zerolog.NewTestWriter(t))
	o.Now = func() time.Time { return morning.Add(6 * time.Minute) }
	if o.Status == nil {
		o.Status = noModel
	}
	c, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
