package e2e

import (
	"strings"
	"testing"

	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/test/hubtest"
	"github.com/parley-hub/parley/test/redistest"
)

// TestDoctor says of each setting of Redis what a crash could lose, and of what would
// keep the hub from its work that it does.
func TestDoctor(t *testing.T) {
	t.Parallel()
	worker := hubtest.Serve(t, modeltest.New(modeltest.Options{}))
	one := redistest.Start(t, "--aof-load-truncated", "yes")
	watched := redistest.StartSentinels(t)
	for name, c := range map[string]struct {
		env  []string
		code int
		want []string
	}{
		"alone": {
			env: []string{"PARLEY_MODELS_POOLS_CHAT_MODEL=fake", "PARLEY_MODELS_POOLS_CHAT_WORKERS_0_URL=" + worker},
			want: []string{
				"./data is not there yet", "neither a crash nor a loss of power loses what was accepted", "pool chat: " + strings.TrimPrefix(worker, "http://") + " answers",
			},
		},
		"no worker": {
			env:  []string{"PARLEY_MODELS_POOLS_CHAT_MODEL=fake", "PARLEY_MODELS_POOLS_CHAT_WORKERS_0_URL=http://127.0.0.1:1"},
			code: 1, want: []string{"models    FAILS"},
		},
		"one Redis": {
			env:  []string{"PARLEY_REDIS_URL=" + one.URL()},
			want: []string{"0 replicas", "a loss of power as much as the system had not written yet (appendfsync no)", "set aof-load-truncated no", "nobody takes over", "set media.s3"},
		},
		"Sentinel": {
			env:  []string{"PARLEY_REDIS_URL=" + watched.URL()},
			want: []string{"1 replicas", "set redis.replicas to 1"},
		},
		"Sentinel, waiting": {
			env:  []string{"PARLEY_REDIS_URL=" + watched.URL(), "PARLEY_REDIS_REPLICAS=1"},
			want: []string{"a failover loses nothing that was accepted"},
		},
		"waiting for more than there are": {
			env:  []string{"PARLEY_REDIS_URL=" + watched.URL(), "PARLEY_REDIS_REPLICAS=2"},
			code: 1, want: []string{"redis.replicas is 2 and 1 follow"},
		},
		"no Redis": {
			env:  []string{"PARLEY_REDIS_URL=redis://u:geheim@127.0.0.1:1"},
			code: 1, want: []string{"mailboxes FAILS", "cannot reach Redis"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := hubtest.Run(t, t.TempDir(), c.env, "doctor")
			for _, want := range c.want {
				if !strings.Contains(got.Out, want) {
					t.Errorf("%q is missing in:\n%s", want, got.Out)
				}
			}
			if got.Code != c.code || strings.Contains(got.Out+got.ErrOut, "geheim") {
				t.Errorf("exit code %d\n%s\n%s", got.Code, got.Out, got.ErrOut)
			}
		})
	}
}
