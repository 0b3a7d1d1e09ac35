package redisq

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
)

const (
	// slots is how many hash slots a Redis Cluster has.
	slots = 16384
	// maxShards is what a dead letter's id has room for (commit.lua).
	maxShards = 256
	// ringSlots is how many slots the ring of known ids has (common.lua).
	ringSlots = 4
)

// shard names the keys of one shard. All of them carry its hash tag, so that a
// script may touch any of them together.
type shard struct {
	number int
	// at is the prefix and the hash tag.
	at string
}

// makeShards gives n shards whose hash tags are spread evenly over a cluster's
// slots. The tags depend on n alone.
func makeShards(prefix string, n int) []*shard {
	shards := make([]*shard, 0, n)
	for i := range n {
		tag := 0
		for ; ; tag++ {
			if slot := slotOf(strconv.Itoa(tag)); slot*n/slots == i {
				break
			}
		}
		shards = append(shards, &shard{number: i, at: fmt.Sprintf("%s:{%d}:", prefix, tag)})
	}
	return shards
}

// slotOf is the cluster's hash of a key without a tag: CRC-16/XMODEM modulo 16384
// (Redis Cluster specification, "Key distribution model").
func slotOf(key string) int {
	crc := uint16(0)
	for _, c := range []byte(key) {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slots
}

// storeKey holds the form of the store: format and number of shards.
func storeKey(prefix string) string { return prefix + ":store" }

// meta is a hash of the shard's counters: token, letter, sent, from:N, items,
// items:BOX, away:BOX, and the ring's slot and when it turned.
func (s *shard) meta() string { return s.at + "meta" }

// seen are the ring's slots: hashes of digest -> ” for an id that was stored in
// this shard, or the key of the mailbox in another shard that the id belongs to.
func (s *shard) seen() []string {
	names := make([]string, ringSlots)
	for i := range names {
		names[i] = s.at + "seen:" + strconv.Itoa(i)
	}
	return names
}

// box are the five keys of a box, in the order the scripts know: the line of ready
// mailboxes (list), leases and waits by when they end (zset), tokens of the held
// (hash), publish time of the first item (zset), wake hints (list).
func (s *shard) box(b queue.Box) []string {
	name := string(b)
	return []string{s.at + "ready:" + name, s.at + "wait:" + name, s.at + "lease:" + name, s.at + "age:" + name, s.wake(b)}
}

func (s *shard) wake(b queue.Box) string { return s.at + "wake:" + string(b) }

// dead is a zset of the ids of a box's dead letters, letters the hash of them all.
func (s *shard) dead(b queue.Box) string { return s.at + "dead:" + string(b) }
func (s *shard) letters() string         { return s.at + "letters" }

// outs is the set of shards to which something is on its way; channel the list of
// what is on its way to one.
func (s *shard) outs() string             { return s.at + "outs" }
func (s *shard) channel(to *shard) string { return s.at + "out:" + strconv.Itoa(to.number) }

// mailbox names the keys of one mailbox.
type mailbox struct {
	key   queue.Key
	shard *shard
	// wire is the key as it is stored, id its digest: fixed in size, and no name in
	// it can be mistaken for another.
	wire string
	id   string
}

// state is a hash of the mailbox's own: k key, v token of the last commit, n
// attempts of the first item, t token that counted the last of them, o note, p and q
// a run of items that settles and until when, h token that a commit handed on.
func (m *mailbox) state() string  { return m.shard.at + "m:" + m.id }
func (m *mailbox) items() string  { return m.shard.at + "i:" + m.id }
func (m *mailbox) fields() string { return m.shard.at + "f:" + m.id }
func (m *mailbox) log() string    { return m.shard.at + "l:" + m.id }

// mailbox finds the mailbox of a key.
func (e *Engine) mailbox(key queue.Key) *mailbox {
	wire := encodeKey(key)
	sum := sha256.Sum256([]byte(wire))
	m := &mailbox{key: key, wire: wire, id: base64.RawURLEncoding.EncodeToString(sum[:16])}
	m.shard = e.shards[e.o.place(key, binary.BigEndian.Uint64(sum[16:]), len(e.shards))]
	return m
}

// byDigest is the placement of mailboxes: evenly, whatever their names.
func byDigest(_ queue.Key, digest uint64, shards int) int { return int(digest % uint64(shards)) }

// digest stands for an item's id in the ring. The home shard of an id is where is
// decided into which mailbox it goes.
func (e *Engine) digest(box queue.Box, id string) (digest string, home *shard) {
	sum := sha256.Sum256([]byte(string(box) + "\x00" + id))
	return string(sum[:16]), e.shards[binary.BigEndian.Uint64(sum[16:])%uint64(len(e.shards))]
}

// encodeKey writes the five parts of a key, each behind its length, so that two
// keys never look the same.
func encodeKey(k queue.Key) string {
	var b strings.Builder
	for _, part := range []string{string(k.Box), k.Scope, string(k.Account), k.Owner, k.Thread} {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}

func decodeKey(wire string) (queue.Key, error) {
	var parts [5]string
	rest := wire
	for i := range parts {
		length, tail, ok := strings.Cut(rest, ":")
		n, err := strconv.Atoi(length)
		if !ok || err != nil || n < 0 || n > len(tail) {
			return queue.Key{}, damaged("key", wire)
		}
		parts[i], rest = tail[:n], tail[n:]
	}
	if rest != "" {
		return queue.Key{}, damaged("key", wire)
	}
	return queue.Key{Box: queue.Box(parts[0]), Scope: parts[1], Account: core.Account(parts[2]), Owner: parts[3], Thread: parts[4]}, nil
}
