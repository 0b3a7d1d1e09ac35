package routing

import (
	"encoding/binary"
	"math/bits"

	"github.com/parley-hub/parley/models"
)

const (
	// blockSize is the canonical text of one block, in bytes: about 64 tokens of English.
	// Workers cache in blocks of 16 to 64 tokens.
	blockSize = 256
	// maxBlocks bounds what routing looks at of a prompt, to 32 KiB.
	maxBlocks = 128
	// blockTokens is what a block is taken for where Read did not count.
	blockTokens = blockSize / unitsPerToken

	// unitsPerToken is how many ASCII letters make a token, about. Any other rune
	// counts as a token of its own.
	unitsPerToken = 4
	// messageTokens is what a chat template spends on a message beside its text.
	messageTokens = 4
	// imageTokens is what a picture of about 800 x 800 pixels costs the usual models.
	imageTokens = 768
	// imageEnds is how much of a picture is read from each of its ends. A mistake only
	// costs a detour, so megabytes are not worth it.
	imageEnds = 16 << 10
)

// Prompt is what routing knows of a request. Read makes it, outside of any lock.
type Prompt struct {
	// Blocks are hashes of the prompt's beginnings: the n-th is of its first n+1 blocks.
	// A shorter rest has none. Two prompts that begin alike have them in common. They
	// are the same on every node.
	Blocks []uint64
	// Tokens is how long the whole prompt is, estimated.
	Tokens int
	// System is a hash of the tools and the system prompt; 0 for none.
	System uint64
	// Session is a hash of the request's Affinity; 0 for none.
	Session uint64

	// upto is the estimated length up to the end of each block; nil where it was not
	// counted.
	upto []int32
	// begins is how long tools and system prompt are, which sessions share.
	begins int
	// sent is for Correct to compare with; nil where Read did not make it.
	sent *sent
}

// sent is who got a prompt last, and how much of it had been sent there before.
type sent struct {
	worker string
	tokens int
	// age is of the last block of it.
	age uint64
}

// tokensOf gives the length of the first n blocks, never more than the whole.
func (p Prompt) tokensOf(n int) int {
	switch {
	case n == 0:
		return 0
	case n <= len(p.upto):
		return min(int(p.upto[n-1]), p.Tokens)
	default:
		return min(n*blockTokens, p.Tokens)
	}
}

// Read gives what routing needs to know of a request. Tools and the system prompt come
// first, as in the templates of the models; a picture stands for its content.
func Read(r models.Request) Prompt {
	size := 0
	for i := range r.Messages {
		size += len(r.Messages[i].Text) + blockSize/8
	}
	n := min(size/blockSize+1, maxBlocks)
	rd := reader{p: Prompt{Blocks: make([]uint64, 0, n), upto: make([]int32, 0, n), sent: new(sent)}, chain: seed}
	for i := range r.Tools {
		t := &r.Tools[i]
		rd.mark('t')
		rd.text(t.Name)
		rd.mark('d')
		rd.text(t.Description)
		rd.mark('p')
		rd.bytes(t.Parameters)
	}
	rest := r.Messages
	for len(rest) > 0 && rest[0].Role == models.System {
		rd.message(&rest[0])
		rest = rest[1:]
	}
	if len(r.Tools) > 0 || len(rest) < len(r.Messages) {
		rd.p.System = rd.sum()
		before := rd.units
		rd.count()
		rd.p.begins, rd.units = rd.units/unitsPerToken, before
	}
	for i := range rest {
		rd.message(&rest[i])
	}
	rd.count()
	rd.p.Tokens = rd.units / unitsPerToken
	if r.Affinity != "" {
		rd.p.Session = hashString(r.Affinity)
	}
	return rd.p
}

// reader turns a request's canonical text into blocks.
type reader struct {
	p     Prompt
	chain uint64
	// units are unitsPerToken to a token, of all that was counted.
	units int
	n     int
	buf   [blockSize]byte
}

func (r *reader) message(m *models.Message) {
	r.mark('m')
	r.text(string(m.Role))
	r.mark('n')
	r.text(m.Name)
	r.mark('x')
	r.text(m.Text)
	r.units += messageTokens * unitsPerToken
	for i := range m.Images {
		r.mark('i')
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], hashImage(m.Images[i].Data))
		r.bytes(b[:])
		r.units += imageTokens * unitsPerToken
	}
	for i := range m.Calls {
		r.mark('c')
		r.text(m.Calls[i].Name)
		r.mark('a')
		r.bytes(m.Calls[i].Arguments)
	}
}

// mark keeps one field from running into the next.
func (r *reader) mark(kind byte) {
	r.bytes([]byte{0x1e, kind})
	r.units -= 2 // says nothing to the model
}

func (r *reader) text(s string) {
	for s != "" {
		n := copy(r.buf[r.n:], s)
		s = s[n:]
		r.advance(n)
	}
}

func (r *reader) bytes(b []byte) {
	for len(b) > 0 {
		n := copy(r.buf[r.n:], b)
		b = b[n:]
		r.advance(n)
	}
}

func (r *reader) advance(n int) {
	if r.n += n; r.n < blockSize {
		return
	}
	r.count()
	if len(r.p.Blocks) < maxBlocks {
		r.chain = hash(r.chain, r.buf[:])
		r.p.Blocks = append(r.p.Blocks, r.chain)
		r.p.upto = append(r.p.upto, int32(r.units/unitsPerToken))
	}
	r.n = 0
}

// sum is the hash of all that was read so far; never 0.
func (r *reader) sum() uint64 { return max(hash(r.chain, r.buf[:r.n]), 1) }

// count adds what is in the buffer to the units: a letter is one, a rune that is not
// ASCII is a token.
func (r *reader) count() {
	const high, low = 0x8080808080808080, 0x0101010101010101
	b := r.buf[:r.n]
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		if w&high == 0 {
			r.units += 8
			continue
		}
		r.units += 8 - bits.OnesCount64(w&high) + unitsPerToken*bits.OnesCount64((w>>7)&(w>>6)&low)
	}
	for _, c := range b {
		switch {
		case c < 0x80:
			r.units++
		case c >= 0xc0:
			r.units += unitsPerToken
		}
	}
}
