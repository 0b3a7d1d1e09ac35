package redisq

import (
	"container/list"
	"maps"
	"sync"

	"github.com/parley-hub/parley/queue"
)

// entryCost is about what an entry costs in process beside its bytes.
const entryCost = 64

// memory is a mailbox's memory in process. The view is handed to handlers, so
// what it shows is never written again: fields are copied on change, the log is
// only appended behind what a view can reach.
type memory struct {
	view queue.Memory
	// version is the token of the commit that left it so; "" before the first.
	version string
	// size is about how many bytes the memory holds.
	size int64
}

// newMemory reads what load gave: fields as name, value, ... and the log.
func newMemory(version string, fields, log []any) *memory {
	m := &memory{version: version, view: queue.Memory{Fields: map[string][]byte{}}, size: 8 * entryCost}
	for i := 0; i+1 < len(fields); i += 2 {
		m.put(str(fields[i]), []byte(str(fields[i+1])))
	}
	for _, entry := range log {
		m.append([]byte(str(entry)))
	}
	return m
}

func (m *memory) put(name string, value []byte) {
	m.remove(name)
	m.view.Fields[name] = value
	m.size += int64(len(name)+len(value)) + entryCost
}

func (m *memory) remove(name string) {
	if old, ok := m.view.Fields[name]; ok {
		m.size -= int64(len(name)+len(old)) + entryCost
		delete(m.view.Fields, name)
	}
}

func (m *memory) append(body []byte) {
	m.view.Log = append(m.view.Log, body)
	m.size += int64(len(body)) + entryCost
}

// changed gives the memory as it is after a commit under token. The one before
// must not be used any more: the log's room behind its view is taken.
func (m *memory) changed(c queue.Commit, token string) *memory {
	next := *m
	if len(c.Set) > 0 {
		next.view.Fields = maps.Clone(m.view.Fields)
	}
	for name, value := range c.Set {
		if value == nil {
			next.remove(name)
		} else {
			next.put(name, value)
		}
	}
	trim := min(c.Trim, len(m.view.Log))
	for _, body := range m.view.Log[:trim] {
		next.size -= int64(len(body)) + entryCost
	}
	next.view.Log = m.view.Log[trim:]
	for _, body := range c.Append {
		next.append(body)
	}
	next.view.Memo = c.Memo
	next.version = token
	return &next
}

// cache keeps memories of mailboxes that nobody here holds, the last used first.
// What it gives is used only where Redis says that the version is still that one.
type cache struct {
	most int64

	mu    sync.Mutex
	size  int64
	order *list.List
	known map[string]*list.Element
}

type cached struct {
	id  string
	mem *memory
}

func newCache(most int64) *cache {
	return &cache{most: most, order: list.New(), known: map[string]*list.Element{}}
}

// take gives a memory and forgets it, so that it has one user at a time.
func (c *cache) take(id string) *memory {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.known[id]; place != nil {
		return c.drop(place)
	}
	return nil
}

func (c *cache) put(id string, m *memory) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.known[id]; place != nil {
		c.drop(place)
	}
	c.known[id] = c.order.PushFront(cached{id, m})
	c.size += m.size
	for c.size > c.most {
		c.drop(c.order.Back())
	}
}

// restore puts back what was taken and not used, unless there is a newer one.
func (c *cache) restore(id string, m *memory) {
	c.mu.Lock()
	known := c.known[id] != nil
	c.mu.Unlock()
	if !known {
		c.put(id, m)
	}
}

func (c *cache) drop(place *list.Element) *memory {
	old, _ := c.order.Remove(place).(cached)
	delete(c.known, old.id)
	c.size -= old.mem.size
	return old.mem
}
