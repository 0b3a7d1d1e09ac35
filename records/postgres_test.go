package records_test

import (
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/records/recordstest"
	"github.com/parley-hub/parley/test/pgtest"
)

func openPostgres(t *testing.T, d pgtest.Database) *records.SQL {
	t.Helper()
	s, err := records.OpenPostgres(t.Context(), records.PostgresOptions{URL: d.URL()})
	if err != nil {
		t.Fatalf("OpenPostgres: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestPostgres(t *testing.T) {
	recordstest.Run(t, func(t *testing.T) records.Store {
		t.Helper()
		return openPostgres(t, pgtest.New(t))
	})
}

func TestPostgresPeople(t *testing.T) {
	recordstest.RunPeople(t, func(t *testing.T) recordstest.Records {
		t.Helper()
		return openPostgres(t, pgtest.New(t))
	})
}

func TestPostgresNodes(t *testing.T) {
	recordstest.RunNodes(t, func(t *testing.T, nodes int) (out []recordstest.Records) {
		t.Helper()
		d := pgtest.New(t)
		for range nodes {
			out = append(out, openPostgres(t, d))
		}
		return out
	})
}

// Three nodes start at once on an empty database: the tables are made once.
func TestPostgresNodesMigrateOnce(t *testing.T) {
	d := pgtest.New(t)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			s, err := records.OpenPostgres(t.Context(), records.PostgresOptions{URL: d.URL()})
			if err != nil {
				t.Errorf("OpenPostgres: %v", err)
				return
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	group.Wait()
	var rows, versions int
	err := d.Open().QueryRowContext(t.Context(), `SELECT count(*), count(DISTINCT version_id) FROM records_version`).Scan(&rows, &versions)
	if err != nil || rows != versions || rows < 2 {
		t.Errorf("%d migrations were done, %d different ones, %v", rows, versions, err)
	}
}

func TestPostgresOfANewerBuild(t *testing.T) {
	d := pgtest.New(t)
	if err := openPostgres(t, d).Close(); err != nil {
		t.Fatal(err)
	}
	d.Exec(`INSERT INTO records_version (version_id, is_applied) VALUES (9999, TRUE)`)
	d.Exec(`ALTER TABLE transcripts ADD COLUMN of_the_future TEXT`)
	before := tablesOf(t, d)
	_, err := records.OpenPostgres(t.Context(), records.PostgresOptions{URL: d.URL()})
	if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("OpenPostgres = %v (%v)", err, fault.ClassOf(err))
	}
	if diff := cmp.Diff(before, tablesOf(t, d)); diff != "" {
		t.Errorf("it changed the tables:\n%s", diff)
	}
}

// tablesOf lists the columns of all tables, without goose's own, by name.
func tablesOf(t *testing.T, d pgtest.Database) []string {
	t.Helper()
	return list(t, d.Open(), `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name <> 'records_version' ORDER BY 1`)
}

func list(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// The migrations of the two databases come to the same tables and indexes.
func TestBothDatabasesHaveTheSameTables(t *testing.T) {
	d := pgtest.New(t)
	openPostgres(t, d)
	path := filepath.Join(t.TempDir(), "records.db")
	open(t, path)
	const columns = `SELECT m.name || '.' || c.name || ' ' || lower(c.type) || ' NO' FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%' AND c."notnull" = 1 ORDER BY 1`
	if diff := cmp.Diff(list(t, raw(t, path), columns), tablesOf(t, d)); diff != "" {
		t.Errorf("columns (-SQLite +PostgreSQL):\n%s", diff)
	}
	indexes := list(t, raw(t, path), `SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1`)
	if diff := cmp.Diff(indexes, list(t, d.Open(), `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE '%\_by\_%' ORDER BY 1`)); diff != "" {
		t.Errorf("indexes (-SQLite +PostgreSQL):\n%s", diff)
	}
	if other := list(t, d.Open(), `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`); len(other) > 0 {
		t.Errorf("text that is not compared byte by byte: %v", other)
	}
}

// What was under way when the server went is a Retryable fault, and goes on with the
// next call; what was written is there.
func TestPostgresLosesItsConnections(t *testing.T) {
	d := pgtest.New(t)
	p := newProxy(t, d.Host)
	s, err := records.OpenPostgres(t.Context(), records.PostgresOptions{URL: d.At(p.address)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for n := range 5 {
		again(t, func() error { return s.Write(t.Context(), []records.Entry{entry(fmt.Sprint(n, "/in"), "x")}) })
		p.cut()
		for name, err := range map[string]error{
			"Write":      s.Write(t.Context(), []records.Entry{entry("lost/in", "x")}),
			"Export":     s.Export(t.Context(), "p", func(records.Entry) error { return nil }),
			"LinksSince": func() error { _, _, _, err := s.LinksSince(t.Context(), records.Mark{}); return err }(),
		} {
			if fault.ClassOf(err) != fault.Retryable {
				t.Errorf("%s without a server = %v (%v)", name, err, fault.ClassOf(err))
			}
		}
		p.heal()
		got := 0
		again(t, func() error {
			got = 0
			return s.Export(t.Context(), "p", func(records.Entry) error { got++; return nil })
		})
		if got != n+1 {
			t.Fatalf("%d entries, want %d", got, n+1)
		}
	}
	// Cut in the middle: an export that loses its server says so, and hands over nothing twice.
	seen := 0
	err = s.Export(t.Context(), "p", func(records.Entry) error {
		if seen++; seen == 1 {
			d.Cut()
		}
		return nil
	})
	if err != nil && fault.ClassOf(err) != fault.Retryable || seen > 5 {
		t.Errorf("Export = %v (%v) after %d entries", err, fault.ClassOf(err), seen)
	}
	// A server that takes no writes is one that fails over.
	d.Exec(`ALTER DATABASE ` + d.Name + ` SET default_transaction_read_only = on`)
	d.Cut()
	if err := s.Write(t.Context(), []records.Entry{entry("lost/in", "x")}); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("Write to a server that only reads = %v (%v)", err, fault.ClassOf(err))
	}
}

// again calls f as the hub would: a connection that went unseen is a Retryable fault,
// and there are not more of them than the pool holds.
func again(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for range 10 {
		if err = f(); err == nil {
			return
		}
		if fault.ClassOf(err) != fault.Retryable {
			break
		}
	}
	t.Fatalf("it does not go on: %v (%v)", err, fault.ClassOf(err))
}

func TestReadPostgresLinks(t *testing.T) {
	d := pgtest.New(t)
	o := records.PostgresOptions{URL: d.URL()}
	if links, err := records.ReadPostgresLinks(t.Context(), o); err != nil || links != nil {
		t.Errorf("without records: %v, %v", links, err)
	}
	if tables := tablesOf(t, d); len(tables) > 0 {
		t.Errorf("it made %v", tables)
	}
	s := openPostgres(t, d)
	_, err := s.Join(t.Context(), records.Cause{Turn: "t", Actor: records.Operator, At: time.Now()},
		records.Account{Who: core.Sender{Realm: "r", ID: "1"}}, records.Account{Who: core.Sender{Realm: "s", ID: "2"}})
	if err != nil {
		t.Fatal(err)
	}
	if links, err := records.ReadPostgresLinks(t.Context(), o); err != nil || len(links) != 2 {
		t.Errorf("%v, %v", links, err)
	}
}

// A user who may make no tables is told so, by a fault for a human.
func TestPostgresWithoutRights(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(`CREATE ROLE ` + d.Name + ` LOGIN PASSWORD 'secret'`)
	t.Cleanup(func() { d.Exec(`DROP OWNED BY ` + d.Name); d.Exec(`DROP ROLE ` + d.Name) })
	u, err := url.Parse(d.URL().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(d.Name, "secret")
	d.Exec(`REVOKE ALL ON SCHEMA public FROM PUBLIC`)
	for grant, want := range map[string]string{"": "schema", "GRANT USAGE ON SCHEMA public TO " + d.Name: "permission denied"} {
		if grant != "" {
			d.Exec(grant)
		}
		_, err := records.OpenPostgres(t.Context(), records.PostgresOptions{URL: secret.New(u.String())})
		if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenPostgres = %v (%v)", err, fault.ClassOf(err))
		}
	}
}

// proxy stands before a server and can be cut.
type proxy struct {
	t       *testing.T
	address string
	target  string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
	group sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, address: l.Addr().String(), target: target, conns: map[net.Conn]bool{}}
	p.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.group.Go(func() { p.pass(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.group.Wait()
	})
	return p
}

func (p *proxy) pass(c net.Conn) {
	defer func() { _ = c.Close() }()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	p.mu.Lock()
	if p.down {
		p.mu.Unlock()
		return
	}
	p.conns[c], p.conns[server] = true, true
	p.mu.Unlock()
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{c: server, server: c} {
		both.Go(func() {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		})
	}
	both.Wait()
}

// cut ends all connections, and those that come until heal.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

func TestPostgresUsage(t *testing.T) {
	recordstest.RunUsage(t, func(t *testing.T) recordstest.Records {
		t.Helper()
		return openPostgres(t, pgtest.New(t))
	})
}

func TestReadPostgresUsage(t *testing.T) {
	d := pgtest.New(t)
	o := records.PostgresOptions{URL: d.URL()}
	if sums, there, err := records.ReadPostgresUsage(t.Context(), o, records.UsageFilter{}); sums != nil || there || err != nil {
		t.Errorf("without records: %v, %v, %v", sums, there, err)
	}
	if tables := tablesOf(t, d); len(tables) > 0 {
		t.Errorf("it made %v", tables)
	}
	line := records.Used{Request: "r", Outcome: records.UsageServed, At: time.Now(), Prompt: 3}
	if err := openPostgres(t, d).WriteUsage(t.Context(), []records.Used{line}); err != nil {
		t.Fatal(err)
	}
	sums, there, err := records.ReadPostgresUsage(t.Context(), o, records.UsageFilter{})
	if len(sums) != 1 || sums[0].Served.Prompt != 3 || !there || err != nil {
		t.Errorf("%+v, %v, %v", sums, there, err)
	}
}

func TestPostgresOrders(t *testing.T) {
	recordstest.RunOrders(t, func(t *testing.T) recordstest.Records {
		t.Helper()
		return openPostgres(t, pgtest.New(t))
	})
}
