package discord

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"
)

const (
	// maxRecent is how many channels are remembered for catching up.
	maxRecent = 200
	// maxPlace bounds the session file.
	maxPlace = 1 << 20
)

// place is where the gateway session stands: everything up to Seq was stored.
type place struct {
	Session   string `json:"session,omitempty"`
	ResumeURL string `json:"resume_url,omitempty"`
	Seq       int64  `json:"seq,omitempty"`
	Self      string `json:"self,omitempty"`
	// Recent are the channels somebody wrote in, the latest last, with their last
	// stored message.
	Recent []spot `json:"recent,omitempty"`
	// Behind is true while messages between two sessions are still to be read.
	Behind bool `json:"behind,omitempty"`

	path string
	log  zerolog.Logger
}

// spot is how far a channel was read.
type spot struct {
	Channel string `json:"channel"`
	Guild   string `json:"guild,omitempty"`
	Last    string `json:"last"`
}

// loadPlace reads the session file. One that is not there or cannot be read means a
// new session.
func loadPlace(path string, log zerolog.Logger) *place {
	p := &place{path: path, log: log}
	if path == "" {
		return p
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file in the configuration
	if err != nil {
		return p
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxPlace))
	if err == nil {
		err = json.Unmarshal(data, p)
	}
	if err != nil {
		log.Warn().Err(err).Msg("the session file cannot be read; a new session begins")
		return &place{path: path, log: log}
	}
	return p
}

// save writes the session file. Failing costs a restart what was said during it.
func (p *place) save() {
	if p.path == "" {
		return
	}
	data, err := json.Marshal(p)
	if err == nil {
		next := p.path + ".new"
		if err = os.WriteFile(next, data, 0o600); err == nil {
			err = os.Rename(next, filepath.Clean(p.path))
		}
	}
	if err != nil {
		p.log.Warn().Err(err).Msg("the session file cannot be written")
	}
}

// lose ends the session: Discord does not know it any more.
func (p *place) lose() {
	p.Session, p.ResumeURL, p.Seq = "", "", 0
}

// saw takes in that a message was stored.
func (p *place) saw(channel, guild, message string) {
	at := slices.IndexFunc(p.Recent, func(r spot) bool { return r.Channel == channel })
	now := spot{channel, guild, message}
	if at >= 0 {
		if newer(p.Recent[at].Last, message) {
			now.Last = p.Recent[at].Last
		}
		p.Recent = slices.Delete(p.Recent, at, at+1)
	}
	p.Recent = append(p.Recent, now)
	if len(p.Recent) > maxRecent {
		p.Recent = slices.Delete(p.Recent, 0, 1)
	}
}
