package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models/cache"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/storage"
)

// Person changes and shows who is who, for an operator. A hub that keeps everything in its
// data folder must not be running.
type Person struct {
	Config *configs.Config
	Out    io.Writer
}

// operator is why an operator does something.
func operator() records.Cause {
	return records.Cause{Turn: core.EnvelopeID("operator-" + string(core.NewTraceID())), Actor: records.Operator, At: time.Now()}
}

// with opens the stores as a hub would, so that a running one is noticed.
func (o Person) with(ctx context.Context, use func(p *persons) error) error {
	s, err := openStores(ctx, o.Config, zerolog.Nop())
	if err != nil {
		return err
	}
	if err = catchUp(ctx, s.queue, s.records); err == nil {
		var p *persons
		if p, err = newPersons(ctx, s, o.Config.Memories(), letterBoxes(o.Config)); err == nil {
			if err = s.share(ctx, o.Config, p); err == nil {
				err = use(p)
			}
		}
	}
	return errors.Join(err, s.close())
}

// share has a command tell the running nodes of what it changes.
func (s *stores) share(ctx context.Context, cfg *configs.Config, p *persons) error {
	if cfg.Redis.URL.IsZero() {
		return nil
	}
	e, err := openRedis(ctx, cfg, zerolog.Nop())
	if err != nil {
		return err
	}
	s.closers = append(s.closers, e.Close)
	p.share(e, zerolog.Nop())
	p.answers = cache.NewGenerations(e, zerolog.Nop())
	return nil
}

// account finds what is known of an account.
func (p *persons) account(ctx context.Context, of configs.Person) (a records.Account, person core.PersonID, err error) {
	a.Who = core.Sender{Realm: of.Realm, ID: of.User}
	if person, err = p.directory.Person(ctx, a.Base()); err != nil {
		return a, "", err
	}
	accounts, err := p.records.Accounts(ctx, person)
	if err != nil {
		return a, "", err
	}
	for _, l := range accounts {
		if l.Base() == a.Base() {
			return l.Account, person, nil
		}
	}
	// Its name, and where it is, is what it last came with.
	err = p.records.Export(ctx, person, func(e records.Entry) error {
		if e.Direction == records.In && e.Person == a.Base() {
			a.Who.Name, a.Who.Handle = e.Sender.Name, e.Sender.Handle
			if e.Conversation.Place == core.Private {
				a.Home = e.Conversation
			}
		}
		return nil
	})
	return a, person, err
}

// Link makes the person behind joining part of the one behind to.
func (o Person) Link(ctx context.Context, to, joining configs.Person) error {
	return o.with(ctx, func(p *persons) error {
		first, _, err := p.account(ctx, to)
		if err != nil {
			return err
		}
		second, was, err := p.account(ctx, joining)
		if err != nil {
			return err
		}
		why := operator()
		list, err := p.places(ctx, was, second.Who)
		if err != nil {
			return err
		}
		if second.Home.Account != "" {
			list = append(list, place{second.Who, second.Home})
		}
		var out records.Joined
		err = p.change(ctx, func(ctx context.Context) (_ records.Delta, err error) {
			// Woken before it is linked: the hub is not running, and a mailbox that is woken
			// for nothing goes on as it was.
			if err := p.wake(ctx, was, list, string(why.Turn)); err != nil {
				return records.Delta{}, err
			}
			out, err = p.records.Join(ctx, why, first, second)
			return out.Delta, err
		})
		if err != nil {
			return err
		}
		if out.Outcome == records.Done {
			if err := p.moveStored(ctx, was, out.Person); err != nil {
				return err
			}
		}
		switch out.Outcome {
		case records.Same:
			return errors.New("that is one account; two are linked")
		case records.Already:
			return o.print("linked already\n%s", listed(out.Accounts))
		default:
			return o.print("linked\n%s", listed(out.Accounts))
		}
	})
}

