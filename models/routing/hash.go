package routing

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The hashes are the same in every process, so that nodes agree on a prompt's home.
// They stand against chance, not against somebody who looks for collisions: what such
// a one gains is a worker that has not computed his prompt.
const (
	seed    = 0x9e3779b97f4a7c15 // of the golden ratio
	keyLow  = 0xbf58476d1ce4e5b9
	keyHigh = 0x94d049bb133111eb
)

// mix multiplies to 128 bits and folds them.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hash gives the hash of b behind what h stands for.
func hash(h uint64, b []byte) uint64 {
	size := uint64(len(b))
	for ; len(b) >= 16; b = b[16:] {
		h = mix(binary.LittleEndian.Uint64(b)^keyLow, binary.LittleEndian.Uint64(b[8:])^h)
	}
	var rest [16]byte
	copy(rest[:], b)
	h = mix(binary.LittleEndian.Uint64(rest[:])^keyLow, binary.LittleEndian.Uint64(rest[8:])^h)
	return mix(h^keyHigh, size^seed)
}

// hashString is for short names. It is never 0.
func hashString(s string) uint64 {
	h, size := uint64(seed), uint64(len(s))
	for ; len(s) >= 8; s = s[8:] {
		h = mix(h^(uint64(s[0])|uint64(s[1])<<8|uint64(s[2])<<16|uint64(s[3])<<24|
			uint64(s[4])<<32|uint64(s[5])<<40|uint64(s[6])<<48|uint64(s[7])<<56), keyHigh)
	}
	rest := uint64(0)
	for i := range len(s) {
		rest = rest<<8 | uint64(s[i])
	}
	return max(mix(h^rest^keyLow, size^seed), 1)
}

func hashImage(data []byte) uint64 {
	h := mix(uint64(len(data))^keyLow, seed)
	if len(data) <= 2*imageEnds {
		return hash(h, data)
	}
	return hash(hash(h, data[:imageEnds]), data[len(data)-imageEnds:])
}

// nearness is how near a worker is to a key; the nearest of some is the key's home. Where
// a worker is added or lost only its own keys move.
func nearness(key uint64, worker string) uint64 {
	h := mix(key^keyLow, hashString(worker)^keyHigh)
	return mix(h^seed, keyLow)
}

// weighed is nearness by which each worker gets keys in proportion to its weight.
func weighed(key uint64, worker string, weight float64) float64 {
	// A number in (0, 1), as the hash says.
	u := (float64(nearness(key, worker)>>11) + 0.5) / (1 << 53)
	return -weight / math.Log(u)
}
