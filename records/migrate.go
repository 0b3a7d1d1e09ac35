package records

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/parley-hub/parley/core/fault"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// tables says which tables there are and how they come to be.
type tables struct {
	goose goose.Dialect
	// folder is where the migrations are.
	folder string
	// table is where goose notes which were done.
	table string
}

// errNewer is what records of a newer build are met with.
var errNewer = errors.New("the records were written by a newer version; upgrade, or restore a backup")

func (t tables) provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, t.folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(t.goose, db, files, goose.WithTableName(t.table),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// migrate brings the tables up to this build. Nobody else does so at the same time:
// that is the caller's.
func (t tables) migrate(ctx context.Context, db *sql.DB) error {
	p, err := t.provider(db)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fault.New(fault.NeedsHuman, "migrate", errNewer)
	}
	_, err = p.Up(ctx)
	return err
}
