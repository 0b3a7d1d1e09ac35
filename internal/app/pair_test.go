package app

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// What is drawn is the code, module by module, with its margin.
func TestDrawnCode(t *testing.T) {
	const text = "2@abc,def,ghi"
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(drawn(text), "\n"), "\n")
	if want := (code.Size + 2*quiet + 1) / 2; len(lines) != want {
		t.Fatalf("%d lines, want %d", len(lines), want)
	}
	light := map[rune][2]bool{' ': {false, false}, '▀': {true, false}, '▄': {false, true}, '█': {true, true}}
	for i, line := range lines {
		signs := []rune(line)
		if len(signs) != code.Size+2*quiet {
			t.Fatalf("line %d has %d signs", i, len(signs))
		}
		for x, sign := range signs {
			for half := range 2 {
				y := 2*i + half - quiet
				if y >= code.Size+quiet {
					continue
				}
				if light[sign][half] == code.Black(x-quiet, y) {
					t.Fatalf("module %d,%d is wrong", x-quiet, y)
				}
			}
		}
	}
}
