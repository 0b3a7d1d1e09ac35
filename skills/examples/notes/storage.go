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

// keep stores a note under a name that sorts by time, and is the same when the turn runs
// again: the note is not there twice then.
func keep(ctx context.Context, t *skills.Turn, text string) error {
	sum := sha256.Sum256([]byte(t.ID))
	name := fmt.Sprintf("%013d-%s", t.Envelope.SentAt.UnixMilli(), hex.EncodeToString(sum[:4]))
	return t.World.PersonStorage().Set(ctx, name, []byte(text))
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
