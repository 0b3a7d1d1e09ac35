package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadSkills puts programs into the folder of a hub that runs which are none that it can
// take: the operator reads why, it is counted, and the others go on. What people read of
// those that are taken and misbehave then is among the escapes.
func TestBadSkills(t *testing.T) {
	f := newFortress(t)
	for _, c := range []struct {
		file string
		log  []string
	}{
		{"crashes", []string{"it is no skill, or ended before it could be asked", "cannot find my left shoe"}},
		{"older", []string{"it speaks another version of the plugin protocol", "this hub speaks version 1"}},
		{"newer", []string{"it speaks another version of the plugin protocol", "this hub speaks version 1"}},
		{"errors", []string{"its manifest is wrong", "timeout -1s is negative", "Not Good", `host \"http://x/\"`, "memory -1 is negative"}},
		{"twin", []string{"there are two of this name"}},
		{"changed", []string{"the file may not be started", "is not among those allowed"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			f.t = t
			f.drop(c.file)
			f.counted(`parley_plugin_events_total{event="refused",plugin="` + c.file + `"}`)
			at := filepath.Join(f.folder, c.file)
			var line string
			for l := range strings.Lines(f.log.String()) {
				if strings.Contains(l, at+`"`) && strings.Contains(l, "was not taken") {
					line = l
				}
			}
			for _, words := range c.log {
				if !strings.Contains(line, words) {
					t.Errorf("the operator does not read %q: %s", words, line)
				}
			}
			f.answersOthers()
		})
	}
	f.t = t
}

// drop puts the program into the folder under another name, as one that somebody changed
// for the name "changed".
func (f *fortress) drop(name string) {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.folder, "escapes"))
	if err != nil {
		f.t.Fatal(err)
	}
	if name == "changed" {
		data = append(data, "?"...)
	}
	part := filepath.Join(f.folder, ".part")
	if err := os.WriteFile(part, data, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(part, filepath.Join(f.folder, name)); err != nil {
		f.t.Fatal(err)
	}
}
