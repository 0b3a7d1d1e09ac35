package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/storage"
	"github.com/parley-hub/parley/storage/redisstore"
	"github.com/parley-hub/parley/storage/storagetest"
	"github.com/parley-hub/parley/test/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, url, prefix string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(redisstore.Options{URL: secret.New(url), Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSuite(t *testing.T) {
	for form, start := range map[string]func(*testing.T) string{
		"server":  func(t *testing.T) string { return redistest.Start(t).URL() },
		"cluster": func(t *testing.T) string { return redistest.ClusterURL(redistest.StartCluster(t)) },
	} {
		t.Run(form, func(t *testing.T) {
			url, tests := start(t), 0
			storagetest.Run(t, func(t *testing.T) (a, b storage.Store) {
				tests++
				prefix := fmt.Sprint("test", tests)
				return open(t, url, prefix), open(t, url, prefix)
			})
		})
	}
}

// TestKeys: the keys are those of docs/redis-protocol.md, and an empty space leaves none.
func TestKeys(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.URL(), "")
	for _, w := range []storage.Write{
		{Space: storage.Space{Skill: "notes"}, Name: "x", Value: []byte("12"), Quota: 10},
		{Space: storage.Space{Skill: "notes", Person: "panna"}, Name: "x", Value: []byte("12"), Quota: 10},
		{Space: storage.Space{Skill: "notes", Person: "pbert"}, Name: "x", Value: []byte("12"), Quota: 10},
		{Space: storage.Space{Skill: "notes", Person: "pbert"}, Name: "x"},
	} {
		if done, err := s.Put(t.Context(), w); !done || err != nil {
			t.Fatalf("%v, %v", done, err)
		}
	}
	answer, _ := server.Do("KEYS", "*").([]any)
	keys := make([]string, len(answer))
	for i, k := range answer {
		keys[i] = fmt.Sprint(k)
	}
	slices.Sort(keys)
	if diff := cmp.Diff([]string{"parley:skill:{notes/panna}", "parley:skill:{notes}", "parley:skills"}, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if used := fmt.Sprint(server.Do("HGET", "parley:skill:{notes}", "u")); used != "3" {
		t.Errorf("%s bytes in use", used)
	}
}

// TestLeastRights: beside what the queue needs, one more command does.
func TestLeastRights(t *testing.T) {
	server := redistest.Start(t)
	server.Do("ACL", "SETUSER", "parley", "on", ">secret", "~parley:*", "resetchannels", "-@all", "+evalsha", "+eval", "+hget", "+hset", "+hdel", "+hexists",
		"+hgetall", "+hlen", "+unlink", "+sadd", "+smembers", "+hkeys")
	address := strings.TrimPrefix(server.URL(), "redis://")
	s := open(t, "redis://parley:secret@"+address[strings.Index(address, "@")+1:], "")
	sp := storage.Space{Skill: "notes", Person: "panna"}
	if done, err := s.Put(t.Context(), storage.Write{Space: sp, Name: "x", Value: []byte("1"), Quota: 9}); !done || err != nil {
		t.Errorf("put: %v, %v", done, err)
	}
	_, _, getErr := s.Get(t.Context(), sp, "x")
	_, namesErr := s.Names(t.Context(), sp, "")
	_, forgetErr := s.Forget(t.Context(), "pbert")
	for name, err := range map[string]error{
		"get": getErr, "names": namesErr, "move": s.Move(t.Context(), "panna", "pbert"), "forget": forgetErr,
		"export": s.Export(t.Context(), "pbert", func(storage.Entry) error { return nil }),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if done, err := s.Put(t.Context(), storage.Write{Space: sp, Name: "x"}); !done || err != nil {
		t.Errorf("delete: %v, %v", done, err)
	}
}

func TestWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.URL(), "")
	sp := storage.Space{Skill: "notes", Person: "panna"}
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), redistest.Patience)
	defer cancel()
	for name, try := range map[string]func() error{
		"get": func() error { _, _, err := s.Get(ctx, sp, "x"); return err },
		"put": func() error {
			_, err := s.Put(ctx, storage.Write{Space: sp, Name: "x", Value: []byte("1"), Quota: 9})
			return err
		},
		"names":  func() error { _, err := s.Names(ctx, sp, ""); return err },
		"move":   func() error { return s.Move(ctx, "panna", "pbert") },
		"forget": func() error { _, err := s.Forget(ctx, "panna"); return err },
		"export": func() error { return s.Export(ctx, "panna", func(storage.Entry) error { return nil }) },
	} {
		if err := try(); fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) || ctx.Err() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