// Unlink makes an account a person of its own again.
func (o Person) Unlink(ctx context.Context, of configs.Person) error {
	return o.with(ctx, func(p *persons) error {
		a, _, err := p.account(ctx, of)
		if err != nil {
			return err
		}
		var out records.Parted
		err = p.change(ctx, func(ctx context.Context) (_ records.Delta, err error) {
			out, err = p.records.Unlink(ctx, operator(), a.Base(), records.Choice{Base: a.Base()})
			return out.Delta, err
		})
		if err != nil {
			return err
		}
		if out.Outcome != records.Done {
			return o.print("%s is linked with no other account\n", name(a))
		}
		return o.print("unlinked %s; still together:\n%s", name(a), listed(out.Rest))
	})
}

// Accounts shows who an account is, and where that person can be reached.
func (o Person) Accounts(ctx context.Context, of configs.Person) error {
	return o.with(ctx, func(p *persons) error {
		a, person, err := p.account(ctx, of)
		if err != nil {
			return err
		}
		accounts, err := p.records.Accounts(ctx, person)
		if err != nil {
			return err
		}
		if len(accounts) == 0 {
			accounts = []records.Link{{Account: a, Person: person}}
		}
		addresses, wish, err := p.table.Reachable(ctx, person)
		if err != nil {
			return err
		}
		var b strings.Builder
		fmt.Fprintf(&b, "person %s\n%s", person, listed(accounts))
		for _, at := range addresses {
			fmt.Fprintf(&b, "last heard %s  %s  in chat %s of %s\n", at.At.Format(time.RFC3339), at.Base, at.In.Chat, at.In.Account)
		}
		for _, at := range wish.Of(addresses) {
			fmt.Fprintf(&b, "to be reached (%s) in chat %s of %s\n", wish.Mode, at.In.Chat, at.In.Account)
		}
		return o.print("%s", b.String())
	})
}

// The ways to Send.
const (
	ToPreferred = "preferred"
	ToLast      = "last"
	ToAll       = "all"
)

var toModes = map[string]session.Mode{ToPreferred: "", ToLast: session.ReachLast, ToAll: session.ReachAll}

// Send tells the person behind an account something they did not ask for: where they want
// to be reached, where they were heard last, or on all their accounts. It goes out as soon
// as a hub runs on the same stores.
func (o Person) Send(ctx context.Context, of configs.Person, text, to string) error {
	mode, known := toModes[to]
	if !known {
		return fmt.Errorf("somebody is told at %s, %s or %s, not %q", ToLast, ToPreferred, ToAll, to)
	}
	return o.with(ctx, func(p *persons) error {
		base := core.PersonOf(of.Realm, of.User)
		person, err := p.directory.Person(ctx, base)
		if err != nil {
			return err
		}
		why := operator()
		told, err := o.notifier(p).Send(ctx, router.Notice{
			ID: string(why.Turn), Person: person, To: mode, Trace: core.NewTraceID(), Parts: []core.Part{core.Text{Text: text}},
		})
		if err != nil {
			return err
		}
		switch told.Nowhere {
		case router.NeverHeard:
			return fmt.Errorf("%s:%s never wrote to the bot in private, or was forgotten since", of.Realm, of.User)
		case router.AllOut:
			return fmt.Errorf("%s:%s wrote only through accounts that the hub no longer has", of.Realm, of.User)
		}
		if err := p.records.Note(ctx, why, records.AuditSent, base); err != nil {
			return err
		}
		for _, at := range told.At {
			if err := o.print("on its way to chat %s of %s\n", at.In.Chat, at.In.Account); err != nil {
				return err
			}
		}
		return nil
	})
}

// notifier sends what nobody asked for, through the accounts of the configuration.
func (o Person) notifier(p *persons) *router.Notifier {
	return router.NewNotifier(router.NotifierOptions{Queue: p.queue, Table: p.table, Serves: func(a core.Account) bool {
		_, known := o.Config.Channels[a]
		return known
	}})
}

