package core

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Bytes is a number of bytes, spelled with a unit: 512, 64KiB, 16MiB, 2GB.
type Bytes int64

// The binary units.
const (
	KiB Bytes = 1 << (10 * (iota + 1))
	MiB
	GiB
	TiB
)

var units = []struct {
	name string
	size Bytes
}{
	{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1},
}

var errBytes = errors.New("must be a size, such as 512, 64KiB, 16MiB or 2GB")

// UnmarshalText reads a size: a whole number, with a unit or without.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, size := string(text), Bytes(1)
	for _, u := range units {
		if head, ok := strings.CutSuffix(number, u.name); ok {
			number, size = strings.TrimSpace(head), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(size) {
		return errBytes
	}
	*b = Bytes(n) * size
	return nil
}

// String spells the size with the largest binary unit that leaves it whole.
func (b Bytes) String() string {
	for _, u := range units[:4] {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText spells the size as String does.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }
