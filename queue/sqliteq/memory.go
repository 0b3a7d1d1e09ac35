package sqliteq

import (
	"maps"

	"github.com/parley-hub/parley/queue"
)

// entryCost is about what an entry costs in process beside its bytes.
const entryCost = 64

// memory is a mailbox's memory in process. The view is handed to handlers, so
// what it shows is never written again: fields are copied on change, the log is
// only appended behind what a view can reach.
type memory struct {
	view queue.Memory
	// first is the sequence number of the oldest entry of the log.
	first int64
	// size is about how many bytes the memory holds.
	size int64
}

func newMemory() *memory {
	return &memory{view: queue.Memory{Fields: map[string][]byte{}}, size: 8 * entryCost}
}

// next is the sequence number of the next entry of the log.
func (m *memory) next() int64 { return m.first + int64(len(m.view.Log)) }

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

// change makes the changes of a commit.
func (m *memory) change(c queue.Commit) {
	if len(c.Set) > 0 {
		m.view.Fields = maps.Clone(m.view.Fields)
	}
	for name, value := range c.Set {
		if value == nil {
			m.remove(name)
		} else {
			m.put(name, value)
		}
	}
	trim := min(c.Trim, len(m.view.Log))
	for _, body := range m.view.Log[:trim] {
		m.size -= int64(len(body)) + entryCost
	}
	m.view.Memo = c.Memo
	m.view.Log = m.view.Log[trim:]
	m.first += int64(trim)
	for _, body := range c.Append {
		m.append(body)
	}
}
