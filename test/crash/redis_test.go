package crash

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-hub/parley/test/redistest"
)

// redisForm is a Redis that survives the death of one of its servers.
type redisForm interface {
	url() string
	// masters are those that take writes now.
	masters() []*redistest.Server
	// replaced is nil when another server has the place of a dead master.
	replaced(dead *redistest.Server) error
	// whole is nil when every master has a replica that follows: then one may die.
	whole() error
}

// newRedis starts one of the forms, with a proxy at every address that is announced.
func newRedis(t *testing.T, form string, front redistest.Front) redisForm {
	t.Helper()
	switch form {
	case "sentinel":
		return sentinels{redistest.StartSentinelsBehind(t, front)}
	case "cluster":
		return shards(redistest.StartClusterBehind(t, front))
	}
	t.Fatalf("-redis %s: sentinel or cluster", form)
	return nil
}

type sentinels struct{ *redistest.Sentinels }

func (s sentinels) url() string { return s.URL() }

func (s sentinels) masters() []*redistest.Server {
	if now := s.now(); now != nil {
		return []*redistest.Server{now}
	}
	return nil
}

// now is the master as all Sentinels see it; nil while they do not agree.
func (s sentinels) now() *redistest.Server {
	var found *redistest.Server
	for _, w := range s.Watchers {
		address, _ := w.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main").([]any)
		if len(address) != 2 {
			return nil
		}
		var here *redistest.Server
		for _, server := range []*redistest.Server{s.Master, s.Replica} {
			if fmt.Sprint(server.Announced) == address[1] {
				here = server
			}
		}
		if found != nil && found != here {
			return nil
		}
		found = here
	}
	return found
}

func (s sentinels) replaced(dead *redistest.Server) error {
	if now := s.now(); now == nil || now == dead {
		return fmt.Errorf("the Sentinels name %v", now)
	}
	return nil
}

func (s sentinels) whole() error {
	now := s.now()
	if now == nil {
		return errors.New("the Sentinels do not agree")
	}
	if err := followed(now); err != nil {
		return err
	}
	for _, w := range s.Watchers {
		if info, _ := w.Do("INFO", "sentinel").(string); !strings.Contains(info, "status=ok") {
			return fmt.Errorf("sentinel: %s", info)
		}
	}
	return nil
}

// followed is nil when a server is a master whose replica follows.
func followed(s *redistest.Server) error {
	info, err := s.Try("INFO", "replication")
	if text, _ := info.(string); err != nil || !strings.Contains(text, "role:master") || !strings.Contains(text, "state=online") {
		return errors.Join(fmt.Errorf("replication: %v", info), err)
	}
	return nil
}

// shards is a Redis Cluster.
type shards []*redistest.Server

func (s shards) url() string { return redistest.ClusterURL(s) }

// masters are those that call themselves so and answer for slots.
func (s shards) masters() []*redistest.Server {
	var out []*redistest.Server
	for _, n := range s {
		known, err := n.Try("CLUSTER", "NODES")
		text, _ := known.(string)
		for line := range strings.Lines(text) {
			if err == nil && strings.Contains(line, "myself,master") && len(strings.Fields(line)) > 8 {
				out = append(out, n)
			}
		}
	}
	return out
}

func (s shards) replaced(dead *redistest.Server) error {
	n := 0
	for _, m := range s.masters() {
		if m != dead {
			n++
		}
	}
	if n != 3 {
		return fmt.Errorf("%d masters", n)
	}
	return nil
}

func (s shards) whole() error {
	masters := s.masters()
	if len(masters) != 3 {
		return fmt.Errorf("%d masters", len(masters))
	}
	for _, m := range masters {
		if err := followed(m); err != nil {
			return err
		}
	}
	for _, n := range s {
		if info, err := n.Try("CLUSTER", "INFO"); err != nil || !strings.Contains(fmt.Sprint(info), "cluster_state:ok") {
			return errors.Join(fmt.Errorf("cluster: %v", info), err)
		}
		if known, err := n.Try("CLUSTER", "NODES"); err != nil || strings.Contains(fmt.Sprint(known), "fail") {
			return errors.Join(fmt.Errorf("cluster: %v", known), err)
		}
	}
	return nil
}
