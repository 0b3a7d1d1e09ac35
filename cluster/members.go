package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

const (
	// AnnounceEvery is how often a node says that it is there.
	AnnounceEvery = 10 * time.Second
	// MemberFor is how long a node counts as there after it said so.
	MemberFor = 35 * time.Second
	// SkewWarn is the difference between a node's clock and the server's that is told of.
	SkewWarn = 2 * time.Second
)

// Member is a node as it announces itself.
type Member struct {
	// ID is unlike that of any other process; it begins with the node's name.
	ID      string    `json:"id"`
	Version string    `json:"version"`
	Address string    `json:"address,omitempty"`
	Started time.Time `json:"started"`
	// Format is that of the stores this release works on. Nodes whose formats differ do
	// not belong on the same stores.
	Format string `json:"format,omitempty"`
	// Config is a digest of what is to be equal on all nodes. While a change is rolled out
	// it differs.
	Config string `json:"config,omitempty"`
	// Holds are the names of the leases it has.
	Holds []string `json:"holds,omitempty"`
	// Lag is how long the oldest message waits that this node could take.
	Lag time.Duration `json:"lag,omitempty"`
	// Skew is how far the server's clock is ahead of the node's, when it was last measured.
	// It is known to a part of the time that an announcement takes.
	Skew time.Duration `json:"skew,omitempty"`
	// Seen is when the node said so last, on the server's clock.
	Seen time.Time `json:"-"`
}

// Members are the nodes that are there.
type Members interface {
	// Node is the id of this node, which Announce puts into the Member.
	Node() string
	// Announce says that this node is there, for MemberFor. It measures the node's clock,
	// and gives all nodes that are there, this one included, by id.
	Announce(ctx context.Context, about Member) ([]Member, error)
	// Members gives all nodes that are there, by id.
	Members(ctx context.Context) ([]Member, error)
	// Leave says that this node is not there any more.
	Leave(ctx context.Context) error
}

// Attendance is how a node attends. Members and About are required.
type Attendance struct {
	Members Members
	// About tells how the node is now. It must not block.
	About func() Member
	// Saw is given all nodes, each time they were asked for. May be nil.
	Saw func([]Member)
	Log zerolog.Logger
}

// Attend announces this node until ctx ends, then takes leave. It tells the log who
// comes and goes, of a clock that is wrong, and of nodes that do not fit to this one.
func Attend(ctx context.Context, a Attendance) error {
	w := watch{log: a.Log, self: a.Members.Node()}
	tick := time.NewTicker(AnnounceEvery)
	defer tick.Stop()
	for {
		all, err := a.Members.Announce(ctx, a.About())
		switch {
		case ctx.Err() != nil:
		case err != nil:
			a.Log.Warn().Err(err).Msg("this node cannot say that it is there")
		default:
			w.look(all)
			if a.Saw != nil {
				a.Saw(all)
			}
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := a.Members.Leave(leaving); err != nil {
			a.Log.Debug().Err(err).Msg("leaving without a word; the other nodes will notice")
		}
		return nil
	}
}

// watch remembers what was told, so that it is told once.
type watch struct {
	log     zerolog.Logger
	self    string
	before  map[string]Member
	skewed  bool
	differs map[string]bool
}

func (w *watch) look(all []Member) {
	now, differs := map[string]Member{}, map[string]bool{}
	at := slices.IndexFunc(all, func(m Member) bool { return m.ID == w.self })
	if at < 0 {
		return // too slow to be there in its own eyes
	}
	self := all[at]
	for _, m := range all {
		now[m.ID] = m
		if _, known := w.before[m.ID]; !known && m.ID != w.self {
			w.log.Info().Str("node", m.ID).Str("version", m.Version).Str("address", m.Address).Msg("a node is there")
		}
		if m.Format != self.Format || m.Config != self.Config {
			differs[m.ID] = true
			if !w.differs[m.ID] {
				w.differ(self, m)
			}
		}
	}
	for id := range w.before {
		if _, there := now[id]; !there {
			w.log.Info().Str("node", id).Msg("a node is gone")
		}
	}
	skewed := self.Skew.Abs() > SkewWarn
	if skewed && !w.skewed {
		w.log.Warn().Dur("behind", self.Skew).Msg("the clock of this node is not that of Redis: dates are wrong, and signed webhooks may be refused; set it by NTP")
	}
	w.before, w.differs, w.skewed = now, differs, skewed
}

func (w *watch) differ(self, m Member) {
	if m.Format != self.Format {
		w.log.Error().Str("node", m.ID).Str("version", m.Version).Str("format", m.Format).Str("own", self.Format).
			Msg("a node works on stores of another format; let all nodes have one version")
		return
	}
	w.log.Warn().Str("node", m.ID).Msg("a node has another configuration; give all nodes the same")
}
