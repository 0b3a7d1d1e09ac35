package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

// Oldest is the oldest major version of PostgreSQL that is used. 13 gets no fixes
// since November 2025 (https://www.postgresql.org/support/versioning/).
const Oldest = 14

const (
	// connectWithin is how long a server may take to answer, unless the address says it.
	connectWithin = 5 * time.Second
	// connectionLife is how long a connection is used: after a failover, or behind a
	// balancer, all are new ones by then.
	connectionLife = 30 * time.Minute
	// connectionIdle is how long one that nobody needs is kept.
	connectionIdle = 5 * time.Minute
)

// Options say which database, and how much of it.
type Options struct {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE with the parameters of libpq
	// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
	URL secret.String
	// Connections is how many there are at most. Required.
	Connections int
	// Schema is where tables are looked for and made; empty for the server's choice,
	// mostly public.
	Schema string
	// Seat is for a schema that one pool at a time may use, and says which; nil for one that
	// all may use.
	Seat *Seat
	// Failed is told of each call and each connection that failed Retryably, before its
	// caller is; nil for nobody. It is called from many goroutines.
	Failed func(err error)
}

var (
	errSpelling = errors.New("this is no address of a PostgreSQL: spell it postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	errTooOld   = fmt.Errorf("PostgreSQL %d or newer is needed", Oldest)
)

// Open makes a pool and one connection, so that what is wrong is known at once: a
// server that is not there, starts or has no room is a Retryable fault; an address that
// cannot be read, a wrong password, a missing database and a server that is too old
// need a human.
func Open(ctx context.Context, o Options) (*sql.DB, error) {
	const op = "connect to PostgreSQL"
	config, err := read(o)
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, op, err)
	}
	var then []stdlib.OptionOpenDB
	if o.Seat != nil {
		config.RuntimeParams["application_name"] = seatName(o.Seat.schema, o.Seat.token)
		then = append(then, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
			err := o.Seat.check(ctx, c)
			if o.Failed != nil {
				watch{o.Failed}.see(ctx, err)
			}
			return err
		}))
	}
	db := stdlib.OpenDB(*config, then...)
	db.SetMaxOpenConns(o.Connections)
	db.SetMaxIdleConns(o.Connections)
	db.SetConnMaxLifetime(connectionLife)
	db.SetConnMaxIdleTime(connectionIdle)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(Fault(op, err), db.Close())
	}
	return db, nil
}

// read makes the driver's settings of an address.
func read(o Options) (*pgx.ConnConfig, error) {
	u, err := url.Parse(o.URL.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errSpelling // err quotes the address
	}
	config, err := pgx.ParseConfig(o.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", errSpelling, reason(err, u))
	}
	if !u.Query().Has("connect_timeout") {
		config.ConnectTimeout = connectWithin
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "parley"
	}
	if o.Schema != "" {
		config.RuntimeParams["search_path"] = Quote(o.Schema)
	}
	config.ValidateConnect = validate
	if o.Failed != nil {
		config.Tracer = watch{o.Failed}
	}
	return config, nil
}

// reason is what the driver finds wrong with an address, without the address: a part
// of it that was taken for something else could be the password.
func reason(err error, u *url.URL) string {
	var wrong *pgconn.ParseConfigError
	if !errors.As(err, &wrong) || wrong.Unwrap() == nil {
		return "the driver cannot read it"
	}
	text := wrong.Unwrap().Error()
	password, _ := u.User.Password()
	for _, part := range []string{password, u.Query().Get("password"), u.Query().Get("sslpassword")} {
		text = secret.New(part).Redact(text)
	}
	return text
}

// validate looks at a new connection before it is used.
func validate(ctx context.Context, c *pgconn.PgConn) error {
	version := c.ParameterStatus("server_version")
	if major(version) < Oldest {
		return fault.New(fault.NeedsHuman, "connect to PostgreSQL", fmt.Errorf("the server is PostgreSQL %s: %w", version, errTooOld))
	}
	return pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, c)
}

// major is the first number of a version: of "15.8 (Debian 15.8-1)", "16beta1".
func major(version string) int {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0 // no server is without a version
	}
	return n
}

// watch tells of failures.
type watch struct{ failed func(error) }

func (w watch) see(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) && fault.ClassOf(Fault("", err)) == fault.Retryable {
		w.failed(err)
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (watch) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (w watch) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	w.see(ctx, d.Err)
}

// TraceConnectStart implements pgx.ConnectTracer.
func (watch) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (w watch) TraceConnectEnd(ctx context.Context, d pgx.TraceConnectEndData) { w.see(ctx, d.Err) }

// Quote spells a name as an identifier.
func Quote(name string) string { return pgx.Identifier{name}.Sanitize() }
