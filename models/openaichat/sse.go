package openaichat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

var (
	errLineTooLong   = errors.New("a line of the stream is longer than allowed")
	errAnswerTooLong = errors.New("the stream is longer than allowed")
)

// event is one server-sent event. Its data is valid until the next one is read.
type event struct {
	data []byte
	// failed is true when the event calls itself "error".
	failed bool
}

// sseReader reads server-sent events (HTML standard, §9.2.6), leniently: lines may
// end in LF or CRLF, "data:" needs no space, an event that is whole JSON needs no
// blank line behind it, and a bare JSON object counts as data.
type sseReader struct {
	r       *bufio.Reader
	maxLine int
	// left is how many bytes the stream may still have.
	left int
	// long holds a line that is longer than the reader's buffer.
	long []byte
	data []byte
	// held is a data line that came without a blank line before it.
	held []byte
	end  error
}

func newSSEReader(r *bufio.Reader, maxLine int) *sseReader {
	return &sseReader{r: r, maxLine: maxLine, left: maxAnswer}
}

// next gives the next event that has data. io.EOF is the stream's proper end; an
// event that another error cuts is not given.
func (s *sseReader) next() (event, error) {
	s.data = append(s.data[:0], s.held...)
	some := len(s.held) > 0
	s.held = s.held[:0]
	failed, joined := false, false
	for {
		line, err := s.line()
		switch {
		case err == io.EOF && some, err == nil && len(line) == 0 && some: //nolint:errorlint // line gives it bare
			return event{s.data, failed}, nil
		case err != nil:
			return event{}, err
		case len(line) == 0:
			failed = false
			continue
		}
		if name, ok := field(line, "event"); ok {
			failed = string(name) == "error"
		}
		value, ok := field(line, "data")
		switch {
		case !ok:
			continue
		case some && !joined && (isDone(s.data) || json.Valid(s.data)):
			// The server forgets the blank line between events.
			s.held = append(s.held, value...)
			return event{s.data, failed}, nil
		case len(s.data)+len(value) > s.maxLine:
			s.end = errLineTooLong
			return event{}, s.end
		case some:
			// Looking for whole JSON again and again would cost the square of the length.
			joined = true
			s.data = append(s.data, '\n')
		}
		s.data = append(s.data, value...)
		some = true
	}
}

// ready tells whether the next event is there already, so that next will not wait. It may
// say false of one that is.
func (s *sseReader) ready() bool {
	if len(s.held) > 0 || s.r.Buffered() == 0 {
		return false
	}
	data, _ := s.r.Peek(s.r.Buffered())
	return bytes.HasPrefix(data, []byte("data:")) && bytes.Contains(data, []byte("\n\n"))
}

// isDone recognises the protocol's last event, which is no JSON.
func isDone(data []byte) bool { return string(bytes.TrimSpace(data)) == "[DONE]" }

// field gives the value of a line of that name.
func field(line []byte, name string) ([]byte, bool) {
	if name == "data" && line[0] == '{' {
		return line, true
	}
	if len(line) < len(name) || string(line[:len(name)]) != name {
		return nil, false
	}
	rest := line[len(name):]
	if len(rest) == 0 {
		return nil, true
	}
	if rest[0] != ':' {
		return nil, false
	}
	return bytes.TrimPrefix(rest[1:], []byte(" ")), true
}

// line gives the next line without its end. Only a proper end of the stream
// makes a line of what stands before it.
func (s *sseReader) line() ([]byte, error) {
	if s.end != nil {
		return nil, s.end
	}
	s.long = s.long[:0]
	for {
		piece, err := s.r.ReadSlice('\n')
		s.left -= len(piece)
		switch {
		case s.left < 0:
			s.end = errAnswerTooLong
			return nil, s.end
		case len(s.long)+len(piece) > s.maxLine+2: // CR and LF are not the line's
			s.end = errLineTooLong
			return nil, s.end
		case err == nil && len(s.long) == 0:
			return trimEnd(piece), nil
		}
		s.long = append(s.long, piece...)
		switch {
		case err == nil:
			return trimEnd(s.long), nil
		case errors.Is(err, bufio.ErrBufferFull):
		default:
			s.end = err
			if err == io.EOF && len(s.long) > 0 {
				return trimEnd(s.long), nil
			}
			return nil, err
		}
	}
}

func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// firstByte looks at the first byte of the body that is neither white space nor
// byte order mark, and leaves it there.
func firstByte(r *bufio.Reader) (byte, error) {
	if mark, _ := r.Peek(1); len(mark) == 1 && mark[0] == 0xEF {
		if _, err := r.Discard(3); err != nil {
			return 0, err
		}
	}
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b, r.UnreadByte()
		}
	}
}
