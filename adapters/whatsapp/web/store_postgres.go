//go:build !nowhatsmeow

package web

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/store/sqlstore"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/postgres"
)

const (
	// storeConnections is how many connections a device has at most: whatsmeow decrypts
	// one message after the other.
	storeConnections = 4
	// longestName is how many bytes of a name PostgreSQL keeps; the rest it drops.
	longestName = 63
)

// schema is where the account's tables are: its own, so that accounts share nothing and
// meet no tables of others. A name that is too long ends in its digest.
func (d *Device) schema() string {
	name := "parley_whatsapp_" + d.o.Account
	if len(name) <= longestName {
		return name
	}
	digest := sha256.Sum256([]byte(name))
	end := hex.EncodeToString(digest[:8])
	return name[:longestName-len(end)] + end
}

// lockStore keeps other nodes from making the same tables.
const lockStore = `SELECT pg_advisory_xact_lock(hashtext('parley whatsapp'), hashtext($1))`

// openDatabase opens the store in the database.
func (d *Device) openDatabase(ctx context.Context, create bool, failed func(error)) (*opened, error) {
	var seat *postgres.Seat
	if failed != nil {
		seat = postgres.NewSeat(d.schema())
	}
	db, err := postgres.Open(ctx, postgres.Options{
		URL: d.o.Database, Connections: storeConnections, Schema: d.schema(), Seat: seat, Failed: failed,
	})
	if err != nil {
		return nil, fault.New(fault.ClassOf(err), "open device", fmt.Errorf("account %s: %w", d.o.Account, err))
	}
	container := sqlstore.NewWithDB(db, "postgres", d.log)
	var known bool
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)`, d.schema()).Scan(&known)
	switch {
	case err == nil && !known && !create:
		return nil, errors.Join(d.notPaired(), container.Close())
	case err == nil:
		err = d.upgrade(ctx, db, container, !known)
	}
	if err == nil && seat != nil {
		err = seat.Take(ctx, db)
	}
	if err != nil {
		return nil, errors.Join(d.storeFault(ctx, err), container.Close())
	}
	return &opened{Container: container}, nil
}

// upgrade makes the tables or brings them up to this build, while others wait.
func (d *Device) upgrade(ctx context.Context, db *sql.DB, container *sqlstore.Container, create bool) error {
	lock, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Rollback() }() // it changed nothing
	if _, err := lock.ExecContext(ctx, lockStore, d.schema()); err != nil {
		return err
	}
	if create { // who may only use one that an operator made may not even ask for it
		if _, err := db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS `+postgres.Quote(d.schema())); err != nil {
			return err
		}
	}
	// whatsmeow looks for this table in all schemas, and would take another account's for
	// its own.
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS whatsmeow_version (version INTEGER, compat INTEGER)`); err != nil {
		return err
	}
	return container.Upgrade(ctx)
}
