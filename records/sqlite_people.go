package records

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	linkColumns = `base, person, realm, user_id, name, handle, account, chat, thread, at`
	allLinks    = `SELECT ` + linkColumns + ` FROM links ORDER BY person, at, base`
	linksOf     = `SELECT ` + linkColumns + ` FROM links WHERE person = ? ORDER BY at, base`
	personOfOne = `SELECT person FROM links WHERE base = ?`
	putLink     = `INSERT INTO links (` + linkColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (base) DO UPDATE SET person = excluded.person, realm = excluded.realm, user_id = excluded.user_id,
		name = excluded.name, handle = excluded.handle, account = excluded.account, chat = excluded.chat,
		thread = excluded.thread, at = excluded.at`
	dropLink = `DELETE FROM links WHERE base = ?`

	answerOf   = `SELECT answer FROM turn_answers WHERE turn = ?`
	keepAnswer = `INSERT INTO turn_answers (turn, base, outcome, answer, at) VALUES (?, ?, ?, ?, ?)`
	oldAnswers = `DELETE FROM turn_answers WHERE at < ?`
	addAudit   = `INSERT INTO audit (id, subject, at, actor, action) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id, subject) DO NOTHING`
	auditOf    = `SELECT at, actor, action, subject FROM audit WHERE subject IN (?` + placeholder + `) ORDER BY at, id, subject`
	drawKey    = `INSERT INTO record_keys (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`
	keyOf      = `SELECT value FROM record_keys WHERE name = ?`
	putAddress = `INSERT INTO addresses (base, account, chat, thread, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (base, account) DO UPDATE SET chat = excluded.chat, thread = excluded.thread, at = excluded.at
		WHERE excluded.at > addresses.at`
	addressesOf = `SELECT base, account, chat, thread, at FROM addresses WHERE base IN (?` + placeholder + `) ORDER BY at DESC, base, account`
	putReach    = `INSERT INTO reach (person, mode, base) VALUES (?, ?, ?)
		ON CONFLICT (person) DO UPDATE SET mode = excluded.mode, base = excluded.base`
	reachOf   = `SELECT mode, base FROM reach WHERE person = ?`
	dropReach = `DELETE FROM reach WHERE person = ?`
)

// personOf is whom the account is.
func personOf(ctx context.Context, from queryer, base core.PersonID) (core.PersonID, error) {
	person := base
	err := from.QueryRowContext(ctx, personOfOne, string(base)).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return person, err
}

// accounts are the linked accounts of a person.
func accounts(ctx context.Context, from queryer, person core.PersonID) ([]Link, error) {
	return queryLinks(ctx, from, linksOf, string(person))
}

func queryLinks(ctx context.Context, from queryer, query string, args ...any) (out []Link, err error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var base core.PersonID
		var at int64
		var l Link
		if err := rows.Scan(append(append([]any{&base, &l.Person}, accountInto(&l.Account)...), &at)...); err != nil {
			return nil, err
		}
		l.At = time.UnixMilli(at).UTC()
		out = append(out, withHome(l))
	}
	return out, rows.Err()
}

// accountInto is where the columns of an account go, accountColumns what they hold.
func accountInto(a *Account) []any {
	return []any{&a.Who.Realm, &a.Who.ID, &a.Who.Name, &a.Who.Handle, &a.Home.Account, &a.Home.Chat, &a.Home.Thread}
}

func accountColumns(a Account) []any {
	return []any{
		string(a.Who.Realm), string(a.Who.ID), a.Who.Name, a.Who.Handle,
		string(a.Home.Account), string(a.Home.Chat), string(a.Home.Thread),
	}
}

// withHome says that a home that is known is a private chat.
func withHome(l Link) Link {
	if l.Home.Account != "" {
		l.Home.Place = core.Private
	}
	return l
}

// bases are the accounts that are a person: those linked to it, and the one it is
// derived from, unless that is somebody else now.
func bases(ctx context.Context, from queryer, person core.PersonID) ([]core.PersonID, error) {
	links, err := accounts(ctx, from, person)
	if err != nil {
		return nil, err
	}
	var out []core.PersonID
	for _, l := range links {
		out = append(out, l.Base())
	}
	if len(out) == 0 {
		own, err := personOf(ctx, from, person)
		if err == nil && own == person {
			out = append(out, person)
		}
		return out, err
	}
	return out, nil
}

func anys[T ~string](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// errNoTurn: without it nothing tells a rerun.
var errNoTurn = errors.New("a change of people has no turn")

// once runs do for a turn, or gives the answer that the turn got before: it reads it
// into answer and runs nothing. do tells whose turn it is and what became of it, as
// far as that is counted.
func once[A any](ctx context.Context, tx *sql.Tx, why Cause, answer *A, do func() (base core.PersonID, outcome Outcome, err error)) error {
	if why.Turn == "" {
		return fault.New(fault.Bug, "change people", errNoTurn)
	}
	var kept string
	err := tx.QueryRowContext(ctx, answerOf, string(why.Turn)).Scan(&kept)
	if err == nil {
		return json.Unmarshal([]byte(kept), answer)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	base, outcome, err := do()
	if err != nil {
		return err
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, oldAnswers, why.At.Add(-AnswersKept).UnixMilli()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, keepAnswer, string(why.Turn), string(base), string(outcome), string(text), why.At.UnixMilli())
	return err
}

// audit adds a line for each subject.
func audit(ctx context.Context, tx *sql.Tx, why Cause, action Action, subjects ...core.PersonID) error {
	for _, subject := range subjects {
		_, err := tx.ExecContext(ctx, addAudit, string(why.Turn)+"/"+string(action), string(subject), why.At.UnixMilli(), why.Actor, string(action))
		if err != nil {
			return err
		}
	}
	return nil
}

// key gives the key of the records' own, drawn when it is first asked for.
func key(ctx context.Context, tx *sql.Tx) ([]byte, error) {
	drawn := make([]byte, 32)
	_, _ = rand.Read(drawn) // never fails: crypto/rand ends the process instead
	const name = "link_codes"
	if _, err := tx.ExecContext(ctx, drawKey, name, drawn); err != nil {
		return nil, err
	}
	var kept []byte
	err := tx.QueryRowContext(ctx, keyOf, name).Scan(&kept)
	return kept, err
}

// ReadLinks reads the links in the file at path beside a store that may have it open,
// and changes nothing: none where there is no file, or one from before there were links.
func ReadLinks(ctx context.Context, path string) (_ []Link, err error) {
	const op = "read links"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := sql.Open("sqlite", dsn(path, "mode=ro"))
	if err != nil {
		return nil, classify(op, err)
	}
	defer func() { err = errors.Join(err, classify(op, db.Close())) }()
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'links'`).Scan(&tables); err != nil || tables == 0 {
		return nil, classify(op, err)
	}
	out, err := queryLinks(ctx, db, allLinks)
	return out, classify(op, err)
}

