package records_test

import (
	"testing"

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
