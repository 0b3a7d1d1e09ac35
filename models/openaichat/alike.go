package openaichat

import "bytes"

// alike remembers what stood around the words of a piece. Nearly all pieces of a stream
// differ in nothing else, so the next one need not be taken apart again: that is most of
// the work of relaying.
type alike struct {
	// head ends with the quote before the words, tail begins with the one behind them.
	head, tail []byte
}

// learn takes the frame of a piece in which words stand at [start:end], quotes included.
func (a *alike) learn(piece []byte, start, end int) {
	a.head = append(a.head[:0], piece[:start+1]...)
	a.tail = append(a.tail[:0], piece[end-1:]...)
}

// words gives the raw string of a piece in the same frame, with its quotes; nil for any
// other piece. The frame was valid JSON, so with a valid string in it the piece is too.
func (a *alike) words(piece []byte) []byte {
	if len(a.head) == 0 || !bytes.HasPrefix(piece, a.head) || !bytes.HasSuffix(piece, a.tail) {
		return nil
	}
	start, end := len(a.head), len(piece)-len(a.tail)
	if end < start {
		return nil
	}
	for i := start; i < end; i++ {
		switch c := piece[i]; {
		case c < ' ', c == '"':
			return nil
		case c == '\\':
			if i++; i == end || !isEscape(piece[i:end]) {
				return nil
			}
		}
	}
	return piece[start-1 : end+1]
}

// isEscape tells whether what stands behind a backslash is allowed there.
func isEscape(rest []byte) bool {
	if rest[0] != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), rest[0]) >= 0
	}
	if len(rest) < 5 {
		return false
	}
	for _, d := range rest[1:5] {
		if (d < '0' || d > '9') && (d|0x20 < 'a' || d|0x20 > 'f') {
			return false
		}
	}
	return true
}
