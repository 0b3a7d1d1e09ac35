package redisc

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

var (
	seriesAppendScript = script("series-append")
	seriesSinceScript  = script("series-since")
)

var _ cluster.Series = (*Engine)(nil)

var errOddSeries = errors.New("a series in Redis has another form than this release writes")

// Append implements cluster.Series. A Redis that is full refuses it.
func (e *Engine) Append(ctx context.Context, name string, value []byte, ttl time.Duration) (before, at string, err error) {
	const op = "append"
	if err := cluster.CheckSeries(name, value, ttl); err != nil {
		return "", "", err
	}
	answer, err := e.run(ctx, op, seriesAppendScript, []string{seriesKey(e.o.Prefix, name)},
		value, lifeOf(ttl), cluster.MaxSeries, cluster.MaxSeriesBytes)
	if err != nil {
		return "", "", sure(op, err)
	}
	parts, _ := answer.([]any)
	if len(parts) != 2 {
		return "", "", fault.New(fault.NeedsHuman, op, errOddSeries)
	}
	before, _ = parts[0].(string)
	at, _ = parts[1].(string)
	return before, at, nil
}

// Since implements cluster.Series.
func (e *Engine) Since(ctx context.Context, name, after string, tell func(at string, value []byte, left time.Duration)) error {
	const op = "read series"
	if err := cluster.CheckSeries(name, nil, time.Second); err != nil {
		return err
	}
	for {
		answer, err := e.run(ctx, op, seriesSinceScript, []string{seriesKey(e.o.Prefix, name)}, after, cluster.SeriesPage)
		if err != nil {
			return sure(op, err)
		}
		parts, _ := answer.([]any)
		if len(parts) == 0 {
			return nil
		}
		now, _ := parts[0].(int64)
		entries, _ := parts[len(parts)-1].([]any)
		for _, entry := range entries {
			text, _ := entry.(string)
			at, left, value, ok := entryOf(text, now)
			if !ok {
				return fault.New(fault.NeedsHuman, op, errOddSeries)
			}
			if after = at; left > 0 {
				tell(at, []byte(value), left)
			}
		}
		if len(entries) < cluster.SeriesPage {
			return nil
		}
	}
}

// entryOf reads an entry as the script writes it; now is in milliseconds.
func entryOf(text string, now int64) (at string, left time.Duration, value string, ok bool) {
	parts := strings.SplitN(text, ",", 4)
	if len(parts) != 4 {
		return "", 0, "", false
	}
	until, err := strconv.ParseInt(parts[1], 10, 64)
	return parts[0], time.Duration(until-now) * time.Millisecond, parts[3], err == nil
}
