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

// playground is a Playground whose bots say what the test makes them say.
type playground struct {
	mu      sync.Mutex
	bubbles map[string][]console.Bubble
	lines   map[string][]console.Note
	linking map[string]*console.Linking
	// linked adds a fifth phone in the place of WhatsApp's.
	linked bool
	subs   map[chan console.Update]bool
	files  map[string][]byte
	deeds  []string
	fail   error
	next   int
}

func newPlayground() *playground {
	return &playground{
		bubbles: map[string][]console.Bubble{}, lines: map[string][]console.Note{}, linking: map[string]*console.Linking{}, subs: map[chan console.Update]bool{},
		files: map[string][]byte{},
	}
}

func (p *playground) Phones() []console.Phone {
	var out []console.Phone
	for _, name := range []string{"Telegram", "Slack", "WhatsApp", "Discord"} {
		id := strings.ToLower(name)
		phone := console.Phone{
			ID: id, Name: name, Account: id, People: []console.Person{{ID: "ada", Name: "Ada"}, {ID: "ben", Name: "Ben"}},
			Places: []console.Place{{
				ID: "private", Title: "Parley", About: "private chat", Hint: "Say hello, or try /help.", Try: []string{"/tour"},
				Chats: map[string]string{"ada": id + "-ada", "ben": id + "-ben"},
			}},
			Faults: []console.Fault{{ID: "busy", Label: "Too busy", About: "The next answer meets a 429."}, {ID: "gone", Label: "Unplug", About: "It cannot be reached for a while."}},
		}
		if id != "whatsapp" {
			phone.Places = append(phone.Places, console.Place{
				ID: "group", Title: "Tea kitchen", About: "group", Hint: "Mention the bot.", Chats: map[string]string{"ada": id + "-group", "ben": id + "-group"},
			})
		}
		out = append(out, phone)
	}
	if p.linked {
		out[2].Mode = "Cloud"
		out = append(out, console.Phone{
			ID: "fax", Name: "WhatsApp", Account: "fax", People: out[0].People, With: "whatsapp", Mode: "Web (QR)", Remark: "Unofficial.",
			Places: []console.Place{{ID: "private", Title: "Parley", Chats: map[string]string{"ada": "fax-ada", "ben": "fax-ben"}}},
		})
	}
	return out
}

func (p *playground) Transcript(chat string) []console.Bubble {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.bubbles[chat])
}

func (p *playground) Notes(phone string) []console.Note {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines[phone])
}

// do notes what somebody did.
func (p *playground) do(words ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.deeds = append(p.deeds, strings.Join(words, " "))
	return nil
}

func (p *playground) Say(_ context.Context, u console.Utterance) error {
	words := []string{"say", u.Chat, u.As, u.Text}
	b := console.Bubble{From: strings.ToUpper(u.As[:1]) + u.As[1:], User: u.As}
	if u.Text != "" {
		b.Runs = plain(u.Text)
	}
	if u.ReplyTo != "" {
		words = append(words, "re", u.ReplyTo)
	}
	if f := u.File; f != nil {
		words = append(words, f.MIME)
		kind, _, _ := strings.Cut(f.MIME, "/")
		b.Files = []console.File{{ID: f.Name, Name: f.Name, Kind: kind, Size: len(f.Data)}}
		p.mu.Lock()
		p.files[f.Name] = f.Data
		p.mu.Unlock()
	}
	if err := p.do(words...); err != nil {
		return err
	}
	p.put(u.Chat, b)
	return nil
}

func (p *playground) Press(_ context.Context, chat, bubble, as, data string) error {
	return p.do("press", chat, bubble, as, data)
}

func (p *playground) React(_ context.Context, chat, bubble, as, emoji string) error {
	return p.do("react", chat, bubble, as, emoji)
}

func (p *playground) Fail(_ context.Context, phone, kind string) error {
	if err := p.do("fail", phone, kind); err != nil {
		return err
	}
	if phone != console.TheHub {
		p.note(phone, console.Note{At: morning, Text: "Slack said 429, wait 4 s. The answer waits."})
	}
	return nil
}

func (p *playground) Linking(phone string) *console.Linking {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.linking[phone]
}

func (p *playground) Pair(_ context.Context, phone string) error {
	if err := p.do("pair", phone); err != nil {
		return err
	}
	p.link(phone, &console.Linking{Code: "2@code", Until: morning.Add(time.Minute)})
	return nil
}

func (p *playground) Scan(_ context.Context, phone string) error {
	if err := p.do("scan", phone); err != nil {
		return err
	}
	p.link(phone, nil)
	return nil
}

// link changes how far a phone is linked.
func (p *playground) link(phone string, l *console.Linking) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.linking[phone] = l
	p.tell(console.Update{Phone: phone})
}

func (p *playground) Troubles() []console.Fault {
	return []console.Fault{{ID: "restart", Label: "Restart the hub", About: "It stops and starts again."}, {ID: "out", Label: "Model out", About: "No model answers."}}
}

func (p *playground) File(_, id string) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	data, ok := p.files[id]
	return data, ok
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

// put adds a bubble at the end, or changes the one of its id, and tells everybody.
func (p *playground) put(chat string, b console.Bubble) string {
	after := ""
	for _, other := range p.Transcript(chat) {
		if other.ID != b.ID {
			after = other.ID
		}
	}
	return p.putAfter(chat, after, b)
}

// putAfter adds a bubble behind another.
func (p *playground) putAfter(chat, after string, b console.Bubble) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.ID == "" {
		p.next++
		b.ID = strconv.Itoa(p.next)
	}
	if b.At.IsZero() {
		b.At = morning.Add(time.Duration(p.next) * 7 * time.Second)
	}
	all := p.bubbles[chat]
	if i := slices.IndexFunc(all, func(o console.Bubble) bool { return o.ID == b.ID }); i >= 0 {
		all[i] = b
	} else {
		at := slices.IndexFunc(all, func(o console.Bubble) bool { return o.ID == after })
		p.bubbles[chat] = slices.Insert(all, at+1, b)
	}
	p.tell(console.Update{Chat: chat, Bubble: &b, After: after})
	return b.ID
}

func (p *playground) note(phone string, n console.Note) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[phone] = append(p.lines[phone], n)
	p.tell(console.Update{Phone: phone})
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

// did lists what was done.
func (p *playground) did() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.deeds)
}

func (p *playground) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deeds = nil
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
	return console.Overview{Version: "0.1.0", Started: morning, Connect: connect, Accounts: []console.Account{
		{Name: "telegram", Platform: "telegram", Up: true, State: "healthy"},
		{Name: "slack", Platform: "slack", State: "needs_human", Detail: "dial tcp: connection refused"},
		{Name: "discord", Platform: "discord", Up: true, State: "healthy"},
	}}
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
