// Package redisstore keeps what skills store in Redis: for several nodes.
package redisstore

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/redisconn"
	"github.com/parley-hub/parley/storage"
)

// timeout is how long one call may take: a value is up to 1 MiB.
const timeout = 5 * time.Second

// Options of a store. Only URL is required.
type Options struct {
	// URL says where Redis is; see redisconn.Options.
	URL              secret.String
	SentinelUser     string
	SentinelPassword secret.String
	// TLS is for certificates of an own authority, or of the client; nil means the system's.
	TLS *tls.Config
	// Prefix stands before every key; "" means "parley".
	Prefix string
}

// Store is the entries on Redis. Make it with Open.
type Store struct {
	rdb    *redisconn.Client
	prefix string

	mu sync.Mutex
	// known are the skills that stand in the list of those that keep something.
	known map[string]bool
}

var _ storage.Store = (*Store)(nil)

//go:embed lua/*.lua
var sources embed.FS

var putScript, mergeScript = script("put"), script("merge")

func script(name string) *redis.Script {
	text, err := sources.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // it is embedded
	}
	return redis.NewScript(string(text))
}

// Open connects to Redis; it does not speak yet. The fault of a wrong URL needs a human.
func Open(o Options) (*Store, error) {
	if o.Prefix == "" {
		o.Prefix = "parley"
	}
	rdb, err := redisconn.New(redisconn.Options{
		URL: o.URL, SentinelUser: o.SentinelUser, SentinelPassword: o.SentinelPassword, TLS: o.TLS, Timeout: timeout,
	})
	if err != nil {
		return nil, err
	}
	return &Store{rdb: rdb, prefix: o.Prefix, known: map[string]bool{}}, nil
}

// Close ends the store. Calls under way fail.
func (s *Store) Close() error { return classify("close the skills' storage", s.rdb.Close()) }

// listKey holds the skills that keep something.
func (s *Store) listKey() string { return s.prefix + ":skills" }

// spaceKey holds a space: a skill's own, or a skill's for a person.
func (s *Store) spaceKey(sp storage.Space) string {
	if sp.Person == "" {
		return s.prefix + ":skill:{" + sp.Skill + "}"
	}
	return s.prefix + ":skill:{" + sp.Skill + "/" + string(sp.Person) + "}"
}

// classify gives an error its class. What is unknown is whether a value was kept, never
// whether a message was sent.
func classify(op string, err error) error {
	err = redisconn.Classify(op, err)
	if !fault.IsUnsure(err) {
		return err
	}
	return fault.New(fault.ClassOf(err), op, errors.New(err.Error()))
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, sp storage.Space, name string) (value []byte, ok bool, err error) {
	if err := storage.Check(sp, name, nil); err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	value, err = s.rdb.HGet(ctx, s.spaceKey(sp), "n"+name).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return value, err == nil, classify("read from storage", err)
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, w storage.Write) (done bool, err error) {
	if err := storage.Check(w.Space, w.Name, w.Value); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if w.Value != nil {
		if err := s.list(ctx, w.Space.Skill); err != nil {
			return false, err
		}
	}
	change, expect := "set", "any"
	if w.Value == nil {
		change = "del"
	}
	if w.If {
		expect = "is"
		if w.Was == nil {
			expect = "none"
		}
	}
	n, err := putScript.Run(ctx, s.rdb, []string{s.spaceKey(w.Space)}, w.Name, w.Quota, change, w.Value, expect, w.Was).Int()
	if err != nil {
		return false, classify("write to storage", err)
	}
	if n < 0 {
		return false, storage.Full(w.Space)
	}
	return n == 1, nil
}

// list puts a skill into the list before it keeps its first value, so that what is kept of
// a person is always found.
func (s *Store) list(ctx context.Context, skill string) error {
	s.mu.Lock()
	known := s.known[skill]
	s.mu.Unlock()
	if known {
		return nil
	}
	if err := s.rdb.SAdd(ctx, s.listKey(), skill).Err(); err != nil {
		return classify("write to storage", err)
	}
	s.mu.Lock()
	s.known[skill] = true
	s.mu.Unlock()
	return nil
}

