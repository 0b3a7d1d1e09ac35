package crash

import (
	"fmt"
	"regexp"

	"github.com/parley-hub/parley/test/redistest"
)

func (n *node) goroutines() int { return int(n.Metric("go_goroutines")) }

// spare is how many goroutines more than at its start a hub may have at rest, keptOpen how
// many more those of connections are that it keeps open for a minute and a half. A long run
// waits until they are gone.
const (
	spare    = 60
	keptOpen = 200
)

// settle waits until nothing is under way in any hub.
func (w *world) settle(long bool) {
	allowed := spare
	if !long {
		allowed += keptOpen
	}
	for _, n := range w.nodes {
		w.up(n)
	}
	w.wait("the queues are empty", func() error {
		for _, n := range w.nodes {
			if items := n.Metric("parley_queue_items"); items != 0 {
				return fmt.Errorf("%s: %v items", n.name, items)
			}
		}
		return nil
	})
	w.balancer.client.CloseIdleConnections()
	for _, n := range w.nodes {
		if dead := n.Metric("parley_queue_dead_letters"); dead != 0 {
			w.t.Errorf("%s: %v dead letters", n.name, dead)
		}
		w.wait(n.name+" has ended what it began", func() error {
			if now := n.goroutines(); now < 0 || now > n.idle+allowed {
				return fmt.Errorf("%d goroutines, %d at the start", now, n.idle)
			}
			return nil
		})
	}
}

// leave stops all hubs, and looks at what is left of them.
func (w *world) leave() {
	for _, n := range w.nodes {
		w.stop(n)
		for _, line := range n.Lines() {
			if broken.MatchString(line) {
				w.t.Errorf("%s says: %s", n.name, line)
			}
		}
	}
	for _, server := range w.redis.masters() {
		w.inspect(server, `return redis.call('KEYS', 'parley:*')`, func(key string) bool { return left.MatchString(key) })
		w.inspect(server, `local out = {}
for _, key in ipairs(redis.call('KEYS', 'parley:*')) do
  if redis.call('TTL', key) < 0 then out[#out + 1] = key end
end
return out`, func(key string) bool { return !stays.MatchString(key) })
	}
}

// inspect looks at keys that a script finds in Redis for what may not be there.
func (w *world) inspect(server *redistest.Server, script string, wrong func(key string) bool) {
	found, err := server.Try("EVAL", script, 0)
	if err != nil {
		w.t.Error(err)
	}
	names, _ := found.([]any)
	for _, key := range names {
		if name := fmt.Sprint(key); wrong(name) {
			w.t.Errorf("the hubs left %s in Redis", name)
		}
	}
}

var (
	// broken is what a hub says when it did something that it never may.
	broken = regexp.MustCompile(`panic|fatal error|DATA RACE|goroutine \d+ \[|"class":"bug"`)
	// left are the keys of work that waits, is held or is under way, and of leases.
	left = regexp.MustCompile(`^parley:(\{[^}]*\}:(ready|wait|lease|age|dead|letters|out|outs)\b|lease:)`)
	// stays is all that has no end by itself: whose this Redis is, the numbers of the queue,
	// the ids it knows, the memories of conversations, and where people are reached.
	stays = regexp.MustCompile(`^parley:(store|cluster)$|^parley:\{[^}]*\}:(meta$|seen:|[mfl]:)|^parley:\{reach:`)
)
