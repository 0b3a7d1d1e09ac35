package records

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
)

const (
	codeColumns = `hash, turn, base, realm, user_id, name, handle, account, chat, thread, at, expires, spent`
	putCode     = `INSERT INTO link_codes (` + codeColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, FALSE)`
	codeOfTurn  = `SELECT expires FROM link_codes WHERE turn = ?`
	codesSince  = `SELECT count(*), coalesce(min(at), 0) FROM link_codes WHERE base = ? AND at > ?`
	codeOfHash  = `SELECT realm, user_id, name, handle, account, chat, thread FROM link_codes WHERE hash = ? AND expires > ? AND NOT spent`
	spendCode   = `UPDATE link_codes SET spent = TRUE WHERE hash = ?`
	spendCodes  = `UPDATE link_codes SET spent = TRUE WHERE base = ?`
	dropCodes   = `DELETE FROM link_codes WHERE base = ?`
	oldCodes    = `DELETE FROM link_codes WHERE expires < ?`
	wrongSince  = `SELECT count(*), coalesce(min(at), 0) FROM turn_answers WHERE base = ? AND outcome = ? AND at > ?`
	moveLinks   = `UPDATE links SET person = ? WHERE person = ?`
	setPerson   = `UPDATE links SET person = ? WHERE base = ?`
	isOthers    = `SELECT count(*) FROM links WHERE person = ? AND base <> ?`
	dropReachOn = `DELETE FROM reach WHERE person = ? AND base = ?`
	// Wrong codes stay counted: they name nobody.
	dropAnswers = `DELETE FROM turn_answers WHERE base = ? AND turn <> ? AND outcome <> ?`
	dropAddress = `DELETE FROM addresses WHERE base = ?`
)

// Issue implements People.
func (s *SQL) Issue(ctx context.Context, why Cause, account Account) (out Issued, err error) {
	err = s.change(ctx, "issue link code", func(tx runner) error {
		key, err := key(ctx, tx, codeKey)
		if err != nil {
			return err
		}
		out = Issued{Outcome: Done, Code: newCode(key, why.Turn), Until: stamp(why.At.Add(CodeLife))}
		var until int64
		err = tx.QueryRowContext(ctx, codeOfTurn, string(why.Turn)).Scan(&until)
		if err == nil {
			out.Until = time.UnixMilli(until).UTC()
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		base := account.Base()
		many, first, err := countSince(ctx, tx, why.At.Add(-CodeLife), codesSince, string(base))
		if err != nil {
			return err
		}
		if many >= MaxCodes {
			out = Issued{Outcome: TooMany, Until: first.Add(CodeLife)}
			return nil
		}
		if _, err := tx.ExecContext(ctx, oldCodes, why.At.Add(-AnswersKept).UnixMilli()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, spendCodes, string(base)); err != nil {
			return err
		}
		args := append([]any{hashCode(key, out.Code), string(why.Turn), string(base)}, accountColumns(account)...)
		if _, err := tx.ExecContext(ctx, putCode, append(args, why.At.UnixMilli(), out.Until.UnixMilli())...); err != nil {
			return err
		}
		return audit(ctx, tx, why, AuditIssued, base)
	})
	return out, err
}

// countSince counts rows since a time, and tells when the first of them was.
func countSince(ctx context.Context, tx runner, since time.Time, query string, args ...any) (n int, first time.Time, err error) {
	var at int64
	err = tx.QueryRowContext(ctx, query, append(args, since.UnixMilli())...).Scan(&n, &at)
	return n, time.UnixMilli(at).UTC(), err
}

// Redeem implements People.
func (s *SQL) Redeem(ctx context.Context, why Cause, code string, by Account) (out Redeemed, err error) {
	err = s.change(ctx, "redeem link code", func(tx runner) error {
		out = Redeemed{}
		return once(ctx, tx, why, &out, func() (core.PersonID, Outcome, error) {
			out, err = redeem(ctx, tx, why, code, by)
			if err == nil {
				err = number(ctx, tx, out.Delta)
			}
			return by.Base(), out.Outcome, err
		})
	})
	return out, err
}

func redeem(ctx context.Context, tx runner, why Cause, code string, by Account) (out Redeemed, err error) {
	wrong, first, err := countSince(ctx, tx, why.At.Add(-CodeLife), wrongSince, string(by.Base()), string(Wrong))
	if err != nil {
		return out, err
	}
	if wrong >= MaxWrong {
		out.Outcome, out.Until = TooMany, first.Add(CodeLife)
		return out, nil
	}
	key, err := key(ctx, tx, codeKey)
	if err != nil {
		return out, err
	}
	hash := hashCode(key, code)
	var issuer Link
	err = tx.QueryRowContext(ctx, codeOfHash, hash, why.At.UnixMilli()).Scan(accountInto(&issuer.Account)...)
	if errors.Is(err, sql.ErrNoRows) {
		out.Outcome, out.Left = Wrong, MaxWrong-wrong-1
		return out, audit(ctx, tx, why, AuditFailed, by.Base())
	}
	if err != nil {
		return out, err
	}
	out.Joined, err = join(ctx, tx, why, withHome(issuer).Account, by)
	if err != nil || out.Outcome == Same {
		return out, err // the code still serves on the other platform
	}
	_, err = tx.ExecContext(ctx, spendCode, hash)
	return out, err
}

// Void implements People.
func (s *SQL) Void(ctx context.Context, code string) error {
	return s.change(ctx, "void link code", func(tx runner) error {
		key, err := key(ctx, tx, codeKey)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, spendCode, hashCode(key, code))
		return err
	})
}

// Join implements People.
func (s *SQL) Join(ctx context.Context, why Cause, to, joining Account) (out Joined, err error) {
	err = s.change(ctx, "link accounts", func(tx runner) error {
		out = Joined{}
		return once(ctx, tx, why, &out, func() (core.PersonID, Outcome, error) {
			out, err = join(ctx, tx, why, to, joining)
			if err == nil {
				err = number(ctx, tx, out.Delta)
			}
			return joining.Base(), out.Outcome, err
		})
	})
	return out, err
}

// join makes the person behind by part of the person behind to.
func join(ctx context.Context, tx runner, why Cause, to, by Account) (out Joined, err error) {
	if to.Base() == by.Base() {
		return Joined{Outcome: Same}, nil
	}
	out = Joined{Outcome: Already, With: to}
	if out.Person, err = personOf(ctx, tx, to.Base()); err != nil {
		return out, err
	}
	if out.Was, err = personOf(ctx, tx, by.Base()); err != nil {
		return out, err
	}
	if out.Person != out.Was {
		out.Outcome = Done
		if _, err := tx.ExecContext(ctx, moveLinks, string(out.Person), string(out.Was)); err != nil {
			return out, err
		}
		if _, err := tx.ExecContext(ctx, dropReach, string(out.Was)); err != nil {
			return out, err
		}
		if err := audit(ctx, tx, why, AuditLink, to.Base(), by.Base()); err != nil {
			return out, err
		}
		for i, a := range []Account{to, by} {
			if err := keepAccount(ctx, tx, a, out.Person, why.At.Add(time.Duration(i)*time.Millisecond)); err != nil {
				return out, err
			}
		}
	}
	out.Accounts, err = accounts(ctx, tx, out.Person)
	if out.Outcome == Done {
		out.Delta.Set = out.Accounts
	}
	return out, err
}

// keepAccount writes how an account is shown. When it joined stays, once it did.
func keepAccount(ctx context.Context, tx runner, a Account, person core.PersonID, at time.Time) error {
	known, err := queryLinks(ctx, tx, `SELECT `+linkColumns+` FROM links WHERE base = ?`, string(a.Base()))
	if err != nil {
		return err
	}
	if len(known) > 0 {
		at = known[0].At
		if a.Home == (core.Conversation{}) {
			a.Home = known[0].Home
		}
		if a.Who.Name == "" && a.Who.Handle == "" {
			a.Who = known[0].Who
		}
	}
	args := append([]any{string(a.Base()), string(person)}, accountColumns(a)...)
	_, err = tx.ExecContext(ctx, putLink, append(args, at.UnixMilli())...)
	return err
}

// Unlink implements People.
func (s *SQL) Unlink(ctx context.Context, why Cause, of core.PersonID, choice Choice) (out Parted, err error) {
	err = s.change(ctx, "unlink account", func(tx runner) error {
		out = Parted{}
		return once(ctx, tx, why, &out, func() (core.PersonID, Outcome, error) {
			out, err = unlink(ctx, tx, why, of, choice)
			if err == nil {
				err = number(ctx, tx, out.Delta)
			}
			return of, out.Outcome, err
		})
	})
	return out, err
}

func unlink(ctx context.Context, tx runner, why Cause, of core.PersonID, choice Choice) (out Parted, err error) {
	person, err := personOf(ctx, tx, of)
	if err != nil {
		return out, err
	}
	all, err := accounts(ctx, tx, person)
	if err != nil {
		return out, err
	}
	at := choice.Place - 1
	if choice.Base != "" {
		at = slices.IndexFunc(all, func(l Link) bool { return l.Base() == choice.Base })
	}
	switch {
	case len(all) < 2:
		return Parted{Outcome: Alone}, nil
	case at < 0 || at >= len(all):
		return Parted{Outcome: Unknown, Rest: all}, nil
	}
	out = Parted{Outcome: Done, Left: all[at].Account, Rest: slices.Delete(slices.Clone(all), at, at+1)}
	if out.Delta, err = leave(ctx, tx, all[at]); err != nil {
		return out, err
	}
	if last := out.Rest[0]; len(out.Rest) == 1 && last.Base() == last.Person {
		// Alone, and its own: that needs no link.
		if _, err := tx.ExecContext(ctx, dropLink, string(last.Base())); err != nil {
			return out, err
		}
		out.Delta.Removed = append(out.Delta.Removed, last.Base())
	}
	return out, audit(ctx, tx, why, AuditUnlink, out.Left.Base(), of)
}

// leave makes an account a person of its own again: the one that is derived from it,
// or a new one where others are that person.
func leave(ctx context.Context, tx runner, l Link) (d Delta, err error) {
	base := l.Base()
	if _, err := tx.ExecContext(ctx, dropReachOn, string(l.Person), string(base)); err != nil {
		return d, err
	}
	var others int
	if err := tx.QueryRowContext(ctx, isOthers, string(base), string(base)).Scan(&others); err != nil {
		return d, err
	}
	if others == 0 {
		_, err := tx.ExecContext(ctx, dropLink, string(base))
		return Delta{Removed: []core.PersonID{base}}, err
	}
	l.Person = core.NewPersonID()
	_, err = tx.ExecContext(ctx, setPerson, string(l.Person), string(base))
	return Delta{Set: []Link{l}}, err
}

func isRoot(l Link) int {
	if l.Base() == l.Person {
		return 1
	}
	return 0
}

// Forget implements People.
func (s *SQL) Forget(ctx context.Context, why Cause, person core.PersonID, links bool) (out Forgotten, err error) {
	const op = "forget person"
	err = s.change(ctx, op, func(tx runner) error {
		out = Forgotten{}
		return once(ctx, tx, why, &out, func() (core.PersonID, Outcome, error) {
			out, err = forget(ctx, tx, why, person, links)
			if err == nil {
				err = number(ctx, tx, out.Delta)
			}
			return person, Done, err
		})
	})
	if err != nil {
		return out, err
	}
	return out, s.empty(ctx, op)
}

func forget(ctx context.Context, tx runner, why Cause, person core.PersonID, links bool) (out Forgotten, err error) {
	list, err := bases(ctx, tx, person)
	if err != nil {
		return out, err
	}
	out.Accounts = len(list)
	if out.Entries, err = eraseBases(ctx, tx, list); err != nil {
		return out, err
	}
	if err := forgetUsageOf(ctx, tx, person, list); err != nil {
		return out, err
	}
	for _, base := range list {
		for _, drop := range []string{dropCodes, dropAddress} {
			if _, err := tx.ExecContext(ctx, drop, string(base)); err != nil {
				return out, err
			}
		}
		if _, err := tx.ExecContext(ctx, dropAnswers, string(base), string(why.Turn), string(Wrong)); err != nil {
			return out, err
		}
	}
	if _, err := tx.ExecContext(ctx, dropReach, string(person)); err != nil {
		return out, err
	}
	if links {
		all, err := accounts(ctx, tx, person)
		if err != nil {
			return out, err
		}
		// Whose own person it is leaves last: until then the others are that person.
		slices.SortStableFunc(all, func(a, b Link) int { return isRoot(a) - isRoot(b) })
		for _, l := range all {
			d, err := leave(ctx, tx, l)
			if err != nil {
				return out, err
			}
			out.Delta.Set, out.Delta.Removed = append(out.Delta.Set, d.Set...), append(out.Delta.Removed, d.Removed...)
		}
		if len(all) > 0 {
			if err := audit(ctx, tx, why, AuditUnlink, list...); err != nil {
				return out, err
			}
		}
	}
	return out, audit(ctx, tx, why, AuditForget, list...)
}