// Names implements storage.Store.
func (s *Store) Names(ctx context.Context, sp storage.Space, prefix string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	fields, err := s.rdb.HKeys(ctx, s.spaceKey(sp)).Result()
	if err != nil {
		return nil, classify("list storage", err)
	}
	var names []string
	for _, f := range fields {
		if name, ok := strings.CutPrefix(f, "n"); ok && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// of gives the spaces that skills may have of a person, in order of the skills.
func (s *Store) of(ctx context.Context, person core.PersonID) ([]storage.Space, error) {
	if person == "" {
		return nil, nil
	}
	skills, err := s.rdb.SMembers(ctx, s.listKey()).Result()
	if err != nil {
		return nil, classify("list storage", err)
	}
	slices.Sort(skills)
	spaces := make([]storage.Space, len(skills))
	for i, skill := range skills {
		spaces[i] = storage.Space{Skill: skill, Person: person}
	}
	return spaces, nil
}

// entries reads a whole space, in order of the names.
func (s *Store) entries(ctx context.Context, sp storage.Space) ([]storage.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	all, err := s.rdb.HGetAll(ctx, s.spaceKey(sp)).Result()
	if err != nil {
		return nil, classify("read storage", err)
	}
	var out []storage.Entry
	for f, value := range all {
		if name, ok := strings.CutPrefix(f, "n"); ok {
			out = append(out, storage.Entry{Skill: sp.Skill, Name: name, Value: []byte(value)})
		}
	}
	slices.SortFunc(out, func(a, b storage.Entry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// mergeAtOnce is how many entries go in one call.
const mergeAtOnce = 16

// Move implements storage.Store. The spaces are on different servers of a cluster: a crash
// leaves entries in both, and the same call again finishes it.
func (s *Store) Move(ctx context.Context, from, to core.PersonID) error {
	if from == to || to == "" {
		return nil
	}
	spaces, err := s.of(ctx, from)
	if err != nil {
		return err
	}
	for _, sp := range spaces {
		all, err := s.entries(ctx, sp)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			continue
		}
		for some := range slices.Chunk(all, mergeAtOnce) {
			if err := s.merge(ctx, storage.Space{Skill: sp.Skill, Person: to}, some); err != nil {
				return err
			}
		}
		if err := s.rdb.Unlink(ctx, s.spaceKey(sp)).Err(); err != nil {
			return classify("move storage", err)
		}
	}
	return nil
}

func (s *Store) merge(ctx context.Context, to storage.Space, entries []storage.Entry) error {
	var args []any
	for _, e := range entries {
		args = append(args, e.Name, e.Value)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return classify("move storage", mergeScript.Run(ctx, s.rdb, []string{s.spaceKey(to)}, args...).Err())
}

// Forget implements storage.Store.
func (s *Store) Forget(ctx context.Context, person core.PersonID) (int, error) {
	spaces, err := s.of(ctx, person)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, sp := range spaces {
		held, err := s.rdb.HLen(ctx, s.spaceKey(sp)).Result()
		if err != nil {
			return n, classify("forget storage", err)
		}
		if held == 0 {
			continue
		}
		if err := s.rdb.Unlink(ctx, s.spaceKey(sp)).Err(); err != nil {
			return n, classify("forget storage", err)
		}
		n += int(held) - 1 // all but the count
	}
	return n, nil
}

// Export implements storage.Store.
func (s *Store) Export(ctx context.Context, person core.PersonID, each func(storage.Entry) error) error {
	spaces, err := s.of(ctx, person)
	if err != nil {
		return err
	}
	for _, sp := range spaces {
		all, err := s.entries(ctx, sp)
		if err != nil {
			return fmt.Errorf("skill %s: %w", sp.Skill, err)
		}
		for _, e := range all {
			if err := each(e); err != nil {
				return err
			}
		}
	}
	return nil
}
