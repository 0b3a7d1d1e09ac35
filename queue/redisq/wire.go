package redisq

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// damaged says that something in Redis is not what this package wrote.
func damaged(what, found string) error {
	const most = 40
	return fault.New(fault.NeedsHuman, "read "+what, fmt.Errorf("not written by this release, or damaged: %.*q", most, found))
}

// payload is an item as it is stored, behind its time: settle in microseconds,
// length of the id, id and body.
func payload(in queue.Item) string {
	var b strings.Builder
	b.Grow(len(in.ID) + len(in.Body) + 24)
	b.WriteString(micros(in.Settle))
	b.WriteByte(',')
	b.WriteString(strconv.Itoa(len(in.ID)))
	b.WriteByte(',')
	b.WriteString(in.ID)
	b.Write(in.Body)
	return b.String()
}

// micros is a duration for the scripts. What is above zero stays above it.
func micros(d time.Duration) string {
	if d <= 0 {
		return "0"
	}
	return strconv.FormatInt(max(d.Microseconds(), 1), 10)
}

// numbers reads n decimal numbers, each with a comma behind it, and gives the rest.
func numbers(s string, n int) (found []int64, rest string, ok bool) {
	for range n {
		head, tail, ok := strings.Cut(s, ",")
		v, err := strconv.ParseInt(head, 10, 64)
		if !ok || err != nil || v < 0 {
			return nil, "", false
		}
		found, s = append(found, v), tail
	}
	return found, s, true
}

// decodeItem reads an item with its time.
func decodeItem(s string) (queue.Item, time.Time, error) {
	n, rest, ok := numbers(s, 3)
	if !ok || n[2] > int64(len(rest)) {
		return queue.Item{}, time.Time{}, damaged("item", s)
	}
	in := queue.Item{ID: rest[:n[2]], Body: []byte(rest[n[2]:]), Settle: time.Duration(n[1]) * time.Microsecond}
	return in, time.UnixMicro(n[0]), nil
}

// decodeLetter reads a dead letter: when it was buried, attempts, length of the
// key, length of the reason, key, reason, item.
func decodeLetter(id int64, s string) (queue.DeadLetter, error) {
	n, rest, ok := numbers(s, 4)
	if !ok || n[2] > int64(len(rest)) || n[3] > int64(len(rest))-n[2] {
		return queue.DeadLetter{}, damaged("dead letter", s)
	}
	key, err := decodeKey(rest[:n[2]])
	if err != nil {
		return queue.DeadLetter{}, err
	}
	rest = rest[n[2]:]
	in, _, err := decodeItem(rest[n[3]:])
	if err != nil {
		return queue.DeadLetter{}, err
	}
	return queue.DeadLetter{ID: id, Key: key, Item: in, Reason: rest[:n[3]], Attempts: int(n[1]), BuriedAt: time.UnixMicro(n[0])}, nil
}

// parcel is an entry of a channel: an item on its way into another shard.
type parcel struct {
	number  int64
	settle  string
	mb      *mailbox
	payload string
}

// decodeParcel reads an entry: its number, length of the key, settle, key, payload.
func (e *Engine) decodeParcel(s string) (parcel, error) {
	n, rest, ok := numbers(s, 3)
	if !ok || n[1] > int64(len(rest)) {
		return parcel{}, damaged("parcel", s)
	}
	key, err := decodeKey(rest[:n[1]])
	if err != nil {
		return parcel{}, err
	}
	return parcel{number: n[0], settle: strconv.FormatInt(n[2], 10), mb: e.mailbox(key), payload: rest[n[1]:]}, nil
}
