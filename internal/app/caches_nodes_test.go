package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/cache"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/redistest"
)

// sharing is a hub of several nodes that keeps answers of one worker, by their words and
// by their meaning.
type sharing struct {
	nodes []running
	// start makes one more node.
	start func() running
	cfg   *configs.Config
	calls func() int
	redis *redistest.Server
}

func newSharing(t *testing.T, nodes int) *sharing {
	t.Helper()
	redis, postgres := redistest.Start(t), pgtest.New(t)
	w, vectors := numbered(t), alike(t)
	s := &sharing{calls: func() int { return w.Counts().Started }, redis: redis}
	s.start = func() running {
		return runHub(t, func(c *configs.Config) {
			c.Redis.URL, c.Postgres.URL = secret.New(redis.URL()), postgres.URL()
			c.API.Keys = []configs.APIKey{{Name: "ci", Key: secret.New("0123456789abcdef")}, {Name: "desk", Key: secret.New("fedcba9876543210")}}
			c.Models.Pools = map[string]models.PoolConfig{"chat": poolAt("fake", w.Base()), "vectors": poolAt("embed-alike", vectors)}
			c.Models.Default = "chat"
			c.Models.Cache.Semantic = models.SemanticConfig{Pool: "vectors", Skills: map[string]models.SemanticSkill{"chat": {}}}
			s.cfg = c
		})
	}
	for range nodes {
		s.nodes = append(s.nodes, s.start())
	}
	return s
}

// questions are what is asked, by what is meant. All are alike to the model of vectors.
var questions = map[string]string{
	"How do I log in?": "in", "How can I sign in": "in", "How do I log out?": "out", "Room 101": "101", "Room 110": "110",
	"Is it safe to eat?": "safe", "Is it not safe to eat?": "unsafe",
}

// owners notes whose answer each is: the first who got it is who asked for it.
type owners struct {
	mu  sync.Mutex
	all map[string]string
}

func (o *owners) is(t *rapid.T, answer, owner string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if before, known := o.all[answer]; known && before != owner {
		t.Fatalf("%q, which was said to\n%s\nis said to\n%s", answer, before, owner)
	}
	o.all[answer] = owner
}

// Whatever is asked through two nodes, by their skills and their endpoint, with caches by
// words and by meaning, in the process and in Redis: nobody gets what was said to another,
// or to another question.
func TestNobodyGetsAnothersAnswer(t *testing.T) {
	s := newSharing(t, 2)
	o := &owners{all: map[string]string{}}
	texts := rapid.SampledFrom([]string{"How do I log in?", "How can I sign in", "How do I log out?", "Room 101", "Room 110", "Is it safe to eat?", "Is it not safe to eat?"})
	pick := func(rt *rapid.T, what string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, what) }
	hits := 0
	one := func(rt *rapid.T) {
		node, text := rapid.SampledFrom(s.nodes).Draw(rt, "node"), texts.Draw(rt, "text")
		if rapid.IntRange(0, 3).Draw(rt, "way") == 0 {
			key, user := pick(rt, "key", "0123456789abcdef", "fedcba9876543210"), pick(rt, "user", "", "ann", "ben")
			answer, hit := node.api(t, key, user, text)
			o.is(rt, answer, fmt.Sprintf("key %q user %q %q", key, user, text))
			if hit {
				hits++
			}
			return
		}
		r := cold("", text)
		r.For = models.Payer{
			Account: pick(rt, "account", "a", "ab"), Person: pick(rt, "person", "b", "", "bc", "\xff", "\ufffd"),
			Role: pick(rt, "role", "", "c"), Skill: pick(rt, "skill", "chat", "chat", "recap"),
		}
		r.Cache.Locale, r.Cache.User = pick(rt, "locale", "", "de"), pick(rt, "user", "", "c")
		r.Cache.First = rapid.Bool().Draw(rt, "first")
		r.Messages[0].Text = pick(rt, "system", "Be kind.", "\xff", "\ufffd")
		meant := text
		if r.For.Skill == "chat" {
			meant = questions[text]
		}
		answer, saved, err := node.ask(t, "chat", r)
		if err != nil {
			rt.Fatal(err)
		}
		if saved {
			hits++
		}
		o.is(rt, answer, fmt.Sprintf("%#v %q %q %q %q", r.For, r.Cache.Locale, r.Cache.User, r.Messages[0].Text, meant))
	}
	rapid.Check(t, func(rt *rapid.T) {
		for range 30 {
			one(rt)
		}
	})
	t.Logf("%d answers, %d hits, %d calls of a worker", len(o.all), hits, s.calls())
	if hits < 300 {
		t.Errorf("%d hits prove little", hits)
	}
}

