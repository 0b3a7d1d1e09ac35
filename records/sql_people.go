package records

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
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

	// The first row is the life of the server, which the dialect writes. The last change
	// that is known is asked for too: where it is not, another state was put back.
	versionsSince = `SELECT '', '', ` + serverLife + ` AS version UNION ALL
		SELECT base, person, version FROM link_versions WHERE version >= ?`
	lastVersion = `SELECT coalesce(max(version), 0) FROM link_versions`
	putVersion  = `INSERT INTO link_versions (base, person, version) VALUES ` + moreRows + `
		ON CONFLICT (base) DO UPDATE SET person = excluded.person, version = excluded.version`

	answerOf   = `SELECT answer FROM turn_answers WHERE turn = ?`
	keepAnswer = `INSERT INTO turn_answers (turn, base, outcome, answer, at) VALUES (?, ?, ?, ?, ?)`
	oldAnswers = `DELETE FROM turn_answers WHERE at < ?`
	addAudit   = `INSERT INTO audit (id, subject, at, actor, action) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id, subject) DO NOTHING`
	auditOf    = `SELECT at, actor, action, subject FROM audit WHERE subject IN (?` + moreValues + `) ORDER BY at, id, subject`
	drawKey    = `INSERT INTO record_keys (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`
	keyOf      = `SELECT value FROM record_keys WHERE name = ?`
	putAddress = `INSERT INTO addresses (base, account, chat, thread, at) VALUES ` + moreRows + `
		ON CONFLICT (base, account) DO UPDATE SET chat = excluded.chat, thread = excluded.thread, at = excluded.at
		WHERE excluded.at > addresses.at`
	addressesOf = `SELECT base, account, chat, thread, at FROM addresses WHERE base IN (?` + moreValues + `) ORDER BY at DESC, base, account`
	putReach    = `INSERT INTO reach (person, mode, base) VALUES (?, ?, ?)
		ON CONFLICT (person) DO UPDATE SET mode = excluded.mode, base = excluded.base`
	reachOf   = `SELECT mode, base FROM reach WHERE person = ?`
	dropReach = `DELETE FROM reach WHERE person = ?`
)

// personOf is whom the account is.
func personOf(ctx context.Context, from runner, base core.PersonID) (core.PersonID, error) {
	person := base
	err := from.QueryRowContext(ctx, personOfOne, string(base)).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return person, err
}

// accounts are the linked accounts of a person.
func accounts(ctx context.Context, from runner, person core.PersonID) ([]Link, error) {
	return queryLinks(ctx, from, linksOf, string(person))
}

