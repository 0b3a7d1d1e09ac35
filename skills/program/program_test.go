package program_test

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/skills/program"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTail(t *testing.T) {
	var tail program.Tail
	for _, words := range []string{strings.Repeat("a", program.MaxTail), "bcd", ""} {
		if n, err := io.WriteString(&tail, words); n != len(words) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if got, want := tail.String(), strings.Repeat("a", program.MaxTail-3)+"bcd"; got != want {
		t.Errorf("%d bytes that end with %q", len(got), got[len(got)-5:])
	}
}

// What a program started ends with it: else its output would not end.
func TestKill(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo started; wait")
	program.Group(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	if err := program.Kill(cmd.Process); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ended by itself")
	}
}