// FuzzCrossing looks for two people of whom one gets the other's answer.
func FuzzCrossing(f *testing.F) {
	f.Add("bot", "ann", "", "bota", "nn", "", "hello")
	f.Add("bot", "ann", "u", "bot", "annu", "", "hello")
	w := numbered(f)
	hub := runHub(f, func(c *configs.Config) {
		c.Models.Pools = map[string]models.PoolConfig{"chat": poolAt("fake", w.Base())}
	})
	f.Fuzz(func(t *testing.T, account, person, user, account2, person2, user2, text string) {
		ask := func(account, person, user string) string {
			r := cold(person, text)
			r.For.Account, r.Cache.User = account, user
			answer, _, err := hub.ask(t, "chat", r)
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		one := ask(account, person, user)
		two := ask(account2, person2, user2)
		if same := account == account2 && person == person2 && user == user2; (one == two) != same {
			t.Errorf("%q and %q", one, two)
		}
	})
}

// api asks at the endpoint for programs.
func (r running) api(t *testing.T, key, user, text string) (answer string, hit bool) {
	t.Helper()
	body := fmt.Sprintf(`{"temperature":0,"user":%q,"messages":[{"role":"user","content":%q}]}`, user, text)
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.address+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+key)
	q.Close = true
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", resp.StatusCode, all, err)
	}
	_, rest, _ := bytes.Cut(all, []byte(`"content":"`))
	said, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(said), resp.Header.Get("X-Cache") == "hit"
}

// What one node kept the other gives; what a person has forgotten on one is forgotten on
// all with the next request, whoever forgets it: a skill, or an operator beside the hub.
func TestForgottenOnEveryNode(t *testing.T) {
	s := newSharing(t, 2)
	a, b := s.nodes[0], s.nodes[1]
	who := core.Sender{Realm: "telegram", ID: "7"}
	person := string(who.Person())
	similar := func(text string) models.Request { return meant(person, text) }
	want := func(r running, q models.Request, saved bool, what string) {
		t.Helper()
		r.wants(t, q, saved, what)
	}
	for round, forget := range []func() error{
		func() error {
			in := core.Conversation{Account: "bot", Chat: "7", Place: core.Private}
			_, err := a.people.Forget(t.Context(), &skills.Turn{
				ID: "turn", Person: core.PersonID(person), Envelope: core.Envelope{ID: "turn", From: who, In: in}, Log: a.log,
			}, false)
			return err
		},
		func() error {
			return Person{Config: s.cfg, Out: io.Discard}.Erase(t.Context(), configs.Person{Realm: "telegram", User: "7"}, false)
		},
	} {
		s.published(t, func() { want(a, cold(person, "why?"), false, "first") })
		want(b, cold(person, "why?"), true, "what the other node kept")
		want(b, similar("How do I log in?"), false, "first")
		want(b, similar("How can I sign in"), true, "in other words")
		want(a, cold("somebody else", "why?"), round > 0, "somebody else")
		if err := forget(); err != nil {
			t.Fatal(err)
		}
		s.published(t, func() { want(b, cold(person, "why?"), false, "forgotten, on the other node") })
		want(a, cold(person, "why?"), true, "and new for both")
		want(b, similar("How do I log in?"), false, "forgotten by meaning")
		want(a, cold("somebody else", "why?"), true, "somebody else keeps theirs")
		if err := a.people.forgetAnswers(t.Context(), []core.PersonID{core.PersonID(person)}); err != nil {
			t.Fatal(err)
		}
	}
}

// published does something, and waits until the answer is in Redis.
func (s *sharing) published(t *testing.T, do func()) {
	t.Helper()
	count := func() int { keys, _ := s.redis.Do("KEYS", "parley:cache:*").([]any); return len(keys) }
	before := count()
	do()
	redistest.WaitFor(t, "an answer in Redis", func() error {
		if count() == before {
			return errors.New("not yet")
		}
		return nil
	})
}

