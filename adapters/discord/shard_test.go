package discord_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/discord"
)

// kept is what a node leaves for the next.
type kept struct {
	mu    sync.Mutex
	state []byte
	stale bool
}

func (k *kept) State() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

func (k *kept) Save(_ context.Context, state []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stale {
		return errors.New("not held any more")
	}
	k.state = state
	return nil
}

// runPart starts one life of a shard.
func runPart(t *testing.T, a *discord.Adapter, name string, k adapters.Keeper, in adapters.Inbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			if err := a.RunPart(ctx, name, k, in); err != nil && fault.ClassOf(err) != fault.Retryable {
				t.Errorf("%s: class %s: %v", name, fault.ClassOf(err), err)
			}
		}
	})
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	t.Cleanup(stop)
	return stop
}

// Another node goes on in the same session: a reaction comes too, for which Discord
// cannot be asked in a new one.
func TestNextNodeResumes(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	in, k, chat := newInbox(), &kept{}, s.Chat(0).Chat
	const name = "shard 0/1"
	stop := runPart(t, s.adapter(), name, k, in)
	s.connected()
	s.Say(chat, "one")
	in.await(t, "one")
	stop()
	if !strings.Contains(string(k.State()), `"session"`) {
		t.Fatalf("kept is %s", k.State())
	}
	if err := s.React(string(chat), s.Server.Shown(string(chat))[0].ID, s.user(chat), "👍", false); err != nil {
		t.Fatal(err)
	}
	s.Say(chat, "two")
	runPart(t, s.adapter(), name, k, in)
	in.await(t, "one", "two")
	if e := in.nth(1); e.Kind != core.KindReaction {
		t.Errorf("between them came a %s", e.Kind)
	}
}

// A node whose keeping fails goes on: what it does not keep, the next is given again.
func TestShardGoesOnUnkept(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	in, k, chat := newInbox(), &kept{stale: true}, s.Chat(0).Chat
	runPart(t, s.adapter(), "shard 0/1", k, in)
	s.connected()
	s.Say(chat, "one")
	in.await(t, "one")
}

// All shards of a hub alone are run together, each with a session file of its own.
func TestAllShardsAlone(t *testing.T) {
	s := newSimulated(t, simulator.Options{RequiredShards: 2})
	dir := t.TempDir()
	many := func(set *adapters.Settings, c *discord.Config) { c.Shards, set.StateDir = 2, dir }
	ann := s.AddUser("Ann")
	channels := []string{s.OpenDM(ann), guildOn(t, s, ann, 0, 2), guildOn(t, s, ann, 1, 2)}
	in := newInbox()
	for life := range 2 {
		a := s.adapter(many)
		if got := a.Describe().Singles; !slices.Equal(got, []string{"shard 0/2", "shard 1/2"}) {
			t.Errorf("singles are %q", got)
		}
		stop, _ := run(t, a, in)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := s.Wait(ctx, func() bool { return s.Connected() == 2 }); err != nil {
			t.Fatal(err)
		}
		cancel()
		for _, channel := range channels {
			if _, err := s.Server.Say(channel, ann, "hello"); err != nil {
				t.Fatal(err)
			}
		}
		in.awaitAny(t, 3+life*6)
		stop()
		for _, channel := range channels { // the next life hears of it
			if _, err := s.Server.Say(channel, ann, "meanwhile"); err != nil {
				t.Fatal(err)
			}
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.again > 0 {
		t.Errorf("%d came again: each shard was to resume where it was", in.again)
	}
}

// guildOn makes a server of people whose events go to a shard, with a channel.
func guildOn(t *testing.T, s *simulated, person string, shard, of uint64) string {
	t.Helper()
	for {
		guild := s.AddGuild("Team", person)
		id, err := strconv.ParseUint(guild, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if (id>>22)%of == shard {
			return s.AddChannel(guild, "general")
		}
	}
}

// What Discord does not take of shards is told to who can mend it.
func TestTooFewShards(t *testing.T) {
	s := newSimulated(t, simulator.Options{RequiredShards: 3})
	_, ended := run(t, s.adapter(), newInbox())
	if err := fails(t, ended); fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "set shards") {
		t.Errorf("class %s: %v", fault.ClassOf(err), err)
	}
	if err := s.adapter().RunPart(t.Context(), "shard 7/9", nil, newInbox()); fault.ClassOf(err) != fault.Bug {
		t.Errorf("a shard of another: %v", err)
	}
}

// A session that another node began at the same time is turned away, and begun later.
func TestTurnedAwayForNow(t *testing.T) {
	var mu sync.Mutex
	now := time.Unix(1_700_000_000, 0)
	s := newSimulated(t, simulator.Options{
		RequiredShards: 2, Limits: simulator.Limits{MaxConcurrency: 1},
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		},
	})
	two := func(_ *adapters.Settings, c *discord.Config) { c.Shards = 2 }
	first, second := s.adapter(two), s.adapter(two)
	runPart(t, first, "shard 0/2", nil, newInbox())
	s.connected()
	err := second.RunPart(t.Context(), "shard 1/2", nil, newInbox())
	if fault.ClassOf(err) != fault.Retryable || fault.Wait(err) < time.Second {
		t.Errorf("class %s, wait %v: %v", fault.ClassOf(err), fault.Wait(err), err)
	}
}
