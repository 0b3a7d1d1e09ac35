package alone

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
)

// spareLines is how many more lines than notes the journal may have before it is written
// anew, beside as many as there are notes.
const spareLines = 4096

// journal is a file of notes, a line for each change. A nil journal keeps nothing.
type journal struct {
	path  string
	log   zerolog.Logger
	file  *os.File
	lines int
	// broken is set behind a failure: the next change writes all anew.
	broken, closed bool
}

// line is what is kept under one name since then; one without a time is gone.
type line struct {
	Account core.Account `json:"a"`
	Kind    string       `json:"k"`
	Key     string       `json:"n"`
	Put     bool         `json:"p,omitempty"`
	Value   []byte       `json:"v,omitempty"`
	Marks   []lineMark   `json:"m,omitempty"`
	// Until and At are milliseconds since 1970.
	Until int64 `json:"u,omitempty"`
}

type lineMark struct {
	Name  string `json:"n"`
	Rank  int    `json:"r"`
	Value []byte `json:"v,omitempty"`
	At    int64  `json:"t"`
}

func lineOf(name core.Note, n *note) line {
	l := line{Account: name.Account, Kind: name.Kind, Key: name.Key}
	if n == nil {
		return l
	}
	l.Put, l.Value, l.Until = n.put, n.value, n.until.UnixMilli()
	for _, m := range n.marks {
		l.Marks = append(l.Marks, lineMark{m.name, m.rank, m.value, m.at.UnixMilli()})
	}
	return l
}

func (l line) note() *note {
	n := &note{value: l.Value, put: l.Put, until: time.UnixMilli(l.Until)}
	for _, m := range l.Marks {
		n.marks = append(n.marks, mark{m.Name, m.Rank, m.Value, time.UnixMilli(m.At)})
	}
	return n
}

// readJournal gives the notes of a journal that are not over. A line that cannot be read is
// left out: the last one may be half written.
func readJournal(path string, now time.Time) (noted, error) {
	kept := noted{}
	data, err := os.ReadFile(path) //nolint:gosec // in the hub's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	for text := range bytes.Lines(data) {
		var l line
		if json.Unmarshal(text, &l) != nil || l.Key == "" {
			continue
		}
		name := core.Note{Account: l.Account, Kind: l.Kind, Key: l.Key}
		if delete(kept, name); l.Until > now.UnixMilli() {
			kept[name] = l.note()
		}
	}
	return kept, nil
}

// write appends what is kept under a name now.
func (j *journal) write(name core.Note, all noted) error {
	switch {
	case j == nil:
		return nil
	case j.closed:
		return fs.ErrClosed
	}
	if j.broken || j.lines > 2*len(all)+spareLines {
		return j.rewrite(all)
	}
	data, err := json.Marshal(lineOf(name, all[name]))
	if err == nil {
		_, err = j.file.Write(append(data, '\n'))
	}
	j.lines++
	j.broken = err != nil
	return err
}

// rewrite makes the journal hold these notes and no others.
func (j *journal) rewrite(all noted) (err error) {
	j.broken = true
	next := j.path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // in the hub's own directory
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	enc := json.NewEncoder(out)
	for name, n := range all {
		if err = enc.Encode(lineOf(name, n)); err != nil {
			break
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = os.Rename(next, filepath.Clean(j.path))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if old := j.file; old != nil {
		if err := old.Close(); err != nil {
			j.log.Warn().Err(err).Msg("an old file of notes was not closed")
		}
	}
	j.file, j.lines, j.broken = f, len(all), false // f goes on at its end
	return nil
}

func (j *journal) close() error {
	if j == nil || j.closed {
		return nil
	}
	j.closed = true
	return j.file.Close()
}
