package e2e

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/test/hubtest"
)

// walkCommand is one line of the guide's block: VARIABLES parley ARGUMENTS # why.
type walkCommand struct {
	line      string
	env, args []string
	behind    bool // it goes on while the next ones run
}

// walk reads the commands by which docs/how-to-add-a-skill.md goes from an empty folder to a
// skill that answers.
func walk(t *testing.T) (all []walkCommand) {
	t.Helper()
	guide, err := os.ReadFile("../../docs/how-to-add-a-skill.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(guide), "From an empty folder:\n\n```sh\n")
	block, _, ended := strings.Cut(rest, "```")
	if !ok || !ended {
		t.Fatal("the guide has no commands that lead from an empty folder")
	}
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		c := walkCommand{line: strings.Join(words, " ")}
		for len(words) > 0 && strings.Contains(words[0], "=") {
			c.env, words = append(c.env, words[0]), words[1:]
		}
		if len(words) < 2 || words[0] != "parley" {
			t.Fatalf("the guide has a command that is none of parley's: %s", c.line)
		}
		c.args = words[1:]
		if last := len(c.args) - 1; c.args[last] == "&" {
			c.args, c.behind = c.args[:last], true
		}
		all = append(all, c)
	}
	return all
}

// TestGuideFromAnEmptyFolder runs the guide's own commands and has the skill answer on the four
// phones of the playground. How long each took is printed.
func TestGuideFromAnEmptyFolder(t *testing.T) {
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	hubtest.Binary(t) // the reader has parley already
	hub := hubtest.New(t, "")
	p := player{t, hub}
	began := time.Now()
	for _, c := range walk(t) {
		at := time.Now()
		for i, arg := range c.args {
			if arg == "~/src/parley" { // where the reader has it
				c.args[i] = source
			}
		}
		if c.behind {
			hub.SetEnv(append(c.env, "PARLEY_HTTP_LISTEN="+hub.Address)...)
			hub.StartWith(c.args...)
			hub.WaitReady()
		} else {
			out := guided(t, hub.Dir, c)
			if len(c.args) > 1 && c.args[1] == "run" && !strings.Contains(out, "HELLO") {
				t.Errorf("%s answers %q", c.line, out)
			}
		}
		t.Logf("%6.1f s  %s", time.Since(at).Seconds(), c.line)
	}
	at := time.Now()
	for _, phone := range phoneNames {
		p.eventually("the skill answers on "+phone, func() bool {
			// The hub looks at its folder twice a second; what came before is answered otherwise.
			before := len(p.answers(phone + "-ada"))
			p.say(phone, "private", "ada", "/shout hello")
			p.eventually("an answer on "+phone, func() bool { return len(p.answers(phone+"-ada")) > before })
			return strings.Contains(p.answers(phone + "-ada")[before], "HELLO")
		})
	}
	t.Logf("%6.1f s  /shout hello on four phones", time.Since(at).Seconds())
	t.Logf("%6.1f s  in all", time.Since(began).Seconds())
	if code := hub.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// guided runs a command as its reader would, who plays with the skill when asked.
func guided(t *testing.T, dir string, c walkCommand) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*hubtest.Patience) // it builds
	defer cancel()
	cmd := exec.CommandContext(ctx, hubtest.Binary(t), c.args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, append(os.Environ(), c.env...), strings.NewReader("/shout hello\n")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, io.MultiWriter(&errOut, t.Output())
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", c.line, err, &out, &errOut)
	}
	return out.String()
}
