package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Values of a list in a statement, and rows of values.
const (
	moreValues = "/*more*/"
	moreRows   = "/*rows*/"
)

// forList spells a statement for a list of n values, at least one.
func forList(statement string, n int) string {
	return strings.Replace(statement, moreValues, strings.Repeat(", ?", n-1), 1)
}

// forRows spells a statement for n rows of some values each, at least one.
func forRows(statement string, n, values int) string {
	row := "(?" + strings.Repeat(", ?", values-1) + ")"
	return strings.Replace(statement, moreRows, row+strings.Repeat(", "+row, n-1), 1)
}

// rowsAtOnce is how many rows one statement writes at most: what matters is that they
// are many, since each statement is a way to the server and back.
const rowsAtOnce = 100

// insert writes rows of so many values each.
func insert(ctx context.Context, tx runner, statement string, rows [][]any) error {
	for chunk := range slices.Chunk(rows, rowsAtOnce) {
		if _, err := tx.ExecContext(ctx, forRows(statement, len(chunk), len(chunk[0])), slices.Concat(chunk...)...); err != nil {
			return err
		}
	}
	return nil
}

const (
	insertEntry = `INSERT INTO transcripts (id, direction, person, account, place, chat, thread,
		sender_realm, sender_id, sender_name, sender_handle, sender_language, sender_bot,
		envelope, native, messages, kind, skill, rule, at, body)
		VALUES ` + moreRows + `
		ON CONFLICT (id) DO NOTHING`
	// The bot's replies follow what they answer; reply ids count up, so the shorter
	// one is the earlier.
	// With one account the index gives the order, with several they are sorted.
	exportEntries = `SELECT id, direction, person, account, place, chat, thread,
		sender_realm, sender_id, sender_name, sender_handle, sender_language, sender_bot,
		envelope, native, messages, kind, skill, rule, at, body
		FROM transcripts WHERE person IN (?` + moreValues + `)
		ORDER BY at, envelope, direction, length(id), id`
	// Replies that stood in one message, one after the other, cannot be: the first counts.
	insertMessage = `INSERT INTO messages (account, chat, message, entry) VALUES ` + moreRows + `
		ON CONFLICT (account, chat, message) DO NOTHING`
	findEntry = `SELECT t.id, t.direction, t.person, t.account, t.place, t.chat, t.thread,
		t.sender_realm, t.sender_id, t.sender_name, t.sender_handle, t.sender_language, t.sender_bot,
		t.envelope, t.native, t.messages, t.kind, t.skill, t.rule, t.at, t.body
		FROM messages m JOIN transcripts t ON t.id = m.entry
		WHERE m.account = ? AND m.chat = ? AND m.message = ?`
	erasedUntil  = `SELECT person, until FROM erasures WHERE person IN (?` + moreValues + `)`
	eraseEntries = `DELETE FROM transcripts WHERE person = ?`
	// The clock may have been set back since the last erasure.
	rememberErasure = `INSERT INTO erasures (person, until) VALUES (?, ?)
		ON CONFLICT (person) DO UPDATE SET until = excluded.until WHERE excluded.until > erasures.until`
)

