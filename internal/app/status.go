package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/configs"
)

// ErrNoNodes is why a hub without Redis has no status to look at from outside.
var ErrNoNodes = errors.New("status asks Redis, and no redis.url is configured: a hub alone shows how it is on its page, /readyz and /metrics")

// Status shows the nodes of a hub, what each holds, and what waits. It works beside
// running hubs.
func Status(ctx context.Context, out io.Writer, cfg *configs.Config) error {
	if cfg.Redis.URL.IsZero() {
		return ErrNoNodes
	}
	e, err := openRedis(ctx, cfg, zerolog.Nop())
	if err != nil {
		return err
	}
	all, err := e.Members(ctx)
	if err = errors.Join(err, e.Close()); err != nil { //nolint:contextcheck // closing has a bound of its own
		return err
	}
	s := &stores{}
	err = s.openQueue(ctx, cfg, zerolog.Nop())
	if err == nil {
		var b strings.Builder
		writeNodes(&b, all, time.Now())
		if err = s.writeBoxes(ctx, &b, cfg); err == nil {
			_, err = io.WriteString(out, b.String())
		}
	}
	return errors.Join(err, s.close())
}

func writeNodes(b *strings.Builder, all []cluster.Member, now time.Time) {
	if len(all) == 0 {
		b.WriteString("no node is there\n\n")
		return
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "NODE\tVERSION\tADDRESS\tUP\tLAG\tCLOCK\tCONFIG\tHOLDS")
	for _, m := range all {
		holds := strings.Join(m.Holds, ", ")
		if holds == "" {
			holds = "nothing that is single"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%+dms\t%s\t%s\n", m.ID, m.Version, m.Address,
			now.Sub(m.Started).Round(time.Second), m.Lag.Round(time.Millisecond), -m.Skew.Milliseconds(), m.Config, holds)
	}
	_ = t.Flush() // a strings.Builder takes everything
	b.WriteByte('\n')
}

func (s *stores) writeBoxes(ctx context.Context, b *strings.Builder, cfg *configs.Config) error {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "BOX\tITEMS\tREADY\tLEASED\tDELAYED\tDEAD\tOLDEST")
	for _, box := range letterBoxes(cfg) {
		st, err := s.queue.Stats(ctx, box)
		if err != nil {
			return err
		}
		oldest := "-"
		if !st.Oldest.IsZero() {
			oldest = time.Since(st.Oldest).Round(time.Millisecond).String()
		}
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%s\n", box, st.Items, st.Ready, st.Leased, st.Delayed, st.Dead, oldest)
	}
	return t.Flush()
}
