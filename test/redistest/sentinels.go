package redistest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Sentinels is a master with a replica and three Sentinels that watch them.
type Sentinels struct {
	Master, Replica *Server
	Watchers        []*Server
}

// StartSentinels starts them, on free ports.
func StartSentinels(t testing.TB) *Sentinels {
	t.Helper()
	return StartSentinelsBehind(t, nil)
}

// StartSentinelsBehind starts them; all announce the addresses of front.
func StartSentinelsBehind(t testing.TB, front Front) *Sentinels {
	t.Helper()
	s := &Sentinels{Master: start(t, front, "--repl-diskless-sync-delay", "0")}
	s.Replica = start(t, front, "--repl-diskless-sync-delay", "0")
	s.Replica.Do("REPLICAOF", "127.0.0.1", s.Master.Announced)
	s.Replica.Do("CONFIG", "REWRITE")
	s.Replica.follows()
	for range 3 {
		s.Watchers = append(s.Watchers, startSentinel(t, front, s.Master.Announced))
	}
	for _, w := range s.Watchers {
		WaitFor(t, "sentinels know each other", func() error {
			info, _ := w.Do("INFO", "sentinel").(string)
			if !strings.Contains(info, "slaves=1,sentinels=3") {
				return errors.New(info)
			}
			return nil
		})
	}
	return s
}

func startSentinel(t testing.TB, front Front, master int) *Server {
	t.Helper()
	s := &Server{t: t, Port: FreePort(t), Dir: t.TempDir()}
	s.Announced = front.of(s.Port)
	config := filepath.Join(s.Dir, "sentinel.conf")
	text := fmt.Sprintf(`port %d
bind 127.0.0.1
dir %s
logfile %s
sentinel announce-ip 127.0.0.1
sentinel announce-port %d
sentinel monitor main 127.0.0.1 %d 2
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 5000
`, s.Port, s.Dir, filepath.Join(s.Dir, "log"), s.Announced, master)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	s.args = []string{path, config, "--sentinel"}
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// URL names the Sentinels and their master.
func (s *Sentinels) URL() string {
	addrs := make([]string, 0, len(s.Watchers))
	for _, w := range s.Watchers {
		addrs = append(addrs, w.announced())
	}
	return "redis+sentinel://" + strings.Join(addrs, ",") + "/main"
}
