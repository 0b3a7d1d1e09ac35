package records

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/postgres"
)

// PostgresOptions say where the records are.
type PostgresOptions struct {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with libpq's parameters.
	URL secret.String
}

// How many connections a process has at most: few enough for many nodes on a server
// with its usual hundred, and what waits for the records waits off a message's way.
const (
	postgresWriters = 5 // one of them says that this node is there
	postgresReaders = 6
)

// Locks in a database are numbers. Ours are of this family, one for each schema, so
// that hubs which share a database do not wait for each other.
const (
	lockMigrate = `SELECT pg_advisory_xact_lock(hashtext('parley migrations'), hashtext(current_schema()))`
	// A transaction whose node stopped halfway would hold up all others: the server ends
	// it. Who waits for a lock gives up at last, and comes again.
	lockRecords = `SELECT set_config('lock_timeout', '10s', true), set_config('idle_in_transaction_session_timeout', '30s', true),
		pg_advisory_xact_lock(hashtext('parley records'), hashtext(current_schema()))`
)

// inPostgres: several nodes read and write. What a change rests on is mostly rows that
// it only read, or that are not there (how many codes were tried, who is linked, what
// was erased), so changes run one after the other over all nodes, as they do in SQLite,
// by a lock that ends with the transaction. Under it each statement sees all that was
// committed before. SERIALIZABLE would find the same conflicts by failing, among so few
// rows most of the time. What is held up is never a message: batches of entries come
// from one mailbox, which one node follows at a time, and people change rarely.
var inPostgres = dialect{
	tables:   tables{goose: goose.DialectPostgres, folder: "migrations/postgres", table: "records_version"},
	spell:    numbered,
	text:     plainText,
	alone:    lockRecords,
	changing: sql.LevelReadCommitted, // whatever the server's default is
	snapshot: sql.LevelRepeatableRead,
	life:     `CAST(extract(epoch FROM pg_postmaster_start_time()) * 1000000 AS BIGINT)`,
	shared:   true,
	fault:    postgres.Fault,
}

// numbered spells the parameters ? as $1, $2 and so on. No statement of this package
// has a ? for anything else.
func numbered(statement string) string {
	var b strings.Builder
	b.Grow(len(statement) + strings.Count(statement, "?"))
	for n := 1; ; n++ {
		before, after, found := strings.Cut(statement, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		statement = after
	}
}

// plainText is text as PostgreSQL takes it: UTF-8 without zero bytes. What people call
// themselves may hold anything, and one entry must not stop all others.
func plainText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// OpenPostgres opens the records in a PostgreSQL database and brings its tables up to
// this build. Several nodes may do so at once: one of them does it. Tables of a newer
// build are left as they are, and need a human, as does what postgres.Open says.
func OpenPostgres(ctx context.Context, o PostgresOptions) (*SQL, error) {
	const op = "open records"
	s := &SQL{d: &inPostgres}
	var err error
	if s.write, err = postgres.Open(ctx, postgres.Options{URL: o.URL, Connections: postgresWriters}); err != nil {
		return nil, classify(op, err, s.d.fault)
	}
	if err := s.migrateAlone(ctx); err != nil {
		return nil, errors.Join(classify(op, err, s.d.fault), s.write.Close())
	}
	if s.read, err = postgres.Open(ctx, postgres.Options{URL: o.URL, Connections: postgresReaders}); err != nil {
		return nil, errors.Join(classify(op, err, s.d.fault), s.write.Close())
	}
	return s, nil
}

var errNoSchema = errors.New("the user may use no schema of this database: give it one, or name another in the address with search_path")

// migrateAlone migrates while all others wait. The lock has a transaction of its own,
// which does nothing else: it ends with it, whatever happens.
func (s *SQL) migrateAlone(ctx context.Context) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it changed nothing
	var schema sql.NullString
	if err := tx.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return err
	}
	if !schema.Valid {
		return fault.New(fault.NeedsHuman, "migrate", errNoSchema)
	}
	if _, err := tx.ExecContext(ctx, lockMigrate); err != nil {
		return err
	}
	return s.d.migrate(ctx, s.write)
}

// ReadPostgresLinks reads the links beside hubs that are running, and changes nothing:
// none where there are no records, or those of a build that had no links.
func ReadPostgresLinks(ctx context.Context, o PostgresOptions) (out []Link, err error) {
	_, err = readPostgresBeside(ctx, "read links", o, "links", func(r runner) error {
		out, err = queryLinks(ctx, r, allLinks)
		return err
	})
	return out, err
}

// ReadPostgresUsage sums up the usage beside hubs that are running, and changes nothing.
// there is false where there are no records, or those of a build that kept no usage.
func ReadPostgresUsage(ctx context.Context, o PostgresOptions, f UsageFilter) (out []UsageSum, there bool, err error) {
	there, err = readPostgresBeside(ctx, "sum up usage", o, "usage", func(r runner) error {
		out, err = sumUsage(ctx, r, f)
		return err
	})
	return out, there, err
}

// readPostgresBeside runs fn on the records, unless there is no such table.
func readPostgresBeside(ctx context.Context, op string, o PostgresOptions, table string, fn func(runner) error) (there bool, err error) {
	db, err := postgres.Open(ctx, postgres.Options{URL: o.URL, Connections: 1})
	if err != nil {
		return false, postgres.Fault(op, err)
	}
	defer func() { err = errors.Join(err, postgres.Fault(op, db.Close())) }()
	if err := db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, table).Scan(&there); err != nil || !there {
		return false, postgres.Fault(op, err)
	}
	return true, postgres.Fault(op, fn(runner{db, &inPostgres}))
}
