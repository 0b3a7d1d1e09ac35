package cache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// What a Remote is told of a question, in the series of its partition: no word of it, and
// not its answer, which a Cache puts under its own key. In order
//
//	1 byte    the form
//	16 bytes  its sense
//	32 bytes  the key of its answer
//	2n bytes  its vector, n numbers as big-endian parts of 32767
//	16 bytes  the beginning of the SHA-256 of the partition and all of the above
//
// so 2113 bytes for 1024 numbers. A number is off by 2^-16 at most, so that two questions
// with 1024 are at most 0.001 more or less alike than they are, and usually 0.00001.
const (
	packedForm  = 1
	packedHead  = 1 + len(sense{}) + len(key{})
	packedCheck = 16
	packedOne   = math.MaxInt16
)

var (
	errForm      = errors.New("a question of another form than this release writes")
	errCheck     = errors.New("a question that is broken, or of another partition")
	errDirection = errors.New("a question whose vector has no direction")
	errLength    = errors.New("a question with a vector of another length")
)

// pack gives what others are told of an entry.
func (e *entry) pack() []byte {
	b := make([]byte, 0, packedHead+2*len(e.vector.at)+packedCheck)
	b = append(b, packedForm)
	b = append(b, e.sense[:]...)
	b = append(b, e.words[:]...)
	for _, x := range e.vector.at {
		b = binary.BigEndian.AppendUint16(b, uint16(int16(math.Round(float64(x)*packedOne))))
	}
	check := checkOf(e.partition, b)
	return append(b, check[:]...)
}

// unpack reads what was told of a question in a partition whose vectors have n numbers.
func unpack(partition key, n int, b []byte) (*entry, error) {
	if len(b) < packedHead+packedCheck || b[0] != packedForm {
		return nil, errForm
	}
	body, check := b[:len(b)-packedCheck], b[len(b)-packedCheck:]
	if checkOf(partition, body) != [packedCheck]byte(check) {
		return nil, errCheck
	}
	packed := body[packedHead:]
	if len(packed) != 2*n {
		return nil, errLength
	}
	numbers := make([]float32, n)
	for i := range numbers {
		numbers[i] = float32(int16(binary.BigEndian.Uint16(packed[2*i:]))) / packedOne
	}
	v, ok := unit(numbers)
	if !ok {
		return nil, errDirection
	}
	e := &entry{partition: partition, vector: v}
	copy(e.sense[:], body[1:])
	copy(e.words[:], body[1+len(e.sense):])
	return e, nil
}

// checkOf has nobody take what is broken, nor what belongs to somebody else's partition.
func checkOf(partition key, body []byte) [packedCheck]byte {
	h := sha256.New()
	h.Write(partition[:])
	h.Write(body)
	return [packedCheck]byte(h.Sum(nil)[:packedCheck])
}

func seriesOf(partition key) string { return "similar/" + partition.String() }

// maxDangling is how many questions are tried at most whose answers are not kept any more.
const maxDangling = 3

// similar gives the question most alike that there is: of those that are known here, or
// else of those that other nodes learned. Its answer is there, unless it is not wanted.
func (s *Semantic) similar(ctx context.Context, e *entry, least float32, shadow bool) found {
	f := s.find(e, least)
	if f.entry == nil && s.learn(ctx, e) {
		f = s.find(e, least)
	}
	for range maxDangling {
		if f.entry == nil || f.answer != nil || shadow {
			return f
		}
		a, err := s.remote.answer(ctx, f.entry.words)
		if err != nil {
			tell(s.o.Log, "reading the remote cache", err)
		}
		switch {
		case err == nil && a != nil && a.state(time.Now()) == fresh:
			s.settle(f.entry, a)
			f.answer, f.elsewhere = a, true
			return f
		case err != nil && fault.ClassOf(err) != fault.Permanent:
			// It may be there.
			return found{}
		}
		s.drop(f.entry)
		f = s.find(e, least)
	}
	return found{}
}

// learn takes in what others told of the partition of e since it was last read. It gives
// whether there was anything.
func (s *Semantic) learn(ctx context.Context, e *entry) bool {
	if s.remote == nil {
		return false
	}
	after := ""
	s.mu.Lock()
	if p := s.partitions[e.partition]; p != nil && p.vectors.n == len(e.vector.at) {
		after = p.read
	}
	s.mu.Unlock()
	read, now := after, time.Now()
	var news []*entry
	err := s.remote.since(ctx, seriesOf(e.partition), after, func(at string, value []byte, left time.Duration) {
		read = at
		got, err := unpack(e.partition, len(e.vector.at), value)
		if err != nil {
			s.stats.refused.Add(1)
			s.o.Log.Debug().Err(err).Int("bytes", len(value)).Msg("what another node learned is of no use")
			return
		}
		got.until = now.Add(left)
		news = append(news, got)
	})
	if err != nil {
		tell(s.o.Log, "reading the remote cache", err)
	}
	return s.take(e.partition, news, read)
}

// take remembers what others learned, of what is not known here as new. It gives whether
// there was anything.
func (s *Semantic) take(partition key, news []*entry, read string) bool {
	// again is how much later what is read here ends than what was told here, at most.
	const again = time.Second
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := false
	p := s.partitions[partition]
	if p != nil {
		p.read = read
	}
	for _, e := range news {
		if p != nil && p.words[e.words] != nil && e.until.Before(p.words[e.words].until.Add(again)) {
			continue
		}
		s.put(e)
		s.stats.learned.Add(1)
		taken = true
		// Where one of them had to leave for another, all is to be read again.
		if now := s.partitions[partition]; now != p {
			p, now.read = now, read
		}
	}
	return taken
}

// settle notes the answer of an entry that another node learned.
func (s *Semantic) settle(e *entry, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.answer = a
}

// drop forgets an entry whose answer is not kept.
func (s *Semantic) drop(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.partitions[e.partition]; p != nil && p.words[e.words] == e {
		s.forget(e)
	}
}

// publish tells the others of a question that was answered; nobody waits for that.
func (s *Semantic) publish(ctx context.Context, partition key, value []byte, until time.Time) {
	if s.remote == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	ctx = context.WithoutCancel(ctx)
	s.running.Go(func() {
		if len(value) > MaxEntry || !s.o.Room.take(len(value)+entryOverhead, time.Now(), until) {
			s.stats.dropped.Add(1)
			return
		}
		before, at, err := s.remote.append(ctx, seriesOf(partition), value, time.Until(until))
		if err != nil {
			s.stats.dropped.Add(1)
			tell(s.o.Log, "writing the remote cache", err)
			return
		}
		s.stats.told.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if p := s.partitions[partition]; p != nil && p.read == before {
			// Its own word is not read again.
			p.read = at
		}
	})
}
