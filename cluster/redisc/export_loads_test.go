package redisc

import "time"

// AsNode gives another node on the same connection, under a prefix of its own.
func (e *Engine) AsNode(prefix, node string) *Engine {
	other := e.As(prefix)
	other.members = &members{e: other, id: node, clock: time.Now}
	return other
}
