package redisq_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// server is a redis-server of the test's own.
type server struct {
	t    testing.TB
	port int
	dir  string
	args []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{}
}

// startServer starts a redis-server in a directory of its own. It ends with the
// test. It writes its append-only file at once and leaves the syncing to the system:
// with everysec a busy disk would delay the writing, and stall the tests.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("redis-server is needed on PATH (make setup): %v", err)
	}
	s := &server{t: t, port: freePort(t), dir: t.TempDir()}
	s.args = append([]string{
		path, "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--logfile", filepath.Join(s.dir, "log"),
		"--save", "", "--appendonly", "yes", "--appendfsync", "no", "--daemonize", "no",
	}, args...)
	s.start()
	t.Cleanup(s.kill)
	return s
}

// ports that were given out in this process; the system may give one twice.
var ports struct {
	sync.Mutex
	given map[int]bool
}

// freePort finds a port that nobody uses, and whose cluster bus port is in range.
func freePort(t testing.TB) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		ports.Lock()
		fresh := port < 55000 && !ports.given[port]
		if fresh {
			if ports.given == nil {
				ports.given = map[int]bool{}
			}
			ports.given[port] = true
		}
		ports.Unlock()
		if fresh {
			return port
		}
	}
}

// start starts the process and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	cmd := exec.Command(s.args[0], s.args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	s.mu.Lock()
	s.cmd, s.gone = cmd, gone
	s.mu.Unlock()
	s.answers()
}

// answers waits until the server answers a PING, whatever the answer.
func (s *server) answers() {
	s.t.Helper()
	waitFor(s.t, "redis-server answers", func() error {
		c, err := net.DialTimeout("tcp", s.addr(), time.Second)
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("%w; its log: %s", err, log)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		if _, err := c.Write([]byte("PING\r\n")); err != nil {
			return err
		}
		buf := make([]byte, 64)
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(buf[:n]), "-LOADING") {
			return errors.New("loading")
		}
		return nil
	})
}

// signal sends a signal to the process.
func (s *server) signal(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Signal(sig)
}

// kill ends the process with -9 and waits for its end.
func (s *server) kill() {
	s.mu.Lock()
	cmd, gone := s.cmd, s.gone
	s.mu.Unlock()
	_ = cmd.Process.Kill()
	<-gone
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *server) url() string { return "redis://" + s.addr() }

// do sends one command, on a connection of its own.
func (s *server) do(args ...any) any {
	s.t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	answer, err := c.Do(context.Background(), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		s.t.Fatalf("%v: %v", args, err)
	}
	return answer
}

// waitFor tries until what is wanted is so.
func waitFor(t testing.TB, what string, try func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not in time: %v", what, err)
		}
	}
}

// startCluster starts a cluster of three masters and waits until all agree.
func startCluster(t testing.TB, args ...string) []*server {
	t.Helper()
	nodes := make([]*server, 3)
	for i := range nodes {
		nodes[i] = startServer(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf"}, args...)...)
	}
	for i, n := range nodes {
		n.do("CLUSTER", "ADDSLOTSRANGE", i*16384/3, (i+1)*16384/3-1)
		n.do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i > 0 {
			n.do("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
		}
	}
	for _, n := range nodes {
		n.clusterOK(3)
	}
	return nodes
}

func (s *server) clusterOK(nodes int) {
	s.t.Helper()
	waitFor(s.t, "cluster agrees", func() error {
		info, _ := s.do("CLUSTER", "INFO").(string)
		if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", nodes)) {
			return nil
		}
		return errors.New(info)
	})
}

func clusterURL(nodes []*server) string {
	addrs := make([]string, 0, len(nodes))
	for _, n := range nodes {
		addrs = append(addrs, n.addr())
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}

// sentinels is a master with a replica and three Sentinels that watch them.
type sentinels struct {
	master, replica *server
	watchers        []*server
}

func startSentinels(t testing.TB) *sentinels {
	t.Helper()
	s := &sentinels{master: startServer(t, "--repl-diskless-sync-delay", "0")}
	s.replica = startServer(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.master.port))
	waitFor(t, "replica follows", func() error {
		if info, _ := s.replica.do("INFO", "replication").(string); !strings.Contains(info, "master_link_status:up") {
			return errors.New(info)
		}
		return nil
	})
	for range 3 {
		s.watchers = append(s.watchers, startSentinel(t, s.master.port))
	}
	for _, w := range s.watchers {
		waitFor(t, "sentinels know each other", func() error {
			info, _ := w.do("INFO", "sentinel").(string)
			if !strings.Contains(info, "slaves=1,sentinels=3") {
				return errors.New(info)
			}
			return nil
		})
	}
	return s
}

func startSentinel(t testing.TB, master int) *server {
	t.Helper()
	s := &server{t: t, port: freePort(t), dir: t.TempDir()}
	config := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s\nsentinel monitor main 127.0.0.1 %d 2\nsentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n",
		s.port, s.dir, filepath.Join(s.dir, "log"), master)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	s.args = []string{path, config, "--sentinel"}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *sentinels) url() string {
	addrs := make([]string, 0, len(s.watchers))
	for _, w := range s.watchers {
		addrs = append(addrs, w.addr())
	}
	return "redis+sentinel://" + strings.Join(addrs, ",") + "/main"
}
