package redisc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

var (
	memberAnnounceScript = script("member-announce")
	clusterClaimScript   = script("cluster-claim")
)

// members is what an engine keeps of nodes.
type members struct {
	e  *Engine
	id string
	// clock is this node's.
	clock func() time.Time

	mu sync.Mutex
	// skew is what was measured last.
	skew time.Duration
}

var _ cluster.Members = (*Engine)(nil)

// Node implements cluster.Members.
func (m *members) Node() string { return m.id }

// Announce implements cluster.Members. What it measured of the clock stands in its
// answer at once, and with the others from the next time on.
func (m *members) Announce(ctx context.Context, about cluster.Member) ([]cluster.Member, error) {
	m.mu.Lock()
	about.ID, about.Skew = m.id, m.skew
	m.mu.Unlock()
	body, err := json.Marshal(about)
	if err != nil {
		return nil, fault.New(fault.Bug, "announce node", err)
	}
	sent := m.clock()
	all, server, err := m.call(ctx, "announce node", m.id, string(body))
	if err != nil {
		return nil, err
	}
	took := m.clock().Sub(sent)
	skew := server.Sub(sent.Add(took / 2).Round(0))
	if skew.Abs() <= took/2 {
		skew = 0 // no more than the call may be wrong by
	}
	m.mu.Lock()
	m.skew = skew
	m.mu.Unlock()
	for i := range all {
		if all[i].ID == m.id {
			all[i].Skew = skew
		}
	}
	return all, nil
}

// Members implements cluster.Members.
func (m *members) Members(ctx context.Context) ([]cluster.Member, error) {
	all, _, err := m.call(ctx, "list nodes", "", "")
	return all, err
}

// Leave implements cluster.Members.
func (m *members) Leave(ctx context.Context) error {
	_, _, err := m.call(ctx, "leave", m.id, "")
	return err
}

func (m *members) call(ctx context.Context, what, id, about string) (all []cluster.Member, server time.Time, err error) {
	keys := []string{membersKey(m.e.o.Prefix), heardKey(m.e.o.Prefix)}
	answer, err := m.e.run(ctx, what, memberAnnounceScript, keys, id, about, cluster.MemberFor.Milliseconds())
	if err != nil {
		return nil, server, err
	}
	parts, _ := answer.([]any)
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		text, _ := p.(string)
		texts = append(texts, text)
	}
	if len(texts)%3 != 1 {
		return nil, server, fault.New(fault.Retryable, what, fmt.Errorf("unknown answer %v", answer))
	}
	for i := 1; i < len(texts); i += 3 {
		var one cluster.Member
		if json.Unmarshal([]byte(texts[i+2]), &one) != nil {
			m.e.log.Warn().Str("node", texts[i]).Msg("a node says of itself what this version cannot read")
		}
		one.ID, one.Seen = texts[i], asTime(texts[i+1])
		all = append(all, one)
	}
	slices.SortFunc(all, func(x, y cluster.Member) int { return cmp.Compare(x.ID, y.ID) })
	return all, asTime(texts[0]), nil
}

// asTime reads a time of the server.
func asTime(text string) time.Time {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(n))
}

// Claim says whose keys these are: the first to come lays identity down, and all others
// must have the same. It is what is the same on all nodes of a hub for as long as it
// lives, as the identity of its records; two hubs on the same keys would take each other's
// messages. A hub with another identity gets a fault that needs a human and names both.
func (m *members) Claim(ctx context.Context, identity string) error {
	if identity == "" {
		return fault.New(fault.Bug, "claim cluster", errors.New("no identity"))
	}
	answer, err := m.e.run(ctx, "claim cluster", clusterClaimScript, []string{claimKey(m.e.o.Prefix)}, identity)
	if err != nil {
		return err
	}
	if answer != identity {
		return fault.New(fault.NeedsHuman, "claim cluster", fmt.Errorf(
			"the keys under prefix %q belong to another hub: it is %v, this one is %s; give each hub a Redis, a database number or a prefix of its own (or the records that belong to these keys)",
			m.e.o.Prefix, answer, identity))
	}
	return nil
}
