package modeltest

import (
	"container/list"

	"github.com/parley-hub/parley/core"
)

const (
	// blockBytes is what one entry of the cache stands for: 16 tokens of four bytes,
	// vLLM's default block (its option --block-size).
	blockBytes  = 64
	blockTokens = blockBytes / 4
)

// prefixCache knows the beginnings of prompts, block by block. A block's hash is that
// of everything up to its end. Guarded by Worker.mu.
type prefixCache struct {
	blocks int
	at     map[uint64]*list.Element
	// order has the least recently used block in front.
	order *list.List
}

func newPrefixCache(tokens int) prefixCache {
	return prefixCache{blocks: tokens / blockTokens, at: make(map[uint64]*list.Element), order: list.New()}
}

// known counts the leading blocks that are there.
func (c *prefixCache) known(hashes []uint64) int {
	for i, h := range hashes {
		if c.at[h] == nil {
			return i
		}
	}
	return len(hashes)
}

// keep makes these the blocks used last, a prompt's beginning after its end: what many
// prompts share goes last.
func (c *prefixCache) keep(hashes []uint64) {
	for i := len(hashes) - 1; i >= 0; i-- {
		if e := c.at[hashes[i]]; e != nil {
			c.order.MoveToBack(e)
			continue
		}
		c.at[hashes[i]] = c.order.PushBack(hashes[i])
	}
	for c.order.Len() > c.blocks {
		oldest := c.order.Front()
		delete(c.at, c.order.Remove(oldest).(uint64))
	}
}

// used is the share of the cache that is full.
func (c *prefixCache) used() float64 {
	if c.blocks == 0 {
		return 0
	}
	return float64(c.order.Len()) / float64(c.blocks)
}

// prompt is the text that a model sees of a request, and how much of it was cached.
type prompt struct {
	tokens, cached int
	hashes         []uint64
	bytes          int
	hash           uint64
}

// newPrompt reads tools first, then the messages, as chat templates do. Pictures count
// for the cache, not for the tokens.
func newPrompt(chat Chat) prompt {
	p := prompt{hash: 14695981039346656037} // FNV-1a, 64 bits
	p.add(chat.tools)
	for _, m := range chat.Messages {
		p.add([]byte(m.Role))
		p.add([]byte(m.Text))
		for _, image := range m.Images {
			p.add(image.Data)
		}
		p.tokens += core.EstimateTokens(m.Text)
	}
	return p
}

func (p *prompt) add(text []byte) {
	for _, b := range text {
		p.hash = (p.hash ^ uint64(b)) * 1099511628211
		if p.bytes++; p.bytes%blockBytes == 0 {
			p.hashes = append(p.hashes, p.hash)
		}
	}
}

// look finds out how much of a prompt is cached. A whole prompt never is: the last token
// is always worked on.
func (w *Worker) look(p *prompt) {
	if w.o.Cache == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.cache.known(p.hashes)
	w.cache.keep(p.hashes[:known])
	if known > 0 {
		p.cached = min(p.tokens*known*blockBytes/p.bytes, p.tokens-1)
	}
}

// remember keeps a prompt, and the answer once there is one, for the turn that
// follows.
func (w *Worker) remember(p *prompt) {
	if w.o.Cache == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cache.keep(p.hashes)
}
