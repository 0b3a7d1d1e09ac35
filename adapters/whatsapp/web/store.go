//go:build !nowhatsmeow

package web

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/postgres"
)

var errNoDir = errors.New("there is no data directory to keep the linked device in; set data_dir to one that is there and writable")

// file is where the device's keys and sessions are.
func (d *Device) file() string { return filepath.Join(d.o.Dir, "whatsapp-"+d.o.Account+".db") }

// opened is the store of a device, open.
type opened struct {
	*sqlstore.Container
	// rest waits until nothing is under way in a file; nil for a database.
	rest func() error
}

// Close closes the store when nothing is under way on it any more: a message that is
// decrypted twice at once is lost for one of the two, who takes it for an old one. What
// database/sql was told to give up it may still commit, after its own Close. Of another
// process's, and of a server's, the next one to open the store takes care (postgres.Seat).
func (s *opened) Close() error {
	var err error
	if s.rest != nil {
		err = s.rest()
	}
	return errors.Join(err, s.Container.Close())
}

// load opens the store and gives the device in it, or a new one that is not linked.
// Without create a store that is not there is not made. failed is told when a database
// is away, or taken by another node, before whatsmeow is; nil for a look at it, which
// takes it from nobody.
func (d *Device) load(ctx context.Context, create bool, failed func(error)) (*opened, *store.Device, error) {
	var s *opened
	var err error
	if d.o.Database.IsZero() {
		s, err = d.openFile(ctx, create)
	} else {
		s, err = d.openDatabase(ctx, create, failed)
	}
	if err != nil {
		return nil, nil, err
	}
	device, err := s.GetFirstDevice(ctx)
	if err != nil {
		return nil, nil, errors.Join(d.storeFault(ctx, err), s.Close())
	}
	return s, device, nil
}

// openFile opens the store in the data directory.
func (d *Device) openFile(ctx context.Context, create bool) (*opened, error) {
	if info, err := os.Stat(d.o.Dir); d.o.Dir == "" || err != nil || !info.IsDir() {
		return nil, fault.New(fault.NeedsHuman, "open device", fmt.Errorf("account %s: %w", d.o.Account, errNoDir))
	}
	_, err := os.Stat(d.file())
	switch {
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, d.notPaired()
	case errors.Is(err, fs.ErrNotExist):
		// So that it and the files SQLite puts beside it are readable by their owner only.
		f, err := os.OpenFile(d.file(), os.O_RDWR|os.O_CREATE, 0o600)
		if err = errors.Join(err, closeFile(f)); err != nil {
			return nil, fault.New(fault.NeedsHuman, "open device", fmt.Errorf("account %s: %w", d.o.Account, err))
		}
	}
	// A session that steps back after a loss of power would spoil what was encrypted
	// since, so a commit survives it.
	dsn := "file:" + (&url.URL{Path: d.file()}).EscapedPath() + "?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, d.storeFault(ctx, err)
	}
	container := sqlstore.NewWithDB(db, "sqlite", d.log)
	if err := container.Upgrade(ctx); err != nil {
		return nil, errors.Join(d.storeFault(ctx, err), container.Close())
	}
	return &opened{Container: container, rest: func() error {
		last, err := db.BeginTx(context.WithoutCancel(ctx), nil) // transactions wait for each other
		if err != nil {
			return err
		}
		return last.Rollback()
	}}, nil
}

func closeFile(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

func (d *Device) storeFault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fault.New(fault.Retryable, "open device", ctx.Err())
	}
	class := fault.NeedsHuman
	if !d.o.Database.IsZero() && postgres.ClassOf(err) == fault.Retryable {
		class = fault.Retryable
	}
	return fault.New(class, "open device", fmt.Errorf("account %s: the store of the linked device cannot be opened: %w", d.o.Account, err))
}

func (d *Device) notPaired() error {
	return fault.New(fault.NeedsHuman, "open device", fmt.Errorf("account %s is %w: run `parley pair %s` and scan the code with the account's phone",
		d.o.Account, ErrNotPaired, d.o.Account))
}

// Paired tells whether the device is linked to an account.
func (d *Device) Paired(ctx context.Context) (bool, error) {
	container, device, err := d.load(ctx, false, nil)
	if errors.Is(err, ErrNotPaired) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return device.ID != nil, container.Close()
}

// forget deletes a device that WhatsApp does not know any more. whatsmeow does so too,
// and may not come to it before the store is closed.
func (d *Device) forget(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, closeWithin)
	defer stop()
	container, device, err := d.load(ctx, false, nil)
	if err != nil {
		return err
	}
	if device.ID != nil {
		err = device.Delete(ctx)
	}
	return errors.Join(err, container.Close())
}
