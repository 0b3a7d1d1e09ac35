package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/postgres"
	"github.com/parley-hub/parley/test/pgtest"
)

// wanted opens what cannot be opened, and looks at the fault.
func wanted(t *testing.T, address string, class fault.Class, says ...string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: secret.New(address), Connections: 1})
	if err == nil {
		_ = db.Close()
		t.Fatalf("it opened")
	}
	if fault.ClassOf(err) != class {
		t.Errorf("%v is %v, want %v", err, fault.ClassOf(err), class)
	}
	for _, word := range says {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	for _, hidden := range []string{pgtest.Password, url.QueryEscape(pgtest.Password), url.PathEscape(pgtest.Password), "a pass", "hush"} {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, hidden) {
			t.Errorf("the password is in %q", text)
		}
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	d := pgtest.New(t)
	change := func(f func(u *url.URL)) string {
		u, err := url.Parse(d.URL().Reveal())
		if err != nil {
			t.Fatal(err)
		}
		f(u)
		return u.String()
	}
	for name, address := range map[string]string{
		"nothing": "", "words": "hush", "no address": "postgres://user:hu%zzsh@host/db", "another scheme": "mysql://user:hush@host/db",
		"key and value": "host=/tmp user=u password=hush", "port": "postgres://user:hush@host:notaport/db",
		"a wrong setting": "postgres://user:hush@host/db?sslmode=hush", "a bad port list": "postgres://user:hush@host:1,two:hush/db",
		"missing certificate": "postgres://user:hush@host/db?sslrootcert=/not/there&sslmode=verify-full&sslpassword=hush",
	} {
		t.Run(name, func(t *testing.T) { wanted(t, address, fault.NeedsHuman, "postgres://USER") })
	}
	t.Run("wrong password", func(t *testing.T) {
		wanted(t, change(func(u *url.URL) { u.User = url.UserPassword("postgres", "hush") }), fault.NeedsHuman, "password authentication failed")
	})
	t.Run("no such user", func(t *testing.T) {
		wanted(t, change(func(u *url.URL) { u.User = url.UserPassword("nobody", "hush") }), fault.NeedsHuman, "nobody")
	})
	t.Run("no such database", func(t *testing.T) {
		wanted(t, change(func(u *url.URL) { u.Path = "/missing" }), fault.NeedsHuman, "missing")
	})
	t.Run("no TLS", func(t *testing.T) {
		wanted(t, change(func(u *url.URL) { u.RawQuery = "sslmode=require" }), fault.NeedsHuman, "TLS")
	})
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		wanted(t, d.At(l.Addr().String()).Reveal(), fault.Retryable, "refused")
	})
	t.Run("no such host", func(t *testing.T) {
		wanted(t, d.At("nowhere.invalid:5432").Reveal(), fault.Retryable, "nowhere.invalid")
	})
	t.Run("no primary", func(t *testing.T) {
		other := pgtest.New(t)
		other.Exec(`ALTER DATABASE ` + other.Name + ` SET default_transaction_read_only = on`)
		wanted(t, other.URL().Reveal(), fault.Retryable, "read only")
	})
}

func TestOpen(t *testing.T) {
	d := pgtest.New(t)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: d.URL(), Connections: 3, Schema: `a "schema"`})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if n := db.Stats().MaxOpenConnections; n != 3 {
		t.Errorf("%d connections", n)
	}
	var name, path string
	if err := db.QueryRowContext(t.Context(), `SELECT current_setting('application_name'), current_setting('search_path')`).Scan(&name, &path); err != nil ||
		name != "parley" || path != `"a ""schema"""` {
		t.Errorf("%q, %q, %v", name, path, err)
	}
	// The second server of the address is one, the first is none.
	many := d.At("127.0.0.1:1," + d.Host)
	second, err := postgres.Open(t.Context(), postgres.Options{URL: many, Connections: 1})
	if err != nil {
		t.Fatalf("the second of two: %v", err)
	}
	_ = second.Close()
}

