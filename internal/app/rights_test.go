//go:build !nowhatsmeow

package app

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/test/redistest"
)

// written are the rights of a hub's user as docs/redis-protocol.md has them.
type written struct {
	// line is the whole command, beside what it takes more and where, by how its line begins.
	line   []string
	beside map[string][]string
}

func readRights(t *testing.T) written {
	t.Helper()
	text, err := os.ReadFile("../../docs/redis-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	w := written{beside: map[string][]string{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "ACL SETUSER ") {
			if w.line != nil {
				t.Fatal("the line stands twice")
			}
			w.line = strings.Fields(line)
		}
		if where, what, ok := strings.Cut(line, ": `+"); ok && strings.HasPrefix(line, "- ") {
			rights, _, _ := strings.Cut(what, "`")
			w.beside[strings.TrimPrefix(where, "- ")] = strings.Fields("+" + rights)
		}
	}
	if w.line == nil || len(w.beside) == 0 {
		t.Fatal("the rights are not where they were")
	}
	return w
}

// more gives what is needed beside the line.
func (w written) more(t *testing.T, where ...string) (out []string) {
	t.Helper()
	for _, where := range where {
		if w.beside[where] == nil {
			t.Fatalf("nothing is written of %q", where)
		}
		out = append(out, w.beside[where]...)
	}
	return out
}

// guard is Redis with a user that may do what is written, and no more.
type guard struct {
	t       *testing.T
	servers []*redistest.Server
	url     secret.String
	// missed are what was taken away, and may be refused.
	missed []string
}

func newGuard(t *testing.T, url string, w written, more []string, servers ...*redistest.Server) *guard {
	t.Helper()
	g := &guard{t: t, servers: servers, url: secret.New(strings.Replace(url, "://", "://"+w.line[2]+":password@", 1))}
	g.do(append(slices.Clone(w.line), more...)...)
	g.do("CONFIG", "RESETSTAT") // the test has asked servers too
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Redis refused %q", g.refused())
		}
	})
	return g
}

// do does the same on all servers.
func (g *guard) do(words ...string) {
	g.t.Helper()
	args := make([]any, 0, len(words))
	for _, w := range words {
		args = append(args, w)
	}
	for _, s := range g.servers {
		s.Do(args...)
	}
}

// refused are the commands, keys and channels that were refused so far, as Redis has them
// on record.
func (g *guard) refused() (out []string) {
	g.t.Helper()
	for _, s := range g.servers {
		entries, _ := s.Do("ACL", "LOG").([]any)
		for _, e := range entries {
			fields, _ := e.([]any)
			if i := slices.Index(fields, any("object")); i >= 0 {
				out = append(out, fmt.Sprint(fields[i+1]))
			}
		}
	}
	return out
}

// nothing was refused but what was taken away.
func (g *guard) nothing(what string) {
	g.t.Helper()
	got := slices.DeleteFunc(g.refused(), func(object string) bool { return slices.Contains(g.missed, object) })
	if len(got) > 0 {
		g.t.Errorf("%s: Redis refused %q", what, got)
	}
}

// misses waits until something is refused.
func (g *guard) misses(object string) {
	g.t.Helper()
	g.missed = append(g.missed, object)
	redistest.WaitFor(g.t, object+" is missed", func() error {
		if got := g.refused(); !slices.Contains(got, object) {
			return fmt.Errorf("refused are %q", got)
		}
		return nil
	})
}

// used tells whether the hub made use of all of its rights but some, in scripts too.
func (g *guard) used(rights []string, but ...string) {
	g.t.Helper()
	used := map[string]bool{}
	for _, s := range g.servers {
		stats, _ := s.Do("INFO", "commandstats").(string)
		for line := range strings.Lines(stats) {
			name, counts, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
			used[name] = used[name] || counts != "" && counts[0] != '0' // those refused count for nothing
		}
	}
	for _, r := range rights {
		if right, ok := strings.CutPrefix(r, "+"); ok && !used[right] && !slices.Contains(but, r) {
			g.t.Errorf("nobody needed %s", r)
		}
	}
}

// A hub of two nodes lives with the rights that are written, wherever its Redis is, and
// makes use of each.
func TestRights(t *testing.T) {
	w := readRights(t)
	t.Run("one server", func(t *testing.T) {
		t.Parallel()
		s := redistest.Start(t)
		e := newEstate(t, newGuard(t, s.URL(), w, nil, s), nil)
		e.live()
		e.obey()
		e.doctor(w)
		e.less(w)
		e.end()
		e.guard.used(w.line, "+srem") // a queue of one shard sends itself no parcels
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		more, all := w.more(t, "on a Cluster"), redistest.StartCluster(t)
		e := newEstate(t, newGuard(t, redistest.ClusterURL(all), w, more, all...), nil)
		e.live()
		e.end()
		e.guard.used(slices.Concat(w.line, more), "+asking") // while a slot moves
	})
	t.Run("sentinels", func(t *testing.T) {
		t.Parallel()
		s, more := redistest.StartSentinels(t), w.more(t, "in another database than 0", "with `redis.replicas`")
		watchers := &guard{t: t, servers: s.Watchers}
		there := w.more(t, "on Sentinels that ask for a user (`redis.sentinel_user`), beside `resetchannels`")
		watchers.do(append([]string{"ACL", "SETUSER", "watcher", "reset", "on", ">word", "resetchannels"}, there...)...)
		e := newEstate(t, newGuard(t, s.URL()+"/1", w, more, s.Master, s.Replica), func(c *configs.Config) {
			c.Redis.Replicas, c.Redis.SentinelUser, c.Redis.SentinelPassword = 1, "watcher", secret.New("word")
		})
		e.live()
		e.end()
		e.guard.used(more)
		watchers.nothing("the Sentinels")
	})
}

// doctor looks at the hub without and with the right to see how Redis is configured.
func (e *estate) doctor(w written) {
	e.t.Helper()
	look := func(unseen bool) {
		e.t.Helper()
		var out bytes.Buffer
		err := Diagnose(e.t.Context(), &out, e.cfg)
		if err != nil || strings.Contains(out.String(), "cannot be seen by this user") != unseen {
			e.t.Errorf("%v\n%s", err, &out)
		}
	}
	look(true)
	e.guard.misses("config|get")
	e.guard.do(append([]string{"ACL", "SETUSER", w.line[2]}, w.more(e.t, "for `parley doctor` to see how the file is synced and loaded")...)...)
	look(false)
}

// less takes single rights away from the hub that runs: what misses one is on record.
func (e *estate) less(w written) {
	e.t.Helper()
	for _, c := range []struct {
		right string
		do    func()
	}{
		{"scan", func() {}},
		{"publish", func() {
			if err := e.nodes[0].cluster.Publish(e.t.Context(), "drafts/wa-web", nil); fault.ClassOf(err) != fault.NeedsHuman {
				e.t.Errorf("published: %v", err)
			}
		}},
		{"hkeys", func() { e.say("/names") }},
		{"pexpireat", func() { e.say("/names") }},
	} {
		e.guard.do("ACL", "SETUSER", w.line[2], "-"+c.right)
		c.do()
		e.guard.misses(c.right)
		e.guard.do("ACL", "SETUSER", w.line[2], "+"+c.right)
	}
}
