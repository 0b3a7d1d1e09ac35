package arch

import (
	"encoding/json"
	"errors"
	"go/scanner"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type pkg struct {
	ImportPath  string
	Imports     []string
	TestImports []string
	GoFiles     []string
	Dir         string
	Doc         string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,GoFiles,Dir,Doc", Module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for dec := json.NewDecoder(out); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return list
}

func short(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, Module), "/") }

func matches(pattern, path string) bool {
	if base, ok := strings.CutSuffix(pattern, "..."); ok {
		base = strings.TrimSuffix(base, "/")
		return base == "" || path == base || strings.HasPrefix(path, base+"/")
	}
	ok, _ := filepath.Match(pattern, path)
	return ok
}

func room(path string) (Room, bool) {
	for _, r := range House() {
		if matches(r.Pattern, path) {
			return r, true
		}
	}
	return Room{}, false
}

// allowed tells whether a package of room r may import path.
func allowed(r Room, path string) bool {
	return slices.ContainsFunc(r.May, func(p string) bool { return matches(p, path) })
}

func TestImportsStayInThePicture(t *testing.T) {
	for _, p := range packages(t) {
		path := short(p.ImportPath)
		r, ok := room(path)
		if !ok {
			t.Errorf("%s stands in no room: draw it in House()", path)
			continue
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, Module) && !allowed(r, short(imp)) {
				t.Errorf("%s imports %s: %s", path, short(imp), r.Why)
			}
			if testOnly(short(imp)) && !testOnly(path) && !strings.HasPrefix(path, "test/") {
				t.Errorf("%s imports %s: test kits never reach the binary", path, short(imp))
			}
		}
	}
}

// testOnly tells whether a package is a test kit: their names end in "test".
func testOnly(path string) bool { return strings.HasSuffix(path, "test") }

// The allow-list must catch what floor numbers alone would let through.
func TestPictureForbidsTheTemptingShortcuts(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"skills/chat", "adapters"},
		{"router", "adapters"},
		{"adapters", "router"},
		{"adapters/telegram", "adapters/slack"},
		{"adapters/transport", "adapters"},
		{"simulators/telegram", "simulators/slack"},
		{"simulators/telegram", "adapters/telegram"},
		{"adapters/telegram", "queue"},
		{"session", "queue"},
		{"models", "session"},
		{"core", "queue"},
		{"queue", "session"},
		{"internal/console", "router"},
	} {
		r, ok := room(c.from)
		if !ok || allowed(r, c.to) {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package documentation", short(p.ImportPath))
		}
	}
}

// No platform is named below its adapter: what differs is data.
func TestNoPlatformNamesBelowTheAdapters(t *testing.T) {
	names := []string{"telegram", "slack", "whatsapp", "discord"}
	for _, p := range packages(t) {
		path := short(p.ImportPath)
		if !matches("core/...", path) && !matches("queue/...", path) && !matches("session/...", path) &&
			!matches("models/...", path) && !matches("records/...", path) && !matches("skills/...", path) &&
			path != "adapters" && path != "adapters/document" && path != "adapters/transport" && path != "router" && path != "simulators" &&
			!matches("internal/httpserver", path) && !matches("internal/telemetry", path) {
			continue
		}
		for _, file := range p.GoFiles {
			scanWords(t, filepath.Join(p.Dir, file), names)
		}
	}
}

// scanWords looks at code, not at comments: a comment may give an example.
func scanWords(t *testing.T, path string, words []string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var sc scanner.Scanner
	sc.Init(set.AddFile(path, set.Base(), len(src)), src, nil, 0)
	for {
		pos, tok, lit := sc.Scan()
		if tok == token.EOF {
			return
		}
		for _, w := range words {
			if strings.Contains(strings.ToLower(lit), w) {
				t.Errorf("%s names %s", set.Position(pos), w)
			}
		}
	}
}
