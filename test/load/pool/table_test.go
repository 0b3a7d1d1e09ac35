package pool_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	point        int
	what         string
	figure, goal string
	met          verdict
}

type verdict string

const (
	met    verdict = "met"
	missed verdict = "MISSED"
	// info is a figure that no goal is set on.
	info verdict = "-"
)

func judge(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

// scenario measures one point.
type scenario struct {
	name string
	run  func(t *testing.T) []row
}

func scenarios() []scenario {
	return []scenario{
		{"overhead", overhead},
		{"relay", relay},
		{"skew", skew},
		{"three nodes", threeNodes},
		{"slow worker", slowWorker},
		{"dead worker", deadWorker},
		{"cut streams", cutStreams},
		{"breaker sanity", breakerSanity},
		{"fairness", fairness},
		{"cancel", cancellation},
		{"hedging", hedging},
		{"hot switch", hotSwitch},
		{"cache", answerCache},
		{"batching", batching},
		{"drift", drift},
	}
}

// TestTable is `make bench-pool`. It fails only when a scenario cannot be run: a goal
// that was missed is a figure, not a broken test.
func TestTable(t *testing.T) {
	if !*table {
		t.Skip("measures with -table: make bench-pool")
	}
	var rows []row
	began := time.Now()
	for _, s := range scenarios() {
		began := time.Now()
		t.Run(s.name, func(t *testing.T) { rows = append(rows, s.run(t)...) })
		_, _ = fmt.Fprintf(os.Stderr, "%-16s %6.1f s\n", s.name, time.Since(began).Seconds())
	}
	_, _ = fmt.Fprintf(os.Stderr, "%-16s %6.1f s\n\n", "all", time.Since(began).Seconds())
	write(os.Stderr, rows)
}

func write(to io.Writer, rows []row) {
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(cells, "\t| ")) }
	line("", "what", "figure", "goal", "")
	line("---", "---", "---", "---", "---")
	for _, r := range rows {
		line(fmt.Sprint(r.point), r.what, r.figure, r.goal, string(r.met))
	}
	_ = w.Flush()
}

func ms(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	default:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	}
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
