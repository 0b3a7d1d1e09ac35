package redisc

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/internal/redisconn"
)

const (
	// pingAfter is how long a subscription may be silent before it is asked whether it
	// still stands; unanswered for as long again it is made anew.
	pingAfter = 2 * time.Second
	// listenAgain spaces the tries to subscribe.
	listenAgain = 200 * time.Millisecond
)

// errUnsubscribed: the server ended a subscription, as it does when a slot moves away.
var errUnsubscribed = errors.New("unsubscribed by the server")

// Publish tells payload to who listens. On a Cluster it goes to the servers of the
// channel's slot alone.
func (e *Engine) Publish(ctx context.Context, name string, payload []byte) error {
	if err := cluster.CheckPayload(payload); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	publish := e.rdb.Publish
	if e.rdb.Form() == redisconn.Cluster {
		publish = e.rdb.SPublish
	}
	return redisconn.Classify("publish", publish(ctx, e.topicKey(name), payload).Err())
}

// Subscribe gives what is published as soon as Redis knows of it, on a connection of
// its own.
func (e *Engine) Subscribe(ctx context.Context, name string) <-chan []byte {
	to := make(chan []byte, cluster.TopicBuffer)
	go func() {
		defer close(to)
		for {
			err := e.listen(ctx, e.topicKey(name), to)
			if ctx.Err() != nil {
				return
			}
			e.log.Debug().Err(err).Str("topic", name).Msg("subscription is made anew")
			again := time.NewTimer(listenAgain)
			select {
			case <-again.C:
			case <-ctx.Done():
				again.Stop()
				return
			}
		}
	}()
	return to
}

// listen passes on what comes until the subscription breaks.
func (e *Engine) listen(ctx context.Context, channel string, to chan []byte) error {
	subscribe := e.rdb.Subscribe
	if e.rdb.Form() == redisconn.Cluster {
		subscribe = e.rdb.SSubscribe
	}
	s := subscribe(ctx, channel)
	hangUp := func() { _ = s.Close() } // closed twice is an error that says so
	defer hangUp()
	defer context.AfterFunc(ctx, hangUp)()
	asked := false
	for {
		got, err := s.ReceiveTimeout(ctx, pingAfter)
		var slow net.Error
		switch {
		case err == nil:
			asked = false
		case errors.As(err, &slow) && slow.Timeout() && !asked:
			asked = true
			err = s.Ping(ctx)
		}
		if err != nil {
			return err
		}
		switch m := got.(type) {
		case *redis.Message:
			cluster.Offer(to, []byte(m.Payload))
		case *redis.Subscription:
			if m.Count == 0 {
				return errUnsubscribed
			}
		}
	}
}
