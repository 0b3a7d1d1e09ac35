package cluster

import (
	"context"
	"fmt"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// MaxPayload bounds what is told at once, in bytes.
	MaxPayload = 64 << 10
	// TopicBuffer is how many payloads wait for a listener that is slow.
	TopicBuffer = 64
)

// Topic tells things to the nodes that listen at the moment, and keeps nothing: for
// what is worth nothing a second later, like an answer that grows.
type Topic interface {
	// Publish tells payload to all who listen to name now, this node included. nil says
	// that it is on its way and not that anybody heard. It is Retryable where it was not
	// sent, a Bug where the payload is too large.
	Publish(ctx context.Context, name string, payload []byte) error
	// Subscribe gives what is published under name from about now until ctx ends, when
	// the channel is closed. To who reads too slowly the newest TopicBuffer payloads are
	// left. After a lost connection it goes on by itself; what was told meanwhile is lost.
	Subscribe(ctx context.Context, name string) <-chan []byte
}

// CheckPayload refuses what is too large to be told, with a Bug fault.
func CheckPayload(payload []byte) error {
	if len(payload) > MaxPayload {
		return fault.New(fault.Bug, "publish", fmt.Errorf("a payload of %d bytes is too large", len(payload)))
	}
	return nil
}

// Offer puts a payload into a buffered channel and never blocks: the oldest gives way.
// Only one at a time may offer.
func Offer(to chan []byte, payload []byte) {
	for {
		select {
		case to <- payload:
			return
		default:
		}
		select {
		case <-to:
		default:
		}
	}
}
