package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/queue"
)

// memoryFile is the file of what adapters remember, in the data folder of a hub alone.
const memoryFile = "adapters.jsonl"

// storeFormat is that of what nodes share. Nodes of another one do not go together with
// these; the queue refuses theirs.
const storeFormat = "1"

// lagTimeout bounds the look at how long messages wait.
const lagTimeout = time.Second

const (
	// startPatience is how long a start waits for a Redis or PostgreSQL that cannot be
	// reached, which often start at the same moment; startPause spaces its tries.
	startPatience = 10 * time.Second
	startPause    = 500 * time.Millisecond
)

// openPatiently opens the stores and takes this node's place. What a human must mend
// ends it at once.
func openPatiently(ctx context.Context, cfg *configs.Config, log zerolog.Logger) (*stores, error) {
	until := time.Now().Add(startPatience)
	for {
		s, err := openStores(ctx, cfg, log)
		if err == nil {
			if err = s.enter(ctx, cfg, log.With().Str("room", "nodes").Logger()); err == nil {
				return s, nil
			}
			err = errors.Join(err, s.close())
		}
		if fault.ClassOf(err) != fault.Retryable || time.Now().After(until) {
			return nil, err
		}
		log.Warn().Err(err).Msg("the stores cannot be opened yet, trying again")
		select {
		case <-time.After(startPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// enter takes what a running hub needs beside its stores: the data folder for itself, and
// its place among the nodes.
func (s *stores) enter(ctx context.Context, cfg *configs.Config, log zerolog.Logger) error {
	if err := s.lockOnce(cfg); err != nil {
		return err
	}
	if err := s.records.Enter(ctx, cfg.Redis.URL.IsZero()); err != nil {
		return err
	}
	return s.openCluster(ctx, cfg, log)
}

// openCluster joins the other nodes; without Redis there are none.
func (s *stores) openCluster(ctx context.Context, cfg *configs.Config, log zerolog.Logger) error {
	if cfg.Redis.URL.IsZero() {
		e := alone.New()
		s.closers = append(s.closers, e.Close)
		s.memory = e
		return e.Remember(filepath.Join(cfg.DataDir, memoryFile), log)
	}
	e, err := openRedis(ctx, cfg, log)
	if err != nil {
		return err
	}
	s.cluster, s.memory, s.closers = e, e, append(s.closers, e.Close)
	identity, err := s.records.Identity(ctx)
	if err != nil {
		return err
	}
	err = e.Claim(ctx, identity)
	if fault.ClassOf(err) == fault.NeedsHuman && cfg.Postgres.URL.IsZero() {
		err = fault.New(fault.NeedsHuman, "more than one node needs postgres.url beside redis.url", err)
	}
	return err
}

func openRedis(ctx context.Context, cfg *configs.Config, log zerolog.Logger) (*redisc.Engine, error) {
	r := cfg.Redis
	certificates, err := r.TLS()
	if err != nil {
		return nil, err
	}
	return redisc.Open(ctx, redisc.Options{
		URL: r.URL, SentinelUser: r.SentinelUser, SentinelPassword: r.SentinelPassword, TLS: certificates, Prefix: r.Prefix, Node: cfg.Node.Name, Log: log,
	})
}

// joinCluster gives the rooms above what the nodes share.
func (a *App) joinCluster() {
	if a.cluster == nil {
		return
	}
	a.topic = a.cluster
	a.singles = cluster.NewSingles(a.cluster, a.cluster.Node())
	a.single = Single(a.singles)
	a.people.share(a.cluster, a.room("people"))
}

// arrive looks who is there before this node takes anything, so that the first one does
// not take everything. Failing, it takes what it gets, and hands it on later.
func (a *App) arrive(ctx context.Context) {
	if a.cluster == nil {
		return
	}
	all, err := a.cluster.Announce(ctx, a.member()) //nolint:contextcheck // it is asked without one elsewhere too
	if err != nil {
		a.log.Warn().Err(err).Msg("the other nodes cannot be seen yet")
		return
	}
	a.saw(all)
}

// limiter is the one that all nodes share; nil for a hub alone.
func (a *App) limiter() adapters.Limiter {
	if a.cluster == nil {
		return nil
	}
	return newLimits(a.cluster, a.adapters)
}

// attend says to the other nodes that this one is there, until ctx ends.
func (a *App) attend(ctx context.Context) error {
	if a.cluster == nil {
		<-ctx.Done()
		return nil
	}
	return cluster.Attend(ctx, cluster.Attendance{Members: a.cluster, About: a.member, Saw: a.saw, Log: a.room("nodes")})
}

// member is this node as the others see it.
func (a *App) member() cluster.Member {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	m := cluster.Member{
		ID: a.cluster.Node(), Format: storeFormat, Version: a.o.Version, Address: a.address, Started: a.started, Config: digest(a.running.Load()), Holds: a.singles.Holds(),
	}
	if s, err := a.queue.Stats(ctx, queue.Inbox); err == nil && !s.Oldest.IsZero() {
		m.Lag = max(time.Since(s.Oldest), 0)
	}
	return m
}

// saw takes in which nodes are there.
func (a *App) saw(all []cluster.Member) {
	a.singles.Saw(all)
	a.nodes.set(all)
}

// nodeStates tells of the nodes that this one saw last, for the metrics.
func (a *App) nodeStates() []telemetry.NodeState {
	var out []telemetry.NodeState
	for _, m := range a.nodes.get() {
		out = append(out, telemetry.NodeState{Node: m.ID, Holds: len(m.Holds), Lag: m.Lag, Skew: m.Skew})
	}
	return out
}

// nodes are those that were seen last.
type nodes struct {
	mu  sync.Mutex
	all []cluster.Member
}

func (n *nodes) set(all []cluster.Member) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = all
}

func (n *nodes) get() []cluster.Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all
}

// digest stands for what is to be equal on all nodes: everything but where a node listens,
// keeps its own and is called. No secret is in it.
func digest(cfg *configs.Config) string {
	own := *cfg
	own.HTTP.Listen, own.DataDir, own.Node = "", "", configs.Node{}
	text, err := own.Redacted()
	if err != nil {
		return "" // it was printed before, or will be: nothing depends on it
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// Single has accounts ask the leases of the cluster who of the nodes receives.
func Single(s *cluster.Singles) adapters.Single { return singles{s} }

type singles struct{ *cluster.Singles }

// Hold implements adapters.Single.
func (s singles) Hold(ctx context.Context, c adapters.Claim, standby func(holder string)) (adapters.Held, error) {
	held, err := s.Singles.Hold(ctx, string(c.Account), c.Name, c.Of, standby)
	if err != nil {
		return nil, err
	}
	return held, nil
}
