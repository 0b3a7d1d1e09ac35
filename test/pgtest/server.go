// Package pgtest runs a real PostgreSQL for tests: one server for a test's process,
// started by the first test that asks, and a database of its own for each. The server
// ends with the process, however that ends.
package pgtest

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/postgres"
)

// Password is that of the server's one user, postgres.
const Password = "a pass/word%of@tests"

// Database is a database of one test.
type Database struct {
	tb   testing.TB
	Name string
	// Host is where the server listens, HOST:PORT.
	Host string
}

// URL is the database's address.
func (d Database) URL() secret.String { return d.At(d.Host) }

// At is its address through another host, such as a proxy before the server.
func (d Database) At(host string) secret.String {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", Password), Host: host, Path: "/" + d.Name}
	return secret.New(u.String())
}

// Open opens the database beside who is tested; it is closed with the test.
func (d Database) Open() *sql.DB {
	d.tb.Helper()
	db, err := postgres.Open(context.Background(), postgres.Options{URL: d.URL(), Connections: 2})
	if err != nil {
		d.tb.Fatal(err)
	}
	d.tb.Cleanup(func() { _ = db.Close() })
	return db
}

// Exec runs a statement in the database.
func (d Database) Exec(statement string, args ...any) {
	d.tb.Helper()
	db := d.Open()
	if _, err := db.ExecContext(context.Background(), statement, args...); err != nil {
		d.tb.Fatalf("%s: %v", statement, err)
	}
	_ = db.Close()
}

// Cut ends every connection to the database, as a server that restarts does.
func (d Database) Cut() {
	d.tb.Helper()
	d.admin().Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, d.Name)
}

// Shut lets nobody in any more, and ends every connection; Reopen lets in again.
func (d Database) Shut() {
	d.tb.Helper()
	d.admin().Exec(`ALTER DATABASE ` + d.Name + ` ALLOW_CONNECTIONS false`)
	d.Cut()
}

// Reopen ends a Shut.
func (d Database) Reopen() {
	d.tb.Helper()
	d.admin().Exec(`ALTER DATABASE ` + d.Name + ` ALLOW_CONNECTIONS true`)
}

// admin is the database from which others are made and shut.
func (d Database) admin() Database { return Database{tb: d.tb, Name: "postgres", Host: d.Host} }

var databases atomic.Int64

// New makes an empty database, which is dropped with the test. Without PostgreSQL the
// test fails.
func New(tb testing.TB) Database {
	tb.Helper()
	s, err := start()
	if err != nil {
		tb.Fatal(err)
	}
	d := Database{tb: tb, Name: fmt.Sprintf("test%d", databases.Add(1)), Host: s.host}
	admin := d.admin()
	admin.Exec(`CREATE DATABASE ` + d.Name)
	tb.Cleanup(func() {
		db, err := postgres.Open(context.Background(), postgres.Options{URL: admin.URL(), Connections: 1})
		if err == nil {
			_, err = db.ExecContext(context.Background(), `DROP DATABASE IF EXISTS `+d.Name+` WITH (FORCE)`)
			err = errors.Join(err, db.Close())
		}
		if err != nil {
			tb.Errorf("drop database: %v", err)
		}
	})
	return d
}

// script makes a server in $1 and says "ready" on its output. With each line of its input
// it crashes the server, starts it again, and says "ready" once more. It ends the server
// when its input ends: when the test's process does, by whatever. Nothing is synced to the
// disk, but what was committed is with the system: it survives the server, not the machine.
const script = `
cd "$1" && {
  "$2/initdb" -D data -U postgres -A scram-sha-256 --pwfile=password --no-sync -E UTF8 --locale=C.UTF-8 >log 2>&1 &&
  "$2/pg_ctl" -D data -l log -w -t 120 -o "-c listen_addresses=127.0.0.1 -p $3 -k $1 -c fsync=off -c full_page_writes=off
    -c shared_buffers=32MB -c max_connections=200" start >>log 2>&1 && echo ready
} || { cat log; cd / && rm -rf "$1"; exit 1; }
while read -r _; do "$2/pg_ctl" -D data -l log -w -t 120 -m immediate restart >>log 2>&1 && echo ready || cat log; done
"$2/pg_ctl" -D data -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$1"
`

// server is the one of this process. It holds the pipe whose end ends it.
type server struct {
	host string
	cmd  *exec.Cmd

	mu       sync.Mutex
	restarts io.Writer
	lines    *bufio.Scanner
}

// start starts the server, once.
var start = sync.OnceValues(func() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(Password+"\n"), 0o600); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", "-c", script, "sh", dir, bin, strconv.Itoa(port))
	// A group of its own: an interrupt from the keyboard must not end it before the tests.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		if err := unprivileged(cmd, dir); err != nil {
			return nil, err
		}
	}
	restarts, err := cmd.StdinPipe() // stays open as long as this process lives
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), cmd: cmd, restarts: restarts, lines: bufio.NewScanner(out)}
	return s, s.ready()
})

// ready waits until the server says that it is.
func (s *server) ready() error {
	var said []string
	for s.lines.Scan() {
		if s.lines.Text() == "ready" {
			return nil
		}
		said = append(said, s.lines.Text())
	}
	return fmt.Errorf("PostgreSQL does not start: %s", strings.Join(said, "; "))
}

// Restart crashes the server, and starts it again: for every test of this process.
func (d Database) Restart() error {
	s, err := start()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.restarts, "again\n"); err != nil {
		return err
	}
	return s.ready()
}

// binaries finds the folder with PostgreSQL's programs: beside the postgres on PATH, or
// where Debian puts them, the newest one.
func binaries() (string, error) {
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(path))
		}
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(debian, func(a, b string) int { return release(b) - release(a) })
	for _, folder := range append(folders, debian...) {
		if !slices.ContainsFunc([]string{"postgres", "initdb", "pg_ctl"}, func(name string) bool {
			_, err := os.Stat(filepath.Join(folder, name))
			return err != nil
		}) {
			return folder, nil
		}
	}
	return "", errors.New("PostgreSQL is needed, with initdb and pg_ctl: on PATH or in /usr/lib/postgresql (make setup)")
}

func release(folder string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return n
}

// unprivileged has a command run as somebody else, who gets the folder.
func unprivileged(cmd *exec.Cmd, dir string) error {
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return fmt.Errorf("PostgreSQL does not run as root, and there is neither postgres nor nobody: %w", err)
		}
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return err
	}
	for _, path := range []string{dir, filepath.Join(dir, "password")} {
		if err := os.Chown(path, int(uid), int(gid)); err != nil {
			return err
		}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	cmd.Dir = dir
	return nil
}

// freePort finds a port that nobody uses, nor gets by chance while the server restarts: it
// lies below those that systems draw from.
func freePort() (int, error) {
	for range 1000 {
		port := 30_000 + rand.IntN(2_700)
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}
