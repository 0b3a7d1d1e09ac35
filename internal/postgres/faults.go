package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-hub/parley/core/fault"
)

// Fault makes a fault of what the driver says, nil of nil. What is a fault already
// keeps its class.
func Fault(op string, err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.New(fault.ClassOf(err), op, err)
	}
	return fault.New(ClassOf(err), op, plain(err))
}

// ClassOf reads the SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html)
// of what the server said, and what became of the connection where it said nothing.
func ClassOf(err error) fault.Class {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Retryable
	}
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return classOfState(said.Code)
	}
	var refused *pgconn.ConnectError
	var netErr net.Error
	switch {
	case untrusted(err):
		return fault.NeedsHuman
	case errors.As(err, &refused), errors.As(err, &netErr), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn), pgconn.SafeToRetry(err):
		return fault.Retryable
	default:
		return fault.Bug
	}
}

// untrusted tells whether the two sides do not agree on TLS, whatever was tried: with
// sslmode=prefer, the driver's default, a connection without it is tried too.
func untrusted(err error) bool {
	tried := []error{err}
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) {
		if many, ok := refused.Unwrap().(interface{ Unwrap() []error }); ok {
			tried = many.Unwrap()
		}
	}
	return !slices.ContainsFunc(tried, func(err error) bool {
		var unverified *tls.CertificateVerificationError
		var authority x509.UnknownAuthorityError
		var alert tls.AlertError
		return !errors.As(err, &unverified) && !errors.As(err, &authority) && !errors.As(err, &alert) &&
			!strings.Contains(err.Error(), "server refused TLS connection") // the driver has no name for it
	})
}

func classOfState(code string) fault.Class {
	switch code {
	case "25006", // read only: it fails over
		"40001", "40P01", // two transactions that cannot both be
		"55000", "55006", "55P03", // not now: starts, is in use, is locked
		"57014", "57P01", "57P02", "57P03", "57P04", "57P05", // cancelled, shut down, starts, idle for too long
		"25P03": // idle in a transaction for too long
		return fault.Retryable
	case "42501", "3D000", "3F000", "42P07": // may not; no such database or schema; a table of somebody else
		return fault.NeedsHuman
	}
	switch code[:min(2, len(code))] {
	case "08", "53", "58": // the connection, no room or memory, the server's disk
		return fault.Retryable
	case "28", "XX", "F0", "0P": // who it is, damage, the server's settings, no such role
		return fault.NeedsHuman
	case "22", "23", "54": // what it is to store
		return fault.Permanent
	default:
		return fault.Bug
	}
}

// plain is an error without what the server quotes of a row: Detail and Where are not
// in PgError's text, which the driver's own is made of.
func plain(err error) error {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return err
	}
	switch classOfState(said.Code) {
	case fault.Permanent:
		// Such messages may quote a value.
		return &quiet{text: fmt.Sprintf("the server does not take a value (SQLSTATE %s, table %q)", said.Code, said.TableName), err: err}
	default:
		return err
	}
}

// quiet shows its own text for an error.
type quiet struct {
	text string
	err  error
}

func (q *quiet) Error() string { return q.text }
func (q *quiet) Unwrap() error { return q.err }
