package app

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/skills/sdk"
)

// Program is the program that the test's binary is in a skills' folder.
func Program() { sdk.Main(survey{}) }

// drop puts the test's own binary into a skills' folder, by rename.
func drop(t *testing.T, dir, name string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.Create(filepath.Join(dir, ".part"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to.Name(), filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// offers waits until the menu has a command, or has it no more.
func (w *town) offers(command string, want bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	there := func() bool {
		return slices.ContainsFunc(w.discord.Commands(), func(c discord.Command) bool { return c.Name == command })
	}
	if err := w.discord.Wait(ctx, func() bool { return w.discord.Connected() > 0 && len(w.discord.Commands()) > 0 && there() == want }); err != nil {
		w.t.Fatalf("the menu has %s: %t: %v\n%s", command, !want, err, w.log)
	}
}

// A program that is dropped into the folder of a running hub is a skill on its platforms, with
// its menu, its arguments and its questions; taken away, it is none any more.
func TestProgramsComeAndGo(t *testing.T) {
	w := newTown(t)
	w.stop()
	dir := t.TempDir()
	w.cfg.Skills.Folder, w.outside = dir, true
	w.start()
	w.offers("forecast", false)
	drop(t, dir, "survey")
	w.offers("forecast", true)
	w.want(w.tell("/forecast Linz"), `{"city":"Linz","days":3}`)
	w.want(w.tell("/keep something"), "kept")
	w.want(w.tell("/kept"), "something true")
	w.want(w.tell("/secret"), "7")
	w.want(w.tell("/survey"), "name?")
	w.stop()
	w.start() // the folder is read again, before anybody is heard
	w.offers("forecast", true)
	w.want(w.tell("Ada"), "color?")
	w.want(w.tell("green"), "Ada likes green")
	if err := os.Remove(filepath.Join(dir, "survey")); err != nil {
		t.Fatal(err)
	}
	w.offers("forecast", false)
	if got := w.tell("/forecast Linz"); strings.Contains(got, "Linz") {
		t.Errorf("it still answers %q", got)
	}
}
