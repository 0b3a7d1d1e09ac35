package world

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// What a program may keep of files in one turn.
const (
	maxKept = 32
	// maxKeptBytes is looked at before a file comes, which has a bound of its own.
	maxKeptBytes = 64 << 20
)

var errKept = errors.New("more files than a turn may keep")

// own is what belongs to one turn of a program: whatever else it names it may have made up,
// or heard in another turn. Names of files in particular can be computed, and some have an
// address in them that the hub would call.
type own struct {
	skill string
	world *world
	files skills.Files

	mu    sync.Mutex
	known map[any]bool // core.FileRef and core.BlobRef
	kept  int
	bytes int64
}

func newOwn(w *world) *own {
	o := &own{skill: w.m.Name, world: w, files: w.t.Files, known: map[any]bool{}}
	for _, p := range w.t.Envelope.Parts {
		if m, ok := p.(core.Media); ok {
			o.know(m)
		}
	}
	return o
}

func (o *own) know(m core.Media) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m.File != "" {
		o.known[m.File] = true
	}
	if m.Blob != "" {
		o.known[m.Blob] = true
	}
}

// owns tells whether a media's bytes are the turn's.
func (o *own) owns(m core.Media) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return (m.File == "" || o.known[m.File]) && (m.Blob == "" || o.known[m.Blob])
}

// foreign names what is another's in something that is said; nothing for none.
func (o *own) foreign(parts []core.Part) (skills.Permission, string) {
	for _, p := range parts {
		switch p := p.(type) {
		case core.Media:
			if !o.owns(p) {
				return skills.PermitFile, "send a file of another turn"
			}
		case core.Buttons:
			for _, row := range p.Rows {
				for _, b := range row {
					if b.Data != "" && !strings.HasPrefix(b.Data, o.skill+":") {
						return skills.PermitButton, "a button of another skill"
					}
				}
			}
		}
	}
	return "", ""
}

// Open implements skills.Files.
func (o *own) Open(ctx context.Context, m core.Media) (io.ReadCloser, error) {
	if !o.owns(m) {
		return nil, o.world.denied(skills.PermitFile, "read a file of another turn")
	}
	return o.files.Open(ctx, m)
}

// Keep implements skills.Files.
func (o *own) Keep(ctx context.Context, m core.Media, r io.Reader) (core.Media, error) {
	o.mu.Lock()
	full := o.kept >= maxKept || o.bytes >= maxKeptBytes
	o.kept++
	o.mu.Unlock()
	if full {
		err := fault.New(fault.Permanent, "skill "+o.skill, errKept)
		o.world.refused(skills.PermitFile, err)
		return core.Media{}, err
	}
	kept, err := o.files.Keep(ctx, m, r)
	if err != nil {
		return core.Media{}, err
	}
	o.mu.Lock()
	o.bytes += kept.Size
	o.mu.Unlock()
	o.know(kept)
	return kept, nil
}