func queryLinks(ctx context.Context, from runner, query string, args ...any) (out []Link, err error) {
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
func bases(ctx context.Context, from runner, person core.PersonID) ([]core.PersonID, error) {
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
func once[A any](ctx context.Context, tx runner, why Cause, answer *A, do func() (base core.PersonID, outcome Outcome, err error)) error {
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
func audit(ctx context.Context, tx runner, why Cause, action Action, subjects ...core.PersonID) error {
	for _, subject := range subjects {
		_, err := tx.ExecContext(ctx, addAudit, string(why.Turn)+"/"+string(action), string(subject), why.At.UnixMilli(), why.Actor, string(action))
		if err != nil {
			return err
		}
	}
	return nil
}

// codeKey is the name of the key that link codes are hashed with, ownKey that of what
// tells these records from all others.
const (
	codeKey = "link_codes"
	ownKey  = "identity"
)

// key gives a key of the records' own, drawn when it is first asked for.
func key(ctx context.Context, tx runner, name string) ([]byte, error) {
	drawn := make([]byte, 32)
	_, _ = rand.Read(drawn) // never fails: crypto/rand ends the process instead
	if _, err := tx.ExecContext(ctx, drawKey, name, drawn); err != nil {
		return nil, err
	}
	var kept []byte
	err := tx.QueryRowContext(ctx, keyOf, name).Scan(&kept)
	return kept, err
}

// Links implements People.
func (s *SQL) Links(ctx context.Context) ([]Link, error) {
	out, err := queryLinks(ctx, s.reading(), allLinks)
	return out, s.fail("read links", err)
}

// serverLife stands for the dialect's expression of that name.
const serverLife = "/*life*/"

// LinksSince implements People.
func (s *SQL) LinksSince(ctx context.Context, since Mark) (changed []Belongs, all bool, now Mark, err error) {
	changed, now, err = s.linksSince(ctx, since.Version)
	all = since == Mark{}
	if err == nil && !all && (now.Life != since.Life || now.Version < since.Version) {
		all = true
		changed, now, err = s.linksSince(ctx, 0)
	}
	return changed, all, now, s.fail("read changed links", err)
}

func (s *SQL) linksSince(ctx context.Context, version int64) (changed []Belongs, now Mark, err error) {
	query := strings.Replace(versionsSince, serverLife, s.d.life, 1)
	err = each(ctx, s.reading(), query, []any{version}, func(rows *sql.Rows) error {
		var b Belongs
		var v int64
		if err := rows.Scan(&b.Base, &b.Person, &v); err != nil {
			return err
		}
		if b.Base == "" {
			now.Life = v
			return nil
		}
		now.Version = max(now.Version, v)
		changed = append(changed, b)
		return nil
	})
	return changed, now, err
}

// number gives what became of links the next version. Who asks for changes since the
// one before it must find all of them: that is why changes are made one after the other.
func number(ctx context.Context, tx runner, d Delta) error {
	if len(d.Set)+len(d.Removed) == 0 {
		return nil
	}
	var last int64
	if err := tx.QueryRowContext(ctx, lastVersion).Scan(&last); err != nil {
		return err
	}
	now := map[core.PersonID]core.PersonID{}
	for _, base := range d.Removed {
		now[base] = ""
	}
	for _, l := range d.Set {
		now[l.Base()] = l.Person
	}
	var rows [][]any
	for base, person := range now {
		rows = append(rows, []any{string(base), string(person), last + 1})
	}
	return insert(ctx, tx, putVersion, rows)
}

// Accounts implements People.
func (s *SQL) Accounts(ctx context.Context, person core.PersonID) ([]Link, error) {
	out, err := accounts(ctx, s.reading(), person)
	return out, s.fail("read accounts", err)
}

// Note implements People.
func (s *SQL) Note(ctx context.Context, why Cause, action Action, subjects ...core.PersonID) error {
	return s.change(ctx, "write audit", func(tx runner) error { return audit(ctx, tx, why, action, subjects...) })
}

// Audit implements People.
func (s *SQL) Audit(ctx context.Context, person core.PersonID, fn func(Audited) error) error {
	return s.view(ctx, "read audit", func(r runner) error {
		list, err := bases(ctx, r, person)
		if err != nil || len(list) == 0 {
			return err
		}
		return each(ctx, r, forList(auditOf, len(list)), anys(list), func(rows *sql.Rows) error {
			var a Audited
			var at int64
			if err := rows.Scan(&at, &a.Actor, &a.Action, &a.Subject); err != nil {
				return err
			}
			a.At = time.UnixMilli(at).UTC()
			return hand(fn, a)
		})
	})
}

// Seen implements People.
func (s *SQL) Seen(ctx context.Context, at []Address) error {
	if len(at) == 0 {
		return nil
	}
	people := make([]core.PersonID, len(at))
	for i, a := range at {
		people[i] = a.Base
	}
	return s.change(ctx, "write addresses", func(tx runner) error {
		erased, err := erasures(ctx, tx, people)
		if err != nil {
			return err
		}
		var rows [][]any
		for _, a := range lastOfEach(at) {
			if until, some := erased[a.Base]; some && a.At.UnixMilli() <= until {
				continue
			}
			rows = append(rows, []any{string(a.Base), string(a.In.Account), string(a.In.Chat), string(a.In.Thread), a.At.UnixMilli()})
		}
		return insert(ctx, tx, putAddress, rows)
	})
}

// lastOfEach keeps the last of the places that are one row, which no statement may
// write twice.
func lastOfEach(at []Address) []Address {
	out := slices.SortedStableFunc(slices.Values(at), func(a, b Address) int {
		return cmp.Or(cmp.Compare(a.Base, b.Base), cmp.Compare(a.In.Account, b.In.Account), b.At.Compare(a.At))
	})
	return slices.CompactFunc(out, func(a, b Address) bool { return a.Base == b.Base && a.In.Account == b.In.Account })
}

// Addresses implements People.
func (s *SQL) Addresses(ctx context.Context, person core.PersonID) (out []Address, err error) {
	err = s.view(ctx, "read addresses", func(r runner) error {
		list, err := bases(ctx, r, person)
		if err != nil || len(list) == 0 {
			return err
		}
		return each(ctx, r, forList(addressesOf, len(list)), anys(list), func(rows *sql.Rows) error {
			a := Address{In: core.Conversation{Place: core.Private}}
			var at int64
			if err := rows.Scan(&a.Base, &a.In.Account, &a.In.Chat, &a.In.Thread, &at); err != nil {
				return err
			}
			a.At = time.UnixMilli(at).UTC()
			out = append(out, a)
			return nil
		})
	})
	return out, err
}

// errReach: a wish that cannot be kept.
var errReach = errors.New("no such way to reach a person")

// SetReach implements People.
func (s *SQL) SetReach(ctx context.Context, person core.PersonID, r Reach) error {
	const op = "write reach"
	if r.Mode != ReachLast && r.Mode != ReachAll && (r.Mode != ReachOne || r.Base == "") {
		return fault.New(fault.Permanent, op, errReach)
	}
	return s.change(ctx, op, func(tx runner) error {
		_, err := tx.ExecContext(ctx, putReach, string(person), string(r.Mode), string(r.Base))
		return err
	})
}

// Reach implements People.
func (s *SQL) Reach(ctx context.Context, person core.PersonID) (Reach, error) {
	r := Reach{Mode: ReachLast}
	err := s.reading().QueryRowContext(ctx, reachOf, string(person)).Scan(&r.Mode, &r.Base)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return r, s.fail("read reach", err)
}
