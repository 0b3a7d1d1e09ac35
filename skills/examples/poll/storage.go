package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// poll is what is kept of one, under its id.
type poll struct {
	Question string   `json:"question"`
	Options  []string `json:"options"`
	// Author and the voters are marks: nobody who reads this learns who voted for what, and
	// nothing of a person is left here when they have themselves forgotten.
	Author string         `json:"author"`
	Votes  map[string]int `json:"votes"`
	Ended  bool           `json:"ended,omitempty"`
}

// mark stands for a person in one poll.
func mark(id string, person core.PersonID) string {
	sum := sha256.Sum256([]byte(id + " " + string(person)))
	return hex.EncodeToString(sum[:8])
}

// An id begins with the day, so that old polls are found by their names.
const (
	day      = "20060102"
	maxAge   = 30 * 24 * time.Hour
	idLength = 6
)

// newID names the poll that a turn begins: the same one when the turn runs again.
func newID(t *skills.Turn) string {
	sum := sha256.Sum256([]byte(t.ID))
	return t.Envelope.SentAt.UTC().Format(day) + "-" + hex.EncodeToString(sum[:idLength])
}

// keep stores a new poll, and takes away those that are too old; kept is false when there is
// no room for it.
func (p poll) keep(ctx context.Context, t *skills.Turn, id string) (kept bool, err error) {
	storage := t.World.Storage()
	names, err := storage.Names(ctx, "")
	if err != nil {
		return false, err
	}
	oldest := t.Envelope.SentAt.Add(-maxAge).UTC().Format(day)
	for _, name := range names { // in order: the oldest come first
		if strings.Compare(name, oldest) >= 0 {
			break
		}
		if err := storage.Delete(ctx, name); err != nil {
			return false, err
		}
	}
	value, err := json.Marshal(p)
	if err != nil {
		return false, fault.New(fault.Bug, Name, err)
	}
	// One that is there was kept by an earlier run of this turn, and may have votes already.
	if _, err := storage.Swap(ctx, id, nil, value); errors.Is(err, skills.ErrFull) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, nil
}

// change changes a poll. Many people vote at once, perhaps on several nodes: what was read may
// be old when it is written, and then it is read again, so no vote is lost. It gives the poll
// as it is then; nil when there is none. do tells whether it changed anything.
func change(ctx context.Context, storage skills.Storage, id string, do func(*poll) bool) (*poll, error) {
	if id == "" || len(id) > skills.MaxStorageName {
		return nil, nil
	}
	for {
		was, ok, err := storage.Get(ctx, id)
		if err != nil || !ok {
			return nil, err
		}
		var p poll
		if err := json.Unmarshal(was, &p); err != nil {
			return nil, fault.New(fault.Bug, Name, err)
		}
		if !do(&p) {
			return &p, nil
		}
		now, err := json.Marshal(p)
		if err != nil {
			return nil, fault.New(fault.Bug, Name, err)
		}
		swapped, err := storage.Swap(ctx, id, was, now)
		if err != nil || swapped {
			return &p, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// result shows the votes of each option.
func (p *poll) result() string {
	counts := make([]int, len(p.Options))
	for _, option := range p.Votes {
		counts[option]++
	}
	lines := []string{p.Question}
	for i, option := range p.Options {
		bar := strings.Repeat("■", min(counts[i], 20))
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s: %d", bar, option, counts[i])))
	}
	return strings.Join(lines, "\n")
}
