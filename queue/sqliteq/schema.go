package sqliteq

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/parley-hub/parley/core/fault"
)

// schemaVersion is what this code reads and writes.
const schemaVersion = 1

// schema of the journal. Times are Unix nanoseconds. An item's seq is epoch<<40
// plus a counter, so it grows across restarts without a write of its own. A dead
// letter carries its whole key, since its mailbox may be gone.
const schema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE mailbox (
	id INTEGER PRIMARY KEY,
	box TEXT NOT NULL, scope TEXT NOT NULL, account TEXT NOT NULL, owner TEXT NOT NULL, thread TEXT NOT NULL,
	UNIQUE (box, scope, account, owner, thread));
CREATE TABLE item (
	seq INTEGER PRIMARY KEY,
	mailbox INTEGER NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL, settle INTEGER NOT NULL);
CREATE TABLE field (
	mailbox INTEGER NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,
	PRIMARY KEY (mailbox, name)) WITHOUT ROWID;
CREATE TABLE log (
	mailbox INTEGER NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL,
	PRIMARY KEY (mailbox, seq)) WITHOUT ROWID;
CREATE TABLE seen (
	box TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,
	PRIMARY KEY (box, id)) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
CREATE TABLE dead (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	box TEXT NOT NULL, scope TEXT NOT NULL, account TEXT NOT NULL, owner TEXT NOT NULL, thread TEXT NOT NULL,
	item TEXT NOT NULL, body BLOB NOT NULL, settle INTEGER NOT NULL,
	reason TEXT NOT NULL, attempts INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX dead_box ON dead (box, id);
INSERT INTO meta (name, value) VALUES ('schema', 1), ('epoch', 0);
`

// prepareSchema checks the journal, makes the tables in a new one and begins the
// next epoch, which it returns.
func prepareSchema(ctx context.Context, conn *sql.Conn) (int64, error) {
	var verdict string
	if err := conn.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return 0, fmt.Errorf("check journal: %w", err)
	}
	if verdict != "ok" {
		return 0, fault.New(fault.NeedsHuman, "check journal", fmt.Errorf("the journal %s is damaged (%s); restore it from a backup, or move it away to begin with an empty queue", journalName, verdict))
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("begin: %w", err)
	}
	epoch, err := nextEpoch(ctx, tx)
	if err != nil {
		return 0, errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit schema: %w", err)
	}
	return epoch, nil
}

func nextEpoch(ctx context.Context, tx *sql.Tx) (int64, error) {
	var tables int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return 0, fmt.Errorf("read schema: %w", err)
	}
	if tables == 0 {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return 0, fmt.Errorf("make tables: %w", err)
		}
	}
	var version int64
	if err := tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'schema'`).Scan(&version); err != nil {
		return 0, fault.New(fault.NeedsHuman, "read schema version", fmt.Errorf("%s is not a journal of this program; move it away: %w", journalName, err))
	}
	if version > schemaVersion {
		return 0, fault.New(fault.NeedsHuman, "read schema version", fmt.Errorf("%s was written by a newer release (schema %d, this one knows %d); install that release again", journalName, version, schemaVersion))
	}
	var epoch int64
	if err := tx.QueryRowContext(ctx, `UPDATE meta SET value = value + 1 WHERE name = 'epoch' RETURNING value`).Scan(&epoch); err != nil {
		return 0, fmt.Errorf("begin epoch: %w", err)
	}
	return epoch, nil
}
