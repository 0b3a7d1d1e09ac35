package app

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/parley-hub/parley/internal/jail"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestEscapes has a hostile skill try all of them through a whole hub, with the jail as it is
// on this system. Somebody else is answered by another skill after each one.
func TestEscapes(t *testing.T) {
	holds, err := jail.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := newFortress(t)
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	open := 0
	for _, e := range escapes {
		t.Run(e.who()+" "+e.name, func(t *testing.T) {
			by := e.on(holds.Holds)
			if e.hub == "" && !slices.ContainsFunc(e.layers, holds.Holds) {
				open++
				_, _ = fmt.Fprintf(table, "%s\tNOT ENFORCED HERE\tit would take one of %s\n", e.tries, e.layers)
				t.Skipf("nothing that is known of on this system refuses to %s: it would take one of %s", e.tries, e.layers)
			}
			f.t = t
			saw := f.try(e)
			f.answersOthers()
			if e.after != nil {
				e.after(f)
			}
			if e.metric != "" {
				f.counted(e.metric)
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", e.tries, saw, by)
		})
	}
	f.t = t
	_ = table.Flush()
	t.Logf("%d escapes, %d of them not enforced on this system\n%s", len(escapes), open, b.String())
}

// try has the escape tried, and gives what the person read.
func (f *fortress) try(e escape) string {
	f.t.Helper()
	end := func() {}
	if before := f.before[e.name]; before != nil {
		end = before()
	}
	got := f.ask(annsID, fmt.Sprintf("/%s %s %s", e.who(), e.name, f.world))
	end()
	if strings.Contains(got, "GOT OUT") && !slices.Contains(e.sees, "GOT OUT?") || !slices.ContainsFunc(e.sees, func(s string) bool { return strings.Contains(got, s) }) {
		f.t.Errorf("it got %q, want one of %q\n%s", got[:min(len(got), 300)], e.sees, f.log)
	}
	got = strings.TrimPrefix(got, "refused: ")
	return got[:min(len(got), 120)]
}

// answersOthers has somebody else ask another skill.
func (f *fortress) answersOthers() {
	f.t.Helper()
	f.others++
	if got, want := f.ask(bobsID, fmt.Sprintf("/neighbour hello %d", f.others)), fmt.Sprintf("hello %d", f.others); got != want {
		f.t.Errorf("somebody else read %q, want %q", got, want)
	}
}

// counted waits until a metric counts.
func (f *fortress) counted(sample string) {
	f.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); ; {
		text := f.fetch("/metrics")
		if strings.Contains(text, sample+" ") && !strings.Contains(text, sample+" 0") {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			f.t.Fatalf("%s was never counted", sample)
		}
	}
}

func (f *fortress) fetch(path string) string {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, "http://"+f.hub.address+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return readAll(f.t, resp.Body)
}

// The doc has the same escapes as the test, with what refuses them where everything holds.
func TestEscapesGoldenInTheDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| it tries to | what comes of it | on Linux | on macOS |\n|---|---|---|---|\n")
	for _, e := range escapes {
		linux := e.on(func(jail.Layer) bool { return true })
		_, _ = fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", e.tries, e.sees[0], linux, e.on(jail.Elsewhere().Holds))
	}
	const first, last = "<!-- escapes -->\n\n", "\n<!-- end of escapes -->"
	path := filepath.Join("..", "..", "docs", "skills-security.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), first)
	got, tail, there := strings.Cut(rest, last)
	if !ok || !there {
		t.Fatalf("%s has no place for the table", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(head+first+b.String()+last+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != b.String() {
		t.Errorf("the table in %s is not that of the test (make golden writes it):\n%s", path, b.String())
	}
}
