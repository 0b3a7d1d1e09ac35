//go:build !nowhatsmeow

package web

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	waBinary "go.mau.fi/whatsmeow/binary"
)

type (
	node  = waBinary.Node
	attrs = waBinary.Attrs
)

const (
	// maxStanza bounds a frame of the client and what it holds when it is compressed. The
	// public protocol allows 16 MiB; clients need far less, since files go another way.
	maxStanza = 1 << 20
	// lengthSize is how many bytes of big-endian length come before a frame.
	lengthSize = 3
	// compressed is the flag of a stanza that is packed with zlib.
	compressed = 2
)

// opening is what a client says first: the protocol's magic, its version, and the version
// of the token table. Tables of other versions spell stanzas differently.
var opening = [4]byte{'W', 'A', 6, 3}

var (
	errOpening  = errors.New("the connection does not begin with WA, protocol 6, table 3")
	errTooLarge = fmt.Errorf("a frame is larger than %d bytes", maxStanza)
	errEmpty    = errors.New("an empty frame")
)

// frameReader cuts the client's bytes into frames, however they are split over messages.
type frameReader struct {
	pending []byte
	opened  bool
}

// add takes bytes in.
func (r *frameReader) add(data []byte) { r.pending = append(r.pending, data...) }

// next gives the next whole frame; nil when more bytes are needed.
func (r *frameReader) next() ([]byte, error) {
	if !r.opened {
		n := min(len(r.pending), len(opening))
		if !bytes.Equal(r.pending[:n], opening[:n]) {
			return nil, errOpening
		}
		if n < len(opening) {
			return nil, nil
		}
		r.opened, r.pending = true, r.pending[n:]
	}
	if len(r.pending) < lengthSize {
		return nil, nil
	}
	length := int(r.pending[0])<<16 | int(r.pending[1])<<8 | int(r.pending[2])
	if length > maxStanza {
		return nil, errTooLarge
	}
	if len(r.pending) < lengthSize+length {
		return nil, nil
	}
	frame := r.pending[lengthSize : lengthSize+length : lengthSize+length]
	r.pending = r.pending[lengthSize+length:]
	if length == 0 {
		return nil, errEmpty
	}
	return frame, nil
}

// frame puts the length before data.
func frame(data []byte) []byte {
	n := len(data)
	return append([]byte{byte(n >> 16), byte(n >> 8), byte(n)}, data...)
}

// readStanza decodes a decrypted frame.
func readStanza(data []byte) (n *node, err error) {
	if len(data) == 0 {
		return nil, errEmpty
	}
	flags, data := data[0], data[1:]
	if flags&compressed != 0 {
		if data, err = inflate(data); err != nil {
			return nil, err
		}
	}
	// The decoder is made for a server that can be trusted: some wrong bytes make it panic.
	defer func() {
		if p := recover(); p != nil {
			n, err = nil, fmt.Errorf("the stanza cannot be decoded: %v", p)
		}
	}()
	return waBinary.Unmarshal(data)
}

func inflate(data []byte) ([]byte, error) {
	unpacked, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(unpacked, maxStanza+1))
	if err == nil && len(out) > maxStanza {
		err = errTooLarge
	}
	return out, err
}

// childOf finds the first child with a tag; one without a tag when there is none. (The
// library's own search gives the parent then.)
func childOf(n node, tag string) node {
	for _, c := range n.GetChildren() {
		if c.Tag == tag {
			return c
		}
	}
	return node{}
}
