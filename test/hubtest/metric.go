package hubtest

import (
	"bufio"
	"slices"
	"strconv"
	"strings"
)

// Metric reads the sum of a metric over its labels, of those samples that have all of
// these pairs, spelled as name="value". It is -1 when the hub does not tell.
func (h *Hub) Metric(name string, pairs ...string) float64 {
	_, text, err := h.Get("/metrics")
	if err != nil {
		return -1
	}
	sum, found := 0.0, false
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		if slices.ContainsFunc(pairs, func(pair string) bool { return !strings.Contains(rest, pair) }) {
			continue
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return -1
		}
		sum, found = sum+value, true
	}
	if !found {
		return -1
	}
	return sum
}