// pretend is a server that says its version, and "no" to everything else.
func pretend(t *testing.T, version string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := pgproto3.NewBackend(c, c)
			for range 2 { // the first asks for TLS
				m, err := b.ReceiveStartupMessage()
				if err != nil {
					break
				}
				if _, asks := m.(*pgproto3.SSLRequest); asks {
					_, _ = c.Write([]byte("N"))
					continue
				}
				b.Send(&pgproto3.AuthenticationOk{})
				b.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: version})
				b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				_ = b.Flush()
			}
			_, _ = b.Receive()
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "postgres://user:hush@" + l.Addr().String() + "/db"
}

func TestServersThatAreTooOld(t *testing.T) {
	for _, version := range []string{"13.22 (Debian 13.22-1)", "9.6.24", "", "soon"} {
		t.Run(version, func(t *testing.T) {
			wanted(t, pretend(t, version), fault.NeedsHuman, "PostgreSQL 14 or newer is needed", version)
		})
	}
}

func TestClasses(t *testing.T) {
	state := func(code string) error {
		return fmt.Errorf("x: %w", &pgconn.PgError{Code: code, Message: "said", Detail: "a row"})
	}
	for name, test := range map[string]struct {
		err  error
		want fault.Class
	}{
		"cancelled":        {fmt.Errorf("x: %w", context.Canceled), fault.Retryable},
		"end of stream":    {io.ErrUnexpectedEOF, fault.Retryable},
		"closed":           {net.ErrClosed, fault.Retryable},
		"serialization":    {state("40001"), fault.Retryable},
		"deadlock":         {state("40P01"), fault.Retryable},
		"lock timeout":     {state("55P03"), fault.Retryable},
		"read only":        {state("25006"), fault.Retryable},
		"shutdown":         {state("57P01"), fault.Retryable},
		"starting":         {state("57P03"), fault.Retryable},
		"full":             {state("53100"), fault.Retryable},
		"connections":      {state("53300"), fault.Retryable},
		"no database":      {state("3D000"), fault.NeedsHuman},
		"password":         {state("28P01"), fault.NeedsHuman},
		"rights":           {state("42501"), fault.NeedsHuman},
		"damage":           {state("XX001"), fault.NeedsHuman},
		"a foreign table":  {state("42P07"), fault.NeedsHuman},
		"constraint":       {state("23505"), fault.Permanent},
		"text":             {state("22021"), fault.Permanent},
		"syntax":           {state("42601"), fault.Bug},
		"a strange answer": {state(""), fault.Bug},
		"no rows":          {sql.ErrNoRows, fault.Bug},
		"unknown":          {errors.New("unknown"), fault.Bug},
		"a fault":          {fault.New(fault.RateLimited, "x", nil), fault.RateLimited},
	} {
		got := postgres.Fault("test", test.err)
		if fault.ClassOf(got) != test.want || !errors.Is(got, test.err) {
			t.Errorf("%s: %v is %v, want %v", name, got, fault.ClassOf(got), test.want)
		}
		if strings.Contains(got.Error(), "a row") {
			t.Errorf("%s shows a row: %v", name, got)
		}
	}
	if postgres.Fault("test", nil) != nil {
		t.Error("nil is a fault")
	}
	// What a server says about a value may quote it.
	if text := postgres.Fault("test", &pgconn.PgError{Code: "22P02", Message: `invalid input: "hush"`, TableName: "t"}).Error(); strings.Contains(text, "hush") {
		t.Error(text)
	}
}

// Who watches hears of a lost server before the caller does, and of nothing else.
func TestFailedIsTold(t *testing.T) {
	d := pgtest.New(t)
	told := 0
	db, err := postgres.Open(t.Context(), postgres.Options{URL: d.URL(), Connections: 1, Failed: func(error) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for statement, ctx := range map[string]context.Context{"no SQL": t.Context(), "SELECT 1/0": t.Context(), "SELECT 1": ended} {
		if _, err := db.ExecContext(ctx, statement); err == nil || told > 0 {
			t.Errorf("%s: %v, told %d times", statement, err, told)
		}
	}
	d.Shut()
	for n := range 3 {
		if _, err := db.ExecContext(t.Context(), "SELECT 1"); err == nil || told <= n {
			t.Errorf("without a server: %v, told %d times", err, told)
		}
	}
	d.Reopen()
	if _, err := db.ExecContext(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("again: %v", err)
	}
}