// Links implements People.
func (s *SQLite) Links(ctx context.Context) ([]Link, error) {
	out, err := queryLinks(ctx, s.read, allLinks)
	return out, s.fail("read links", err)
}

// Accounts implements People.
func (s *SQLite) Accounts(ctx context.Context, person core.PersonID) ([]Link, error) {
	out, err := accounts(ctx, s.read, person)
	return out, s.fail("read accounts", err)
}

// Note implements People.
func (s *SQLite) Note(ctx context.Context, why Cause, action Action, subjects ...core.PersonID) error {
	return s.change(ctx, "write audit", func(tx *sql.Tx) error { return audit(ctx, tx, why, action, subjects...) })
}

// Audit implements People.
func (s *SQLite) Audit(ctx context.Context, person core.PersonID, fn func(Audited) error) error {
	const op = "read audit"
	list, err := bases(ctx, s.read, person)
	if err != nil || len(list) == 0 {
		return s.fail(op, err)
	}
	return s.each(ctx, op, s.read, forList(auditOf, len(list)), anys(list), func(rows *sql.Rows) error {
		var a Audited
		var at int64
		if err := rows.Scan(&at, &a.Actor, &a.Action, &a.Subject); err != nil {
			return s.fail(op, err)
		}
		a.At = time.UnixMilli(at).UTC()
		return fn(a)
	})
}

// Seen implements People.
func (s *SQLite) Seen(ctx context.Context, at []Address) error {
	if len(at) == 0 {
		return nil
	}
	return s.change(ctx, "write addresses", func(tx *sql.Tx) error {
		for _, a := range at {
			until, err := lastErasure(ctx, tx, a.Base)
			if err != nil {
				return err
			}
			if a.At.UnixMilli() <= until {
				continue
			}
			_, err = tx.ExecContext(ctx, putAddress, string(a.Base), string(a.In.Account), string(a.In.Chat), string(a.In.Thread), a.At.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Addresses implements People.
func (s *SQLite) Addresses(ctx context.Context, person core.PersonID) ([]Address, error) {
	const op = "read addresses"
	list, err := bases(ctx, s.read, person)
	if err != nil || len(list) == 0 {
		return nil, s.fail(op, err)
	}
	var out []Address
	err = s.each(ctx, op, s.read, forList(addressesOf, len(list)), anys(list), func(rows *sql.Rows) error {
		a := Address{In: core.Conversation{Place: core.Private}}
		var at int64
		if err := rows.Scan(&a.Base, &a.In.Account, &a.In.Chat, &a.In.Thread, &at); err != nil {
			return s.fail(op, err)
		}
		a.At = time.UnixMilli(at).UTC()
		out = append(out, a)
		return nil
	})
	return out, err
}

// errReach: a wish that cannot be kept.
var errReach = errors.New("no such way to reach a person")

// SetReach implements People.
func (s *SQLite) SetReach(ctx context.Context, person core.PersonID, r Reach) error {
	const op = "write reach"
	if r.Mode != ReachLast && r.Mode != ReachAll && (r.Mode != ReachOne || r.Base == "") {
		return fault.New(fault.Permanent, op, errReach)
	}
	return s.change(ctx, op, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, putReach, string(person), string(r.Mode), string(r.Base))
		return err
	})
}

// Reach implements People.
func (s *SQLite) Reach(ctx context.Context, person core.PersonID) (Reach, error) {
	r := Reach{Mode: ReachLast}
	err := s.read.QueryRowContext(ctx, reachOf, string(person)).Scan(&r.Mode, &r.Base)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return r, s.fail("read reach", err)
}
