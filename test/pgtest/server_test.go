package pgtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/test/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDatabasesAreApart(t *testing.T) {
	one, two := pgtest.New(t), pgtest.New(t)
	one.Exec(`CREATE TABLE t (n INT)`)
	two.Exec(`CREATE TABLE t (n INT)`)
	one.Exec(`INSERT INTO t VALUES (1)`)
	var n int
	if err := two.Open().QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestCut(t *testing.T) {
	d := pgtest.New(t)
	db := d.Open()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	d.Cut()
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("the connection still works")
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}
