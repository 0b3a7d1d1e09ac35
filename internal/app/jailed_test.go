package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/skills/plugin"
)

// The lower one of what a manifest asks for and what the operator allows holds.
func TestLimitsOfTheOperator(t *testing.T) {
	dir := t.TempDir()
	program, own := filepath.Join(dir, "program"), filepath.Join(dir, "own")
	if err := os.WriteFile(program, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		most configs.SkillLimits
		asks int64
		want int64
		cpu  int64
	}{
		{configs.SkillLimits{}, 0, 256 << 20, 0},
		{configs.SkillLimits{}, 512 << 20, 512 << 20, 0},
		{configs.SkillLimits{Memory: 128 << 20}, 0, 128 << 20, 0},
		{configs.SkillLimits{Memory: 128 << 20}, 512 << 20, 128 << 20, 0},
		{configs.SkillLimits{Memory: 1 << 30, CPU: time.Hour}, 64 << 20, 64 << 20, 3600},
	} {
		cmd, err := jailed(c.most).start(plugin.Program{Path: program, Dir: own, Memory: c.asks})
		if err != nil {
			t.Fatal(err)
		}
		// What the launcher is to do stands in its arguments (internal/jail).
		var plan struct{ Memory, CPU int64 }
		if err := json.Unmarshal([]byte(cmd.Args[1]), &plan); err != nil {
			t.Fatal(err)
		}
		if plan.Memory != c.want || plan.CPU != c.cpu {
			t.Errorf("%+v, %d asked for: %+v", c.most, c.asks, plan)
		}
	}
}
