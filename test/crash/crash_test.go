// Package crash kills hubs while people talk to them, and counts: one hub by itself, and
// several that share the work while all around them fails as well.
package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/test/hubtest"
)

var (
	messages = flag.Int("messages", 600, "how many messages are sent in all")
	chats    = flag.Int("chats", 30, "by how many people, each in a private chat")
	kills    = flag.Int("kills", 3, "how often the hub is ended")
	seed     = flag.Uint64("seed", 0, "of the random moments; 0 draws one")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	hubtest.Cleanup()
	os.Exit(code)
}

// platform is a chat platform's simulator with people in it, each in a private chat
// with the bot.
type platform interface {
	// channels is the section of the configuration, with no limits of the hub's own.
	channels() string
	// serve opens it on the network, for a hub with this address of its own.
	serve(t *testing.T, hub string)
	// behind puts a proxy between the hub and it.
	behind(proxy func(api string) string)
	// connect is called when the hub is ready for the first time.
	connect(t *testing.T)
	say(person int, text string) error
	// answers are the bot's messages to a person, in the order they stand.
	answers(person int) []string
	// wait waits until cond, which looks at answers, holds.
	wait(ctx context.Context, cond func() bool) error
	// follow gives one value for each message of the bot until stop is called.
	follow() (messages <-chan struct{}, stop func())
	// exact platforms let the hub find out what was sent, so nothing may be doubled.
	exact() bool
}

// endpoint is where a platform is called.
type endpoint struct{ api string }

func (e *endpoint) behind(proxy func(string) string) { e.api = proxy(e.api) }

// signals gives one value for each event that counts, until there are no more events.
func signals[E any](events <-chan E, counts func(E) bool) <-chan struct{} {
	out := make(chan struct{}, 1<<16)
	go func() {
		for e := range events {
			if counts(e) {
				out <- struct{}{}
			}
		}
	}()
	return out
}

// preparer is a platform that needs something done with the hub's data before it runs.
type preparer interface {
	prepare(hub *hubtest.Hub)
}

// platforms are those the test is run on, each made for so many people.
var platforms = map[string]func(t *testing.T, people, messagesEach int) platform{
	"discord gateway":      newDiscord,
	"discord interactions": newInteractions,
	"slack events":         newSlackEvents,
	"slack socket":         newSlackSocket,
	"telegram":             newTelegram,
	"whatsapp cloud":       newWhatsApp,
}

const config = `
http: {listen: "ADDRESS", public_url: "http://ADDRESS"}
data_dir: "DIR"
channels: %s
models:
  pools:
    chat: {model: fake, workers: [{url: "%s/v1", slots: 64}]}
skills: {rate: {count: 0}}
shutdown: 10s
log: {level: warn}
`

// answer says what the model was told: the last message, and the one before it in
// the conversation's memory. It proves order, context and that nobody is mixed up.
func answer(prompt []models.Message) string {
	var said []string
	for _, m := range prompt {
		if m.Role == models.User {
			said = append(said, m.Text)
		}
	}
	before := "nothing"
	if len(said) > 1 {
		before = said[len(said)-2]
	}
	return said[len(said)-1] + " after " + before
}

func word(chat, i int) string { return fmt.Sprintf("c%d.%d", chat, i) }

// party is everybody who talks to the hub in one test.
type party struct {
	t   *testing.T
	sim platform
	hub *hubtest.Hub
	// rng draws the moments at which the hub is ended, seed the people's.
	rng  *rand.Rand
	seed uint64
	per  int // messages of each person
}

func newParty(t *testing.T, open func(*testing.T, int, int) platform) *party {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d", s)
	per := *messages / *chats
	sim := open(t, *chats, per)
	worker := hubtest.Serve(t, modeltest.New(modeltest.Options{Answer: answer}))
	address := hubtest.FreeAddress(t)
	sim.serve(t, "http://"+address)
	hub := hubtest.New(t, fmt.Sprintf(strings.ReplaceAll(config, "ADDRESS", address), sim.channels(), worker))
	hub.Address = address
	if p, ok := sim.(preparer); ok {
		p.prepare(hub)
	}
	return &party{t: t, sim: sim, rng: rand.New(rand.NewPCG(s, s)), seed: s, per: per, hub: hub}
}