// Write implements Store.
func (s *SQL) Write(ctx context.Context, entries []Entry) error {
	const op = "write records"
	for _, e := range entries {
		if err := e.Check(); err != nil {
			return fault.New(fault.Permanent, op, err)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return s.change(ctx, op, func(tx runner) error {
		people := make([]core.PersonID, len(entries))
		for i, e := range entries {
			people[i] = e.Person
		}
		erased, err := erasures(ctx, tx, people)
		if err != nil {
			return err
		}
		var rows, messages [][]any
		for _, e := range entries {
			if until, some := erased[e.Person]; some && e.At.UnixMilli() <= until {
				continue
			}
			rows = append(rows, columns(e))
			for _, m := range e.Messages {
				messages = append(messages, []any{string(e.Conversation.Account), string(e.Conversation.Chat), string(m), e.ID})
			}
		}
		if err := insert(ctx, tx, insertEntry, rows); err != nil {
			return err
		}
		return insert(ctx, tx, insertMessage, messages)
	})
}

// erasures tells up to when people were erased, of those who were.
func erasures(ctx context.Context, tx runner, people []core.PersonID) (map[core.PersonID]int64, error) {
	return untils(ctx, tx, erasedUntil, people)
}

// untils reads a time for each of those people who have one.
func untils(ctx context.Context, tx runner, query string, people []core.PersonID) (map[core.PersonID]int64, error) {
	out := map[core.PersonID]int64{}
	people = slices.Clone(people)
	slices.Sort(people)
	for chunk := range slices.Chunk(slices.Compact(people), rowsAtOnce) {
		err := each(ctx, tx, forList(query, len(chunk)), anys(chunk), func(rows *sql.Rows) error {
			var person core.PersonID
			var until int64
			err := rows.Scan(&person, &until)
			out[person] = until
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func columns(e Entry) []any {
	body := e.Body
	if body == nil {
		body = []byte{} // the driver would make NULL of it
	}
	c, from := e.Conversation, e.Sender
	return []any{
		e.ID, string(e.Direction), string(e.Person),
		string(c.Account), string(c.Place), string(c.Chat), string(c.Thread),
		string(from.Realm), string(from.ID), from.Name, from.Handle, from.Language, from.Bot,
		string(e.Envelope), string(e.Native), messageList(e.Messages), string(e.Kind), e.Skill, e.Rule, e.At.UnixMilli(), body,
	}
}

// messageList is the column's form of the ids; empty for none.
func messageList(ids []core.MessageID) string {
	if len(ids) == 0 {
		return ""
	}
	list, err := json.Marshal(ids)
	if err != nil {
		panic(err) // strings always have a form
	}
	return string(list)
}

// Export implements Store.
func (s *SQL) Export(ctx context.Context, person core.PersonID, fn func(Entry) error) error {
	return s.view(ctx, "export records", func(r runner) error {
		list, err := bases(ctx, r, person)
		if err != nil || len(list) == 0 {
			return err
		}
		return each(ctx, r, forList(exportEntries, len(list)), anys(list), func(rows *sql.Rows) error {
			e, err := scan(rows)
			if err != nil {
				return err
			}
			return hand(fn, e)
		})
	})
}

// Find implements Store.
func (s *SQL) Find(ctx context.Context, account core.Account, chat core.ChatID, message core.MessageID) (Entry, bool, error) {
	var out Entry
	found := false
	err := each(ctx, s.reading(), findEntry, []any{string(account), string(chat), string(message)}, func(rows *sql.Rows) (err error) {
		out, err = scan(rows)
		found = err == nil
		return err
	})
	return out, found, s.fail("find record", err)
}

func scan(rows *sql.Rows) (Entry, error) {
	var e Entry
	var at int64
	var messages string
	c, from := &e.Conversation, &e.Sender
	err := rows.Scan(&e.ID, &e.Direction, &e.Person, &c.Account, &c.Place, &c.Chat, &c.Thread,
		&from.Realm, &from.ID, &from.Name, &from.Handle, &from.Language, &from.Bot,
		&e.Envelope, &e.Native, &messages, &e.Kind, &e.Skill, &e.Rule, &at, &e.Body)
	e.At = time.UnixMilli(at).UTC()
	if err == nil && messages != "" {
		err = json.Unmarshal([]byte(messages), &e.Messages)
	}
	return e, err
}

// Erase implements Store.
func (s *SQL) Erase(ctx context.Context, person core.PersonID) (int64, error) {
	const op = "erase records"
	var n int64
	err := s.change(ctx, op, func(tx runner) error {
		list, err := bases(ctx, tx, person)
		if err != nil {
			return err
		}
		n, err = eraseBases(ctx, tx, list)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, s.empty(ctx, op)
}

// eraseBases removes the entries of accounts, and remembers that it did.
func eraseBases(ctx context.Context, tx runner, list []core.PersonID) (n int64, err error) {
	for _, base := range list {
		res, err := tx.ExecContext(ctx, eraseEntries, string(base))
		if err != nil {
			return 0, err
		}
		gone, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		n += gone
		if _, err := tx.ExecContext(ctx, rememberErasure, string(base), time.Now().UnixMilli()); err != nil {
			return 0, err
		}
	}
	return n, nil
}
