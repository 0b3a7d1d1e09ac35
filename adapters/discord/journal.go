package discord

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
)

// journal keeps the interactions that wait for an answer in a file, one line each, so that
// their tokens can be used after a crash. Failing costs no message: an answer without its
// token is an ordinary one.
type journal struct {
	path string
	// lines is how many it has; 0 until this process wrote it anew.
	lines int
	log   zerolog.Logger
}

// line is an interaction in the journal. The token opens nothing but this one answer.
type line struct {
	Envelope    core.EnvelopeID `json:"envelope"`
	ID          string          `json:"id"`
	Token       string          `json:"token"`
	Application string          `json:"application"`
	Component   bool            `json:"component,omitempty"`
	Began       time.Time       `json:"began"`
}

func (p *pending) line(id core.EnvelopeID) line {
	return line{Envelope: id, ID: p.id, Token: p.token, Application: p.application, Component: p.component, Began: p.began}
}

// pending is the interaction again. Whether Discord heard that an answer will come is not
// known; it is asked with the answer.
func (l line) pending() *pending {
	p := &pending{
		id: l.ID, token: l.Token, application: l.Application, component: l.Component, began: l.Began, deferred: make(chan struct{}),
	}
	p.settle()
	return p
}

func newJournal(path string, log zerolog.Logger) *journal { return &journal{path: path, log: log} }

// read gives the lines that can be read: the last may be half written.
func (j *journal) read() []line {
	if j.path == "" {
		return nil
	}
	data, err := os.ReadFile(j.path)
	if err != nil && !os.IsNotExist(err) {
		j.failed(err)
	}
	return linesOf(data)
}

func linesOf(data []byte) []line {
	var out []line
	for text := range bytes.Lines(data) {
		var l line
		if json.Unmarshal(text, &l) == nil && l.Envelope != "" && l.Token != "" {
			out = append(out, l)
		}
	}
	return out
}

// add appends a line; false means that the journal is to be written anew, with it.
func (j *journal) add(l line) bool {
	switch {
	case j.path == "":
		return true
	case j.lines == 0, j.lines > 2*maxPending:
		return false
	}
	data, err := json.Marshal(l)
	if err == nil {
		err = write(j.path, os.O_APPEND, append(data, '\n'))
	}
	if err != nil {
		j.failed(err)
	}
	j.lines++
	return true
}

// rewrite makes the journal hold these lines and no others.
func (j *journal) rewrite(lines []line) {
	j.lines = len(lines)
	var all bytes.Buffer
	enc := json.NewEncoder(&all)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			j.failed(err)
		}
	}
	next := j.path + ".new"
	err := write(next, os.O_TRUNC, all.Bytes())
	if err == nil {
		err = os.Rename(next, filepath.Clean(j.path))
	}
	if err != nil {
		j.failed(err)
	}
}

func write(path string, mode int, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|mode, 0o600) //nolint:gosec // in the account's own directory
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (j *journal) failed(err error) {
	j.log.Warn().Err(err).Msg("the file of interactions that wait for an answer fails; after a restart their answers are ordinary messages")
}