// talk sends every person's messages, in bursts of one to four, the next burst
// when the first was answered; it returns when all are answered or ctx ends.
func (p *party) talk(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make(chan error, *chats)
	for c := range *chats {
		rng := rand.New(rand.NewPCG(p.seed, uint64(c)))
		wg.Go(func() {
			for i := 0; i < p.per; {
				for burst := 1 + rng.IntN(4); burst > 0 && i < p.per; burst-- {
					if err := p.sim.say(c, word(c, i)); err != nil {
						errs <- err
						return
					}
					i++
				}
				want := fmt.Sprint(word(c, i-1), " after")
				if err := p.sim.wait(ctx, func() bool { return p.answered(c, want) }); err != nil {
					errs <- fmt.Errorf("chat %d: no answer to message %d: %w", c, i-1, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

func (p *party) answered(person int, prefix string) bool {
	return slices.ContainsFunc(p.sim.answers(person), func(text string) bool { return strings.HasPrefix(text, prefix) })
}

// verdict is what the chats show in the end.
type verdict struct{ lost, reordered, crossed, wrongContext, doubled, other int }

func (v verdict) add(o verdict) verdict {
	return verdict{
		v.lost + o.lost, v.reordered + o.reordered, v.crossed + o.crossed,
		v.wrongContext + o.wrongContext, v.doubled + o.doubled, v.other + o.other,
	}
}

// judge looks at the answers that somebody got who said these words, one after the other.
// Words begin with prefix when they are that person's.
func judge(t *testing.T, who, prefix string, said, answers []string) verdict {
	var v verdict
	at := make(map[string]int, len(said))
	for i, w := range said {
		at[w] = i
	}
	seen := map[string]bool{}
	last := -1
	for _, text := range answers {
		head, context, ok := strings.Cut(text, " after ")
		i, known := at[head]
		want := "nothing"
		if known && i > 0 {
			want = said[i-1]
		}
		switch {
		case !ok || strings.HasPrefix(head, prefix) && !known:
			v.other++
			t.Logf("%s was told: %s", who, text)
		case !known:
			v.crossed++
			t.Logf("%s was told what is another's: %s", who, text)
		case seen[head]:
			v.doubled++
			t.Logf("%s was told twice: %s", who, text)
		default:
			seen[head] = true
			if i < last {
				v.reordered++
				t.Logf("%s was told %s behind %s", who, head, said[last])
			}
			last = max(last, i)
			if context != want {
				v.wrongContext++
				t.Logf("%s, %s: context %q, want %q", who, head, context, want)
			}
		}
	}
	v.lost = len(said) - len(seen)
	for _, w := range said {
		if !seen[w] {
			t.Logf("%s got no answer to %s", who, w)
		}
	}
	return v
}

func (p *party) judge() verdict {
	var v verdict
	for c := range *chats {
		said := make([]string, p.per)
		for i := range said {
			said[i] = word(c, i)
		}
		v = v.add(judge(p.t, fmt.Sprint("chat ", c), fmt.Sprintf("c%d.", c), said, p.sim.answers(c)))
	}
	return v
}

// run talks while the hub is ended by end and started again.
func (p *party) run(end func()) verdict {
	p.hub.Start()
	p.hub.WaitReady()
	p.sim.connect(p.t)
	ctx, cancel := context.WithTimeout(p.t.Context(), 15*time.Minute)
	defer cancel()
	failed := disturb(p.sim, p.rng, *kills, p.per**chats, 3*time.Millisecond, func() error { return p.talk(ctx) }, func() {
		end()
		p.hub.Start()
	})
	if failed != nil {
		p.t.Errorf("%v\n%s", failed, strings.Join(p.hub.Lines(), "\n"))
	}
	p.hub.WaitReady()
	return p.judge()
}

// disturb strikes at random moments while people talk: each time after a random share of the
// answers that are due until then, and a little on, so that it does not always fall right
// behind one. It gives what talk does. Where everything was said already a strike does no harm.
func disturb(sim platform, rng *rand.Rand, strikes, answers int, on time.Duration, talk func() error, strike func()) (failed error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		failed = talk()
	}()
	followed, stop := sim.follow()
	defer stop()
	seen := 0
	for k := range strikes {
		until := (k*answers + rng.IntN(answers)) / strikes
		for over := false; seen < until && !over; {
			select {
			case <-followed:
				seen++
			case <-done:
				over = true
			}
		}
		pause := time.NewTimer(time.Duration(rng.Int64N(on.Microseconds())) * time.Microsecond)
		<-pause.C
		strike()
	}
	<-done
	return failed
}

// unsure is how often the hub said that it repeats a message of unknown outcome.
const unsure = "nobody knows whether this message was sent"

func TestCrashKill(t *testing.T) {
	for name, make := range platforms {
		t.Run(name, func(t *testing.T) {
			p := newParty(t, make)
			v := p.run(p.hub.Kill)
			said := p.hub.Count(unsure)
			t.Logf("%d messages, %d chats, %d kills: %+v; the hub repeated %d of unknown outcome", p.per**chats, *chats, *kills, v, said)
			if v.lost+v.reordered+v.crossed+v.wrongContext+v.other > 0 {
				t.Error("something was lost, out of order, mixed up or forgotten")
			}
			if v.doubled > said {
				t.Errorf("%d answers came twice, only %d were reported", v.doubled, said)
			}
			if v.doubled > *kills || v.doubled > 0 && p.sim.exact() {
				t.Errorf("%d answers came twice in %d kills", v.doubled, *kills)
			}
		})
	}
}

func TestCrashStop(t *testing.T) {
	for name, make := range platforms {
		t.Run(name, func(t *testing.T) {
			p := newParty(t, make)
			v := p.run(func() {
				p.hub.WaitReady() // before that it may not listen to signals yet
				if code := p.hub.Stop(); code != 0 {
					t.Errorf("exit code %d", code)
				}
			})
			t.Logf("%d messages, %d chats, %d stops: %+v", p.per**chats, *chats, *kills, v)
			if v != (verdict{}) {
				t.Error("a stop in good order may not be noticed by anybody")
			}
		})
	}
}
