package redistest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// Patience is how long a test waits for what must happen.
const Patience = 30 * time.Second

// Front makes the address that a server announces, such as a proxy's, from the port at
// which it listens, and gives its port. Nil announces the server's own.
type Front func(port int) int

func (f Front) of(port int) int {
	if f == nil {
		return port
	}
	return f(port)
}

// Server is a redis-server of the test's own.
type Server struct {
	t    testing.TB
	Port int
	// Announced is the port where those look for it who were told of it.
	Announced int
	Dir       string
	args      []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{}
}

// Start starts a redis-server in a directory of its own. It ends with the
// test. It writes its append-only file at once and leaves the syncing to the system:
// with everysec a busy disk would delay the writing, and stall the tests.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, nil, args...)
}

func start(t testing.TB, front Front, args ...string) *Server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("redis-server is needed on PATH (make setup): %v", err)
	}
	s := &Server{t: t, Port: FreePort(t), Dir: t.TempDir()}
	s.Announced = front.of(s.Port)
	// Sentinel writes into its file whom a server follows, which outlives the process.
	file := filepath.Join(s.Dir, "redis.conf")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = append([]string{
		path, file, "--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--dir", s.Dir, "--logfile", filepath.Join(s.Dir, "log"),
		"--save", "", "--appendonly", "yes", "--appendfsync", "no", "--aof-load-truncated", "no", "--daemonize", "no",
		"--replica-announce-ip", "127.0.0.1", "--replica-announce-port", strconv.Itoa(s.Announced),
		"--cluster-announce-port", strconv.Itoa(s.Announced), "--cluster-announce-bus-port", strconv.Itoa(s.Port + busOffset),
	}, args...)
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// ports that were given out in this process; none is given twice.
var ports struct {
	sync.Mutex
	given map[int]bool
}

// FreePort finds a port that nobody uses, nor gets by chance while its server is down:
// it and its cluster bus port lie below the ports that systems draw from.
func FreePort(t testing.TB) int {
	t.Helper()
	for {
		port := 10_000 + rand.IntN(5_000)
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		ports.Lock()
		fresh := !ports.given[port]
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

// Restart starts the process, again after Kill, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.mend()
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

// mend cuts half a step off the append-only file's end, as whoever runs Redis has to
// (docs/redis-protocol.md). The checking program is the server under its other name.
func (s *Server) mend() {
	s.t.Helper()
	file := filepath.Join(s.Dir, "appendonlydir", "appendonly.aof.manifest")
	if _, err := os.Stat(file); err != nil {
		return // it was never started, or keeps no file
	}
	check := exec.Command(s.args[0])
	check.Args = []string{"redis-check-aof", "--fix", file}
	check.Stdin = strings.NewReader("y\n")
	if out, err := check.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", file, err, out)
	}
}

// answers waits until the server answers a PING, whatever the answer.
func (s *Server) answers() {
	s.t.Helper()
	WaitFor(s.t, "redis-server answers", func() error {
		c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			return fmt.Errorf("%w; its log: %s", err, log)
		}
		defer func() { _ = c.Close() }() // only a question
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

// Signal sends a signal to the process.
func (s *Server) Signal(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Signal(sig)
}

// Kill ends the process with -9 and waits for its end.
func (s *Server) Kill() {
	s.mu.Lock()
	cmd, gone := s.cmd, s.gone
	s.mu.Unlock()
	_ = cmd.Process.Kill()
	<-gone
}

// Addr is its host and port, where it listens.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL is where clients find it.
func (s *Server) URL() string { return "redis://" + s.announced() }

func (s *Server) announced() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Announced)) }

// Do sends one command, on a connection of its own.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	answer, err := s.Try(args...)
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return answer
}

// Try is Do of a server that may not answer.
func (s *Server) Try(args ...any) (any, error) {
	silence()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = c.Close() }() // only a question
	answer, err := c.Do(context.Background(), args...).Result()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	return answer, err
}

// quiet takes what the client library would print of a server that is down; the error
// tells it. The library has one logger for the whole process.
type quiet struct{}

// Printf drops the line.
func (quiet) Printf(context.Context, string, ...any) {}

var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })

// WaitFor tries until what is wanted is so.
func WaitFor(t testing.TB, what string, try func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(Patience)
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

// StartCluster starts a cluster of three masters and waits until all agree.
func StartCluster(t testing.TB, args ...string) []*Server {
	t.Helper()
	return startMasters(t, nil, args...)
}

// StartClusterBehind starts a cluster of three masters with a replica each, which
// announce the addresses of front, and waits until all agree and the replicas follow.
// The masters come first; the replica of each is three behind it.
func StartClusterBehind(t testing.TB, front Front, args ...string) []*Server {
	t.Helper()
	nodes := startMasters(t, front, args...)
	for _, master := range nodes[:3] {
		replica := startNode(t, front, args...)
		nodes = append(nodes, replica)
		replica.meet(nodes[0])
		id, _ := master.Do("CLUSTER", "MYID").(string)
		WaitFor(t, "replica knows its master", func() error {
			if known, _ := replica.Do("CLUSTER", "NODES").(string); !strings.Contains(known, id) {
				return errors.New(known)
			}
			return nil
		})
		replica.Do("CLUSTER", "REPLICATE", id)
		replica.follows()
	}
	for _, n := range nodes {
		n.clusterOK(6)
	}
	return nodes
}

func startNode(t testing.TB, front Front, args ...string) *Server {
	t.Helper()
	return start(t, front, append([]string{
		"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf", "--repl-diskless-sync-delay", "0",
	}, args...)...)
}

func startMasters(t testing.TB, front Front, args ...string) []*Server {
	t.Helper()
	nodes := make([]*Server, 3)
	for i := range nodes {
		nodes[i] = startNode(t, front, args...)
	}
	for i, n := range nodes {
		n.Do("CLUSTER", "ADDSLOTSRANGE", i*16384/3, (i+1)*16384/3-1)
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i > 0 {
			n.meet(nodes[0])
		}
	}
	for _, n := range nodes {
		n.clusterOK(3)
	}
	return nodes
}

// meet joins the cluster of another node.
func (s *Server) meet(other *Server) {
	s.t.Helper()
	s.Do("CLUSTER", "MEET", "127.0.0.1", other.Announced, other.Port+busOffset)
}

// busOffset is where a node's bus port lies behind its port.
const busOffset = 10_000

// follows waits until the server's link to its master is up.
func (s *Server) follows() {
	s.t.Helper()
	WaitFor(s.t, "replica follows", func() error {
		if info, _ := s.Do("INFO", "replication").(string); !strings.Contains(info, "master_link_status:up") {
			return errors.New(info)
		}
		return nil
	})
}

func (s *Server) clusterOK(nodes int) {
	s.t.Helper()
	WaitFor(s.t, "cluster agrees", func() error {
		info, _ := s.Do("CLUSTER", "INFO").(string)
		if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", nodes)) {
			return nil
		}
		return errors.New(info)
	})
}

// ClusterURL names all servers of a cluster.
func ClusterURL(nodes []*Server) string {
	addrs := make([]string, 0, len(nodes))
	for _, n := range nodes {
		addrs = append(addrs, n.announced())
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}