// Erase erases what is kept of a person on all accounts; with links, their links too.
func (o Person) Erase(ctx context.Context, of configs.Person, links bool) error {
	return o.with(ctx, func(p *persons) error {
		a, person, err := p.account(ctx, of)
		if err != nil {
			return err
		}
		list, err := p.places(ctx, person, a.Who)
		if err != nil {
			return err
		}
		f, err := p.forget(ctx, operator(), person, append(list, place{a.Who, a.Home}), links)
		if err != nil {
			return err
		}
		return o.print("erased %d messages and answers of %d accounts, and %d dead letters\n"+
			"what conversations remember of this person is forgotten as soon as the hub runs\n", f.Messages, f.Accounts, f.Letters)
	})
}

// line is one line of an export: exactly one of its fields.
type line struct {
	Account *records.Link    `json:"account,omitempty"`
	Address *records.Address `json:"address,omitempty"`
	Reach   *records.Reach   `json:"reach,omitempty"`
	Entry   *exported        `json:"entry,omitempty"`
	Stored  *storage.Entry   `json:"stored,omitempty"`
	Usage   *records.Used    `json:"usage,omitempty"`
	Audit   *records.Audited `json:"audit,omitempty"`
}

// exported is an entry with its body as what it is.
type exported struct {
	records.Entry
	Body json.RawMessage
}

// Export writes all that the records keep of a person as JSON lines, and notes in the
// audit that it was asked for.
func (o Person) Export(ctx context.Context, of configs.Person) error {
	return o.with(ctx, func(p *persons) error {
		a, person, err := p.account(ctx, of)
		if err != nil {
			return err
		}
		out := json.NewEncoder(o.Out)
		accounts, err := p.records.Accounts(ctx, person)
		if err != nil {
			return err
		}
		subjects := []core.PersonID{a.Base()}
		for _, l := range accounts {
			if l.Base() != a.Base() {
				subjects = append(subjects, l.Base())
			}
			if err := out.Encode(line{Account: &l}); err != nil {
				return err
			}
		}
		if err := p.records.Note(ctx, operator(), records.AuditExport, subjects...); err != nil {
			return err
		}
		return p.export(ctx, person, out)
	})
}

func (p *persons) export(ctx context.Context, person core.PersonID, out *json.Encoder) error {
	addresses, err := p.records.Addresses(ctx, person)
	if err != nil {
		return err
	}
	for _, at := range addresses {
		if err := out.Encode(line{Address: &at}); err != nil {
			return err
		}
	}
	wish, err := p.records.Reach(ctx, person)
	if err != nil {
		return err
	}
	if err := out.Encode(line{Reach: &wish}); err != nil {
		return err
	}
	err = p.records.Export(ctx, person, func(e records.Entry) error {
		return out.Encode(line{Entry: &exported{Entry: e, Body: e.Body}})
	})
	if err != nil {
		return err
	}
	if err := p.exportStored(ctx, person, func(e storage.Entry) error { return out.Encode(line{Stored: &e}) }); err != nil {
		return err
	}
	if err := p.records.UsageOf(ctx, person, func(u records.Used) error { return out.Encode(line{Usage: &u}) }); err != nil {
		return err
	}
	return p.records.Audit(ctx, person, func(a records.Audited) error { return out.Encode(line{Audit: &a}) })
}

func (o Person) print(format string, args ...any) error {
	_, err := fmt.Fprintf(o.Out, format, args...)
	return err
}

// name spells an account as the configuration does.
func name(a records.Account) string { return string(a.Who.Realm) + ":" + string(a.Who.ID) }

// listed lists accounts, one a line.
func listed(accounts []records.Link) string {
	var b strings.Builder
	for _, l := range accounts {
		fmt.Fprintf(&b, "  %s  %s", name(l.Account), l.Base())
		for _, word := range []string{l.Who.Name, l.Who.Handle} {
			if word != "" {
				fmt.Fprintf(&b, "  %q", word)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
