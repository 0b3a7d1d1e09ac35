//go:build !nowhatsmeow

package web

import (
	"bytes"
	"compress/zlib"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// FuzzFrames cuts bytes into frames, whole and split, which must give the same.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("WA\x06\x03\x00\x00\x01x\x00\x00\x02yz"), uint8(3))
	f.Add([]byte("WA\x06\x02"), uint8(1))
	f.Add([]byte("WA\x06\x03\xff\xff\xff"), uint8(200))
	read := func(parts ...[]byte) (out [][]byte, err error) {
		var r frameReader
		for _, part := range parts {
			r.add(part)
			for {
				frame, err := r.next()
				if frame == nil || err != nil {
					if err != nil {
						return out, err
					}
					break
				}
				out = append(out, bytes.Clone(frame))
			}
		}
		return out, nil
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint8) {
		whole, wholeErr := read(data)
		n := min(int(at), len(data))
		split, splitErr := read(data[:n], data[n:])
		if len(whole) != len(split) || (wholeErr == nil) != (splitErr == nil) {
			t.Fatalf("%q %v, split %q %v", whole, wholeErr, split, splitErr)
		}
		for i := range whole {
			if !bytes.Equal(whole[i], split[i]) {
				t.Fatalf("%q, split %q", whole, split)
			}
		}
	})
}

// FuzzStanza decodes bytes; what can be decoded can be encoded again.
func FuzzStanza(f *testing.F) {
	for _, n := range []node{
		{Tag: tagIQ, Attrs: attrs{"id": "1", "type": "get", "xmlns": "w:p"}},
		{Tag: tagMessage, Attrs: attrs{"id": "2"}, Content: []node{{Tag: "enc", Content: []byte("x")}}},
	} {
		data, err := waBinary.Marshal(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		var packed bytes.Buffer
		packed.WriteByte(compressed)
		w := zlib.NewWriter(&packed)
		_, _ = w.Write(data[1:])
		_ = w.Close()
		f.Add(packed.Bytes())
	}
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := readStanza(data)
		if err != nil {
			return
		}
		_ = childOf(*n, "enc")
		if n.Tag == "" {
			return
		}
		keyOf(n)
	})
}

// FuzzCiphertext gives phones ciphertexts that nobody made.
func FuzzCiphertext(f *testing.F) {
	p, err := newPhone()
	if err != nil {
		f.Fatal(err)
	}
	other, err := newPhone()
	if err != nil {
		f.Fatal(err)
	}
	b, err := p.bundle()
	if err != nil {
		f.Fatal(err)
	}
	_, first, err := other.encrypt(address("1", 0), []byte("hello"), b.signal(0))
	if err != nil {
		f.Fatal(err)
	}
	key, err := other.distribution("g", address("2", 0))
	if err != nil {
		f.Fatal(err)
	}
	group, err := other.encryptGroup("g", address("2", 0), []byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{first, key, group, {}, {0x33}} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		// None of these may panic; errors are what is expected.
		_, _ = p.decrypt(address("2", 0), encFirst, data)
		_, _ = p.decrypt(address("2", 0), encNext, data)
		_, _ = p.decryptGroup("g", address("2", 0), data)
		_ = p.learn("g", address("2", 0), data)
	})
}
