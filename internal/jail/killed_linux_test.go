package jail

import (
	"errors"
	"os/exec"
	"testing"
)

// A launcher that was killed is not taken for a system that holds nothing.
func TestKilled(t *testing.T) {
	for script, want := range map[string]bool{"kill -KILL $$": true, "kill -SYS $$": false, "exit 1": false, "exit 137": false} {
		_, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
		if got := killed(errors.Join(err, errors.New("what it said"))); got != want {
			t.Errorf("%s: %t, %v", script, got, err)
		}
	}
	if killed(errors.New("no such file")) {
		t.Error("one that never began was killed")
	}
}
