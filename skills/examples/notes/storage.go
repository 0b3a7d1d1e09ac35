package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-hub/parley/skills"
)

// note is one that is kept.
type note struct{ name, text string }

// keep stores a note under a name that sorts by time and ends with its turn: when the turn runs
// again, the note is there already.
func keep(ctx context.Context, t *skills.Turn, text string) error {
	storage := t.World.PersonStorage()
	names, err := storage.Names(ctx, "")
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(t.ID))
	turn := "-" + hex.EncodeToString(sum[:8])
	if slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, turn) }) {
		return nil
	}
	return storage.Set(ctx, fmt.Sprintf("%013d", t.Now.UnixMilli())+turn, []byte(text))
}

// find gives the notes with all of these words in them, the newest first.
func find(ctx context.Context, storage skills.Storage, words string) ([]note, error) {
	names, err := storage.Names(ctx, "")
	if err != nil {
		return nil, err
	}
	slices.Reverse(names)
	var found []note
	for _, name := range names {
		text, ok, err := storage.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		if ok && has(string(text), words) {
			found = append(found, note{name, string(text)})
		}
	}
	return found, nil
}

func has(text, words string) bool {
	text = strings.ToLower(text)
	for word := range strings.FieldsSeq(strings.ToLower(words)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
