package program

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rs/zerolog"
)

// What a killed hub leaves is known by its lock, which nobody holds any more. What another hub
// uses, what is no place, and what may just be made stays.
func TestLeftoversGo(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	other, err := NewPlace(zerolog.Nop()) // of another hub: locks are of open files, not of processes
	if err != nil {
		t.Fatal(err)
	}
	if other.lock == nil {
		t.Skip("this system has no such locks")
	}
	in := func(names ...string) string { return filepath.Join(append([]string{temp}, names...)...) }
	elsewhere := filepath.Join(t.TempDir(), "precious")
	for _, dir := range []string{in(places+"killed", "1234"), in(places + "young"), in("parley-test", "x"), elsewhere} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{in(places+"killed", lockName), in(places+"killed", "weather-1"), in(places+"killed", "1234", "plugin1"), in("parley-test", lockName), filepath.Join(elsewhere, lockName), in(places + "file")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{in(places + "link"): elsewhere, in(places+"killed", "away"): elsewhere, in(places+"young", lockName): filepath.Join(elsewhere, lockName)} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	own, err := NewPlace(zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"parley-test", places + "file", places + "link", places + "young", filepath.Base(other.Dir), filepath.Base(own.Dir)}
	slices.Sort(want)
	if got := names(t, temp); !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
	if got := names(t, elsewhere); !slices.Equal(got, []string{lockName}) {
		t.Errorf("elsewhere there is %q", got)
	}
	for _, p := range []*Place{own, other} {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := names(t, temp); slices.Contains(got, filepath.Base(own.Dir)) || slices.Contains(got, filepath.Base(other.Dir)) {
		t.Errorf("at the end there is %q", got)
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
