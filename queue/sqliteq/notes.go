package sqliteq

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// notesName is the side file of attempts, waits and notes.
const notesName = "notes.log"

const (
	// maxNote bounds one note.
	maxNote = 1 << 20
	// compactAfter is how large the file grows before it is written anew.
	compactAfter = 4 << 20

	// A record is its payload's length (4 bytes) and CRC-32C (4), little endian,
	// and the payload: kind (1), item seq (8), and by kind
	// state: attempts (4) and the retry time in Unix nanoseconds, 0 for none (8);
	// note: its bytes.
	recordHead  = 8
	payloadHead = 9

	kindState byte = 1
	kindNote  byte = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// remark is what the side file tells of one item.
type remark struct {
	tries   int
	retryAt time.Time
	note    []byte
}

// notes appends to the side file: one write for one record, never synced. Its
// lock is taken before Engine.mu, never inside it.
type notes struct {
	mu    sync.Mutex
	path  string
	f     *os.File
	size  int64
	limit int64
	buf   []byte
}

// readNotes reads the side file up to its end or the first torn record.
func readNotes(dir string) (map[int64]remark, error) {
	f, err := os.Open(filepath.Join(dir, notesName)) //nolint:gosec // the operator chose the directory
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open notes: %w", err)
	}
	found, err := parseNotes(bufio.NewReader(f))
	return found, errors.Join(err, f.Close())
}

func parseNotes(r io.Reader) (map[int64]remark, error) {
	found := map[int64]remark{}
	var head [recordHead]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return found, unlessEnd(err)
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n < payloadHead || n > payloadHead+maxNote {
			return found, nil
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(r, payload); err != nil {
			return found, unlessEnd(err)
		}
		if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return found, nil
		}
		seq := int64(binary.LittleEndian.Uint64(payload[1:]))
		m := found[seq]
		switch rest := payload[payloadHead:]; payload[0] {
		case kindState:
			if len(rest) != 12 {
				return found, nil
			}
			m.tries = int(binary.LittleEndian.Uint32(rest))
			m.retryAt = time.Time{}
			if ns := int64(binary.LittleEndian.Uint64(rest[4:])); ns != 0 {
				m.retryAt = time.Unix(0, ns)
			}
		case kindNote:
			m.note = rest
		}
		found[seq] = m
	}
}

// unlessEnd hides that the file ended, whether at a record's edge or inside one.
func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("read notes: %w", err)
}

func appendRecord(b []byte, kind byte, seq int64, rest ...byte) []byte {
	start := len(b)
	b = append(b, make([]byte, recordHead)...)
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(seq))
	b = append(b, rest...)
	payload := b[start+recordHead:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

func appendState(b []byte, seq int64, tries int, retryAt time.Time) []byte {
	var rest [12]byte
	binary.LittleEndian.PutUint32(rest[:], uint32(tries))
	if !retryAt.IsZero() {
		binary.LittleEndian.PutUint64(rest[4:], uint64(retryAt.UnixNano()))
	}
	return appendRecord(b, kindState, seq, rest[:]...)
}

// rewrite replaces the file by one that holds what snapshot gives. The caller
// holds n.mu, or is alone.
func (n *notes) rewrite(snapshot func(b []byte) []byte) error {
	content := snapshot(nil)
	next := n.path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600) //nolint:gosec // the operator chose the directory
	if err != nil {
		return fmt.Errorf("write notes anew: %w", err)
	}
	if _, err = f.Write(content); err == nil {
		err = os.Rename(next, n.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write notes anew: %w", err), f.Close(), os.Remove(next))
	}
	var closeErr error
	if n.f != nil {
		closeErr = n.f.Close()
	}
	n.f, n.size = f, int64(len(content))
	n.limit = max(compactAfter, 2*n.size)
	return closeErr
}

// write appends the record that record gives, under the lock, so that the file
// has the order in which things happened; snapshot serves when the file has grown
// too large.
func (n *notes) write(snapshot func(b []byte) []byte, record func(b []byte) ([]byte, error)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.f == nil {
		return closed("write note")
	}
	b, err := record(n.buf[:0])
	if err != nil {
		return err
	}
	n.buf = b
	wrote, err := n.f.WriteAt(n.buf, n.size)
	if err != nil {
		// What was written of it is overwritten by the next record, or is a torn end.
		if wrote > 0 {
			err = errors.Join(err, n.f.Truncate(n.size))
		}
		return noteFault(err)
	}
	n.size += int64(wrote)
	if n.size > n.limit {
		// The record is in the file already, so a failure here harms nobody; it is
		// tried again after as much growth.
		if err := n.rewrite(snapshot); err != nil {
			n.limit = n.size + compactAfter
		}
	}
	return nil
}

func (n *notes) close(snapshot func(b []byte) []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.f == nil {
		return nil
	}
	err := n.rewrite(snapshot)
	err = errors.Join(err, n.f.Close())
	n.f = nil
	return err
}

func noteFault(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: %w", queue.ErrFull, err)
	}
	return fault.New(fault.Retryable, "write note", err)
}

// remarks gives what the side file must say of all waiting items.
func (e *Engine) remarks(b []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, bx := range e.boxes {
		for el := bx.waits.Front(); el != nil; el = el.Next() {
			it, _ := el.Value.(*item)
			if it.tries > 0 || !it.retryAt.IsZero() {
				b = appendState(b, it.seq, it.tries, it.retryAt)
			}
			if it.note != nil {
				b = appendRecord(b, kindNote, it.seq, it.note...)
			}
		}
	}
	return b
}

// noteState writes the tries of an item and its wait. Where that fails they are
// forgotten with the process, which is no reason to stop the work.
func (e *Engine) noteState(it *item) {
	err := e.n.write(e.remarks, func(b []byte) ([]byte, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		return appendState(b, it.seq, it.tries, it.retryAt), nil
	})
	if err != nil && !errors.Is(err, queue.ErrClosed) {
		e.log.Warn().Err(err).Msg("attempt not noted")
	}
}

// setNote is Delivery.SetNote. A note is at most 1 MiB.
func (e *Engine) setNote(ctx context.Context, l *lease, note []byte) error {
	const op = "set note"
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Retryable, op, context.Cause(ctx))
	}
	if len(note) > maxNote {
		return misuse(op, "a note is at most 1 MiB")
	}
	return e.n.write(e.remarks, func(b []byte) ([]byte, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.closed {
			return nil, closed(op)
		}
		if l.mb.lease != l || l.finishing {
			return nil, stale(op)
		}
		first := l.items[0]
		first.note = append([]byte{}, note...)
		return appendRecord(b, kindNote, first.seq, note...), nil
	})
}
