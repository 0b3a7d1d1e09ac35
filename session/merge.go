package session

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
)

// Merge makes one memory of two: own, the one of the mailbox where it happens, and
// other, which was remembered elsewhere. It gives the change of own.
//
// The histories are joined by time, each keeping its own order; where the times are
// the same, what was remembered elsewhere comes first. The pinned facts of both
// stay, the model choice is own's where it has one. Merge is total: what this build
// cannot read is kept as it is, at the place where it stood.
func Merge(ownFields map[string][]byte, ownLog [][]byte, otherFields map[string][]byte, otherLog [][]byte) Changes {
	c := Changes{Set: map[string][]byte{}}
	_, chose := ownFields[fieldModel]
	for name, theirs := range otherFields {
		ours, own := ownFields[name]
		if name == fieldModelBy && chose {
			continue // it belongs to their choice
		}
		if !own {
			c.Set[name] = theirs
		} else if merged, ok := mergeField(name, ours, theirs); ok {
			c.Set[name] = merged
		}
	}
	if len(otherLog) > 0 {
		c.Trim, c.Append = len(ownLog), mergeLogs(otherLog, ownLog)
	}
	return c
}

// mergeField joins the values of a field that both have; ok is false where own's
// stays as it is.
func mergeField(name string, ours, theirs []byte) (merged []byte, ok bool) {
	switch name {
	case fieldPinned:
		return joinLists(ours, theirs, func(theirs, ours []string) []string {
			return append(theirs, slices.DeleteFunc(ours, func(fact string) bool { return slices.Contains(theirs, fact) })...)
		})
	case fieldHeard:
		return joinLists(ours, theirs, func(theirs, ours []Line) []Line { return append(theirs, ours...) })
	case fieldAbsorbed:
		// Half for each: what waits in either mailbox is among the newest.
		return joinLists(ours, theirs, func(theirs, ours []core.EnvelopeID) []core.EnvelopeID {
			return append(newest(theirs, maxAbsorbed/2), newest(ours, maxAbsorbed/2)...)
		})
	default:
		return nil, false
	}
}

func newest[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

func joinLists[T any](ours, theirs []byte, join func(theirs, ours []T) []T) ([]byte, bool) {
	var a, b []T
	if json.Unmarshal(theirs, &a) != nil || json.Unmarshal(ours, &b) != nil {
		return nil, false
	}
	return encode(join(a, b)), true
}

// mergeLogs joins two histories by time; of the same time, first's come first.
func mergeLogs(first, second [][]byte) [][]byte {
	a, b := times(first), times(second)
	out := make([][]byte, 0, len(first)+len(second))
	for len(first) > 0 && len(second) > 0 {
		if b[0].Before(a[0]) {
			out, second, b = append(out, second[0]), second[1:], b[1:]
		} else {
			out, first, a = append(out, first[0]), first[1:], a[1:]
		}
	}
	return append(append(out, first...), second...)
}

// times gives the time of each entry of a history. It never goes back, since the
// order of a history is that of the turns, whatever their clock said; an entry that
// cannot be read stays with the one before it.
func times(log [][]byte) []time.Time {
	out := make([]time.Time, len(log))
	var last time.Time
	for i, entry := range log {
		var w struct {
			At time.Time `json:"at"`
		}
		if err := json.Unmarshal(entry, &w); err == nil && w.At.After(last) {
			last = w.At
		}
		out[i] = last
	}
	return out
}

// Apply gives a memory as it is after a change.
func (c Changes) Apply(fields map[string][]byte, log [][]byte) (map[string][]byte, [][]byte) {
	out := maps.Clone(fields)
	if out == nil {
		out = map[string][]byte{}
	}
	for name, value := range c.Set {
		if value == nil {
			delete(out, name)
		} else {
			out[name] = value
		}
	}
	return out, slices.Concat(log[min(c.Trim, len(log)):], c.Append)
}
