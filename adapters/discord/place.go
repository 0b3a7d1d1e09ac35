package discord

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
)

const (
	// maxRecent is how many channels are remembered for catching up.
	maxRecent = 200
	// maxPlace bounds the session file.
	maxPlace = 1 << 20
	// keepEvery is how often the place is kept for other nodes while much comes in,
	// keepWithin how long that may take.
	keepEvery  = time.Second
	keepWithin = 2 * time.Second
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

	// write keeps it, at most once in pace; next is when it may again.
	write func([]byte) error
	pace  time.Duration
	next  time.Time
	log   zerolog.Logger
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
	if path == "" {
		return &place{log: log}
	}
	write := func(data []byte) error {
		next := path + ".new"
		if err := os.WriteFile(next, data, 0o600); err != nil {
			return err
		}
		return os.Rename(next, filepath.Clean(path))
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file in the configuration
	if err != nil {
		return &place{write: write, log: log}
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxPlace))
	if err != nil {
		log.Warn().Err(err).Msg("the session file cannot be read; a new session begins")
		data = nil
	}
	return readPlace(data, write, 0, log)
}

// keptPlace reads where the node before stood. What is kept last is kept though ctx is over.
func keptPlace(ctx context.Context, keep adapters.Keeper, log zerolog.Logger) *place {
	return readPlace(keep.State(), func(data []byte) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepWithin)
		defer cancel()
		return keep.Save(ctx, data)
	}, keepEvery, log)
}

func readPlace(data []byte, write func([]byte) error, pace time.Duration, log zerolog.Logger) *place {
	p := &place{}
	if len(data) > 0 {
		if err := json.Unmarshal(data, p); err != nil {
			log.Warn().Err(err).Msg("the session that was kept cannot be read; a new one begins")
			p = &place{}
		}
	}
	p.write, p.pace, p.log = write, pace, log
	return p
}

// saveSoon saves unless that was done lately. Whoever goes on from an older place is
// given again what was stored since, which changes nothing.
func (p *place) saveSoon() {
	if now := time.Now(); !now.Before(p.next) {
		p.next = now.Add(p.pace)
		p.save()
	}
}

// save keeps the place. Failing costs a restart what was said during it.
func (p *place) save() {
	if p.write == nil {
		return
	}
	data, err := json.Marshal(p)
	if err == nil {
		err = p.write(data)
	}
	if err != nil {
		p.log.Warn().Err(err).Msg("the session cannot be kept")
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
