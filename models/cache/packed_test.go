package cache

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// What is kept of a vector is as much alike as it was.
func TestPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1024).Draw(t, "n")
		draw := func(name string) vector {
			v, ok := unit(rapid.SliceOfN(rapid.Float32Range(-1, 1), n, n).Draw(t, name))
			if !ok {
				t.Skip("no direction")
			}
			return v
		}
		a, b := draw("a"), draw("b")
		e := &entry{partition: key{1}, words: key{2}, sense: sense{3}, vector: a}
		got, err := unpack(key{1}, n, e.pack())
		if err != nil {
			t.Fatal(err)
		}
		if got.words != e.words || got.sense != e.sense || got.partition != e.partition || len(e.pack()) != 65+2*n {
			t.Errorf("%+v, %d bytes", got, len(e.pack()))
		}
		if off := math.Abs(float64(dot(a.at, b.at) - dot(got.vector.at, b.at))); off > 0.001 {
			t.Errorf("off by %v", off)
		}
		if _, err := unpack(key{2}, n, e.pack()); !errors.Is(err, errCheck) {
			t.Errorf("another partition's: %v", err)
		}
		if _, err := unpack(key{1}, n+1, e.pack()); !errors.Is(err, errLength) {
			t.Errorf("longer: %v", err)
		}
		if _, err := unpack(key{1}, n-1, e.pack()); !errors.Is(err, errLength) {
			t.Errorf("shorter: %v", err)
		}
	})
}
