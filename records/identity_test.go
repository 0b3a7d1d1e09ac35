package records_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/test/pgtest"
)

func identityOf(t *testing.T, r *records.SQL) string {
	t.Helper()
	id, err := r.Identity(t.Context())
	if err != nil || id == "" {
		t.Fatalf("identity %q, %v", id, err)
	}
	return id
}

// TestIdentity is the same for all who share records, and after they were opened again.
func TestIdentity(t *testing.T) {
	d := pgtest.New(t)
	first, second := openPostgres(t, d), openPostgres(t, d)
	path := filepath.Join(t.TempDir(), "records.db")
	file := open(t, path)
	own := identityOf(t, file)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if a, b := identityOf(t, first), identityOf(t, second); a != b || a == own {
		t.Errorf("identities %s and %s, another %s", a, b, own)
	}
	if again := identityOf(t, open(t, path)); again != own {
		t.Errorf("%s became %s", own, again)
	}
}

// TestWhoGoesTogether: many nodes do, and one that must be alone does with nobody.
func TestWhoGoesTogether(t *testing.T) {
	d := pgtest.New(t)
	refused := func(r *records.SQL, alone bool, says string) {
		t.Helper()
		if err := r.Enter(t.Context(), alone); fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), says) {
			t.Errorf("Enter(%v) = %v", alone, err)
		}
	}
	enters := func(r *records.SQL, alone bool) *records.SQL {
		t.Helper()
		if err := r.Enter(t.Context(), alone); err != nil {
			t.Errorf("Enter(%v) = %v", alone, err)
		}
		return r
	}
	first, second := enters(openPostgres(t, d), false), enters(openPostgres(t, d), false)
	refused(openPostgres(t, d), true, "needs redis.url")
	for _, r := range []*records.SQL{first, second} {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	lone := enters(openPostgres(t, d), true)
	refused(openPostgres(t, d), false, "has no redis.url")
	refused(openPostgres(t, d), true, "needs redis.url")
	enters(open(t, filepath.Join(t.TempDir(), "records.db")), true)
	if err := lone.Close(); err != nil {
		t.Fatal(err)
	}
	enters(openPostgres(t, d), false)
}