// meant is a question that may be answered by what it means.
func meant(person, text string) models.Request {
	r := cold(person, text)
	r.Temperature, r.Cache.First = nil, true
	return r
}

func (r running) wants(t *testing.T, q models.Request, saved bool, what string) {
	t.Helper()
	if text, got, err := r.ask(t, "", q); got != saved || err != nil {
		t.Errorf("%s: %q %t, want %t, %v", what, text, got, saved, err)
	}
}

func (r running) learning() cache.SemanticStats { return r.pools.blends["chat"].front.semantic.Stats() }

// learns asks something new, and waits until all nodes can know of it.
func (s *sharing) learns(t *testing.T, r running, q models.Request) {
	t.Helper()
	before := r.learning().Told
	s.published(t, func() { r.wants(t, q, false, "new") })
	redistest.WaitFor(t, "a question in Redis", func() error {
		if r.learning().Told == before {
			return errors.New("not yet")
		}
		return nil
	})
}

// What one node learned of a person another finds in other words, also one that was
// started later; what the person has forgotten none does, nor does anybody else.
func TestNodesLearnByMeaning(t *testing.T) {
	s := newSharing(t, 2)
	a, b := s.nodes[0], s.nodes[1]
	s.learns(t, a, meant("ann", "How do I log in?"))
	b.wants(t, meant("ann", "How can I sign in"), true, "on the other node")
	b.wants(t, meant("ben", "How can I sign in"), false, "somebody else")
	s.learns(t, b, meant("ann", "Room 101"))
	a.wants(t, meant("ann", "room 101"), true, "and back")
	a.wants(t, meant("ann", "room 110"), false, "another room")
	a.stop()
	again := s.start()
	calls := s.calls()
	again.wants(t, meant("ann", "How to log in"), true, "after a restart")
	again.wants(t, meant("ann", "room 101."), true, "after a restart")
	if got := s.calls(); got != calls {
		t.Errorf("%d calls of a worker", got-calls)
	}
	if n := again.learning(); n.Hits != 2 || n.Remote != 2 || n.Learned != 3 || n.Refused != 0 {
		t.Errorf("%+v", n)
	}
	if metrics := again.metrics(t); !strings.Contains(metrics, `parley_cache_vectors_total{outcome="learned",pool="chat"} 3`+"\n") {
		t.Error("it is not in the metrics")
	}
	if err := b.people.forgetAnswers(t.Context(), []core.PersonID{"ann"}); err != nil {
		t.Fatal(err)
	}
	again.wants(t, meant("ann", "How do I sign in"), false, "forgotten")
	s.start().wants(t, meant("ann", "Room  101"), false, "forgotten after a restart too")
}

// While Redis is away answers come from workers, and what is learned is dropped; then all
// goes on, with what is left of before.
func TestNodesLearnWhenRedisIsBack(t *testing.T) {
	s := newSharing(t, 2)
	a, b := s.nodes[0], s.nodes[1]
	s.learns(t, a, meant("ann", "How do I log in?"))
	s.redis.Do("CONFIG", "SET", "maxmemory", "1")
	a.wants(t, meant("ann", "Room 101"), false, "Redis is full")
	redistest.WaitFor(t, "it is dropped", func() error {
		if n := a.learning(); n.Dropped != 1 {
			return fmt.Errorf("%+v", n)
		}
		return nil
	})
	s.redis.Do("CONFIG", "SET", "maxmemory", "0")
	s.redis.Kill()
	a.wants(t, meant("ann", "Room 110"), false, "Redis is away")
	s.redis.Restart()
	redistest.WaitFor(t, "what was learned is found", func() error {
		if text, saved, err := b.ask(t, "", meant("ann", "How can I sign in")); err != nil || !saved {
			return fmt.Errorf("%q %w", text, err)
		}
		return nil
	})
	room := 200
	redistest.WaitFor(t, "others are told again", func() error {
		room++
		if text, _, err := a.ask(t, "", meant("ann", fmt.Sprint("Room ", room))); err != nil || a.learning().Told == 1 {
			return fmt.Errorf("%q %w", text, err)
		}
		return nil
	})
	s.learns(t, a, meant("ann", "Is it safe to eat?"))
	b.wants(t, meant("ann", "is it safe to eat ?"), true, "it goes on")
}
