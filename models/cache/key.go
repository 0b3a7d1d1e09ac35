package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"

	"github.com/parley-hub/parley/models"
)

// schema changes when the meaning of a key or of a kept answer does.
const schema = 1

// key is the SHA-256 of everything that an answer depends on.
type key [sha256.Size]byte

func (k key) String() string { return hex.EncodeToString(k[:]) }

// form writes the canonical form of a request: every field with its length in front, so
// that no two requests have one form. It is not JSON, in which texts with different
// broken UTF-8 are the same.
type form struct{ h hash.Hash }

func (f form) number(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	f.h.Write(b[:])
}

func (f form) text(texts ...string) {
	for _, s := range texts {
		f.number(int64(len(s)))
		f.h.Write([]byte(s))
	}
}

// bytes are hashed by themselves, as media is: its hash is what goes in.
func (f form) bytes(b []byte) {
	sum := sha256.Sum256(b)
	f.h.Write(sum[:])
}

func (f form) flag(b bool) {
	if b {
		f.number(1)
	} else {
		f.number(0)
	}
}

func (f form) float(x *float64) {
	f.flag(x != nil)
	if x != nil {
		f.number(int64(math.Float64bits(*x)))
	}
}

// keyOf gives the key of a request that goes to a version of a model, under generations.
func keyOf(r models.Request, version string, generations []string) key {
	f := form{sha256.New()}
	f.number(schema)
	f.scope(r, version, generations)
	f.number(int64(len(r.Messages)))
	for _, m := range r.Messages {
		f.message(m)
	}
	return key(f.h.Sum(nil))
}

// scope is all but the messages: whose answer it is, and what gives it.
func (f form) scope(r models.Request, version string, generations []string) {
	f.text(r.For.Account, r.For.Person, r.For.Role, r.For.Skill, r.Cache.User)
	f.text(r.Model, version, r.Cache.SkillVersion, r.Cache.Locale, r.Cache.Knowledge)
	f.text(generations...)
	f.number(int64(r.MaxTokens))
	f.sampling(r.Sampling)
	f.number(int64(len(r.Tools)))
	for _, t := range r.Tools {
		f.text(t.Name, t.Description, string(t.Parameters))
	}
	f.text(string(r.ToolChoice), r.Prefix)
	f.flag(r.Format != nil)
	if r.Format != nil {
		f.text(r.Format.Name, string(r.Format.Schema))
		f.flag(r.Format.Strict)
	}
}

func (f form) sampling(s models.Sampling) {
	f.float(s.Temperature)
	f.float(s.TopP)
	f.float(s.PresencePenalty)
	f.float(s.FrequencyPenalty)
	f.flag(s.Seed != nil)
	if s.Seed != nil {
		f.number(*s.Seed)
	}
	f.number(int64(len(s.Stop)))
	f.text(s.Stop...)
}

func (f form) message(m models.Message) {
	f.text(string(m.Role), m.Text, m.Name, m.CallID)
	f.number(int64(len(m.Images)))
	for _, i := range m.Images {
		f.text(i.MIME)
		f.bytes(i.Data)
	}
	f.number(int64(len(m.Calls)))
	for _, c := range m.Calls {
		f.text(c.ID, c.Name, string(c.Arguments))
	}
}
