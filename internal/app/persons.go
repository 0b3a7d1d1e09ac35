package app

import (
	"context"
	"slices"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models/cache"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/storage"
)

// persons is who is who, for the skills and the command line: the records keep it, the
// directory knows it for every message, and mailboxes whose person became another are
// told through the queue.
type persons struct {
	records   *records.SQL
	directory *session.Linked
	queue     queue.Queue
	policy    session.Policy
	// boxes may hold dead letters.
	boxes []queue.Box
	blobs blobs.Store
	// storage is what skills keep.
	storage storage.Store
	table   *deliveryTable
	// answers are those that are kept; nil where no process keeps any.
	answers *cache.Generations
}

// links is the records as the directory reads them.
type links struct{ records *records.SQL }

// Since implements session.Links.
func (l links) Since(ctx context.Context, since session.Mark) ([]session.Link, bool, session.Mark, error) {
	changed, all, now, err := l.records.LinksSince(ctx, records.Mark(since))
	out := make([]session.Link, len(changed))
	for i, b := range changed {
		out[i] = session.Link(b)
	}
	return out, all, session.Mark(now), err
}

func sessionLinks(list []records.Link) []session.Link {
	out := make([]session.Link, len(list))
	for i, l := range list {
		out[i] = session.Link{Base: l.Base(), Person: l.Person}
	}
	return out
}

func newPersons(ctx context.Context, s *stores, policy session.Policy, boxes []queue.Box) (*persons, error) {
	r, q := s.records, s.queue
	directory, err := session.NewLinked(ctx, links{r}, r.Shared())
	if err != nil {
		return nil, err
	}
	return &persons{
		records: r, directory: directory, queue: q, policy: policy, boxes: boxes, blobs: s.blobs, storage: s.storage,
		table: newDeliveryTable(r, directory, nil, zerolog.Nop()),
	}, nil
}

// share has the nodes share a delivery table. It is called before anything else.
func (p *persons) share(table cluster.Addresses, log zerolog.Logger) {
	p.table = newDeliveryTable(p.records, p.directory, table, log)
}

// change changes the records, the directory and the delivery table.
func (p *persons) change(ctx context.Context, do func(ctx context.Context) (records.Delta, error)) error {
	var changed []core.PersonID
	err := p.directory.Change(ctx, func(ctx context.Context) (session.Delta, error) {
		d, err := do(ctx)
		for _, l := range d.Set {
			changed = append(changed, l.Base(), l.Person)
		}
		changed = append(changed, d.Removed...)
		return session.Delta{Set: sessionLinks(d.Set), Removed: d.Removed}, err
	})
	if err == nil && len(changed) > 0 {
		slices.Sort(changed)
		p.table.forget(ctx, slices.Compact(changed)...)
	}
	return err
}

// cause is why a turn changes something.
func cause(t *skills.Turn) records.Cause {
	return records.Cause{Turn: t.ID, Actor: string(t.Envelope.From.Person()), At: t.Now}
}

// speaker is the account that a turn comes from.
func speaker(t *skills.Turn) records.Account {
	return records.Account{Who: t.Envelope.From, Home: t.Envelope.In}
}

func identity(a records.Account) session.Identity { return session.Identity(a) }

func identities(list []records.Link) []session.Identity {
	out := make([]session.Identity, len(list))
	for i, l := range list {
		out[i] = identity(l.Account)
	}
	return out
}

// Issue makes a link code.
func (p *persons) Issue(ctx context.Context, t *skills.Turn) (session.Code, error) {
	i, err := p.records.Issue(ctx, cause(t), speaker(t))
	return session.Code{Outcome: session.Outcome(i.Outcome), Code: i.Code, Until: i.Until}, err
}

// Void ends a link code.
func (p *persons) Void(ctx context.Context, code string) error { return p.records.Void(ctx, code) }

// Redeem links. The mailbox of who the joining accounts were is woken: where it is the
// turn's own, the turn's commit hands it over already.
func (p *persons) Redeem(ctx context.Context, t *skills.Turn, code string) (session.Linking, error) {
	var r records.Redeemed
	err := p.change(ctx, func(ctx context.Context) (_ records.Delta, err error) {
		r, err = p.records.Redeem(ctx, cause(t), code, speaker(t))
		return r.Delta, err
	})
	if err != nil {
		return session.Linking{}, err
	}
	if r.Outcome == records.Done {
		list, err := p.places(ctx, r.Person, t.Envelope.From)
		if err != nil {
			return session.Linking{}, err
		}
		if err := p.wake(ctx, r.Was, list, string(t.ID)); err != nil {
			return session.Linking{}, err
		}
		if err := p.moveStored(ctx, r.Was, r.Person); err != nil {
			return session.Linking{}, err
		}
	}
	return session.Linking{
		Outcome: session.Outcome(r.Outcome), With: identity(r.With), Accounts: identities(r.Accounts), Left: r.Left, Until: r.Until,
	}, nil
}

// place is a private chat of somebody.
type place struct {
	who core.Sender
	in  core.Conversation
}

// places are the private chats of a person as far as they are known; self is one of
// their accounts, which may be the only one and without a link.
func (p *persons) places(ctx context.Context, person core.PersonID, self core.Sender) ([]place, error) {
	accounts, err := p.records.Accounts(ctx, person)
	if err != nil {
		return nil, err
	}
	addresses, err := p.records.Addresses(ctx, person)
	if err != nil {
		return nil, err
	}
	who := map[core.PersonID]core.Sender{self.Person(): self}
	var out []place
	for _, a := range accounts {
		who[a.Base()] = a.Who
		if a.Home.Account != "" {
			out = append(out, place{a.Who, a.Home})
		}
	}
	for _, a := range addresses {
		if from, known := who[a.Base]; known {
			out = append(out, place{from, a.In})
		}
	}
	return out, nil
}

// wake has the mailbox of a person look whether its memory belongs elsewhere. It asks
// in the name of one of their chats in which the memory is the person's; without such a
// chat, there is none to move.
func (p *persons) wake(ctx context.Context, was core.PersonID, list []place, reason string) error {
	for _, at := range list {
		if p.policy.KeyOf(at.in, at.who, was).Scope != session.OfPerson {
			continue
		}
		out, err := router.Wake(session.Key{Scope: session.OfPerson, Owner: string(was)}, at.in, at.who, reason)
		if err != nil {
			return err
		}
		_, err = p.queue.Publish(ctx, out.Key, out.Item)
		return err
	}
	return nil
}

// Unlink takes an account away.
func (p *persons) Unlink(ctx context.Context, t *skills.Turn, c session.Choice) (session.Parting, error) {
	var parted records.Parted
	err := p.change(ctx, func(ctx context.Context) (_ records.Delta, err error) {
		parted, err = p.records.Unlink(ctx, cause(t), t.Envelope.From.Person(), records.Choice(c))
		return parted.Delta, err
	})
	return session.Parting{
		Outcome: session.Outcome(parted.Outcome), Left: identity(parted.Left), Rest: identities(parted.Rest),
	}, err
}

// Accounts are those of the person who speaks.
func (p *persons) Accounts(ctx context.Context, t *skills.Turn) ([]session.Identity, error) {
	list, err := p.records.Accounts(ctx, t.Person)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return []session.Identity{identity(speaker(t))}, nil
	}
	return identities(list), nil
}

// Reach tells where the person who speaks wants to be reached.
func (p *persons) Reach(ctx context.Context, t *skills.Turn) (session.Reach, error) {
	r, err := p.records.Reach(ctx, t.Person)
	return session.Reach{Mode: session.Mode(r.Mode), Base: r.Base}, err
}

// SetReach keeps it.
func (p *persons) SetReach(ctx context.Context, t *skills.Turn, r session.Reach) error {
	if err := p.records.SetReach(ctx, t.Person, records.Reach{Mode: records.Mode(r.Mode), Base: r.Base}); err != nil {
		return err
	}
	return p.table.drop(ctx, t.Person)
}

// Forget erases what is kept of the person who speaks.
func (p *persons) Forget(ctx context.Context, t *skills.Turn, links bool) (session.Forgetting, error) {
	list, err := p.places(ctx, t.Person, t.Envelope.From)
	if err != nil {
		return session.Forgetting{}, err
	}
	list = append(list, place{t.Envelope.From, t.Envelope.In})
	return p.forget(ctx, cause(t), t.Person, list, links)
}

// forget erases a person: first every mailbox that may remember something of them is
// told, durably, then the letters go, the answers that are kept, and the records. A crash
// between leaves nothing that the next run would not find.
func (p *persons) forget(ctx context.Context, why records.Cause, person core.PersonID, list []place, links bool) (session.Forgetting, error) {
	if err := p.forgetMemories(ctx, why, person, list); err != nil {
		return session.Forgetting{}, err
	}
	bases := []core.PersonID{person}
	for _, at := range list {
		bases = append(bases, at.who.Person())
	}
	letters, err := dropLetters(ctx, p.queue.DeadLetters(), p.boxes, bases)
	if err != nil {
		return session.Forgetting{}, err
	}
	if err := p.forgetAnswers(ctx, bases); err != nil {
		return session.Forgetting{}, err
	}
	if err := p.dropFiles(ctx, person); err != nil {
		return session.Forgetting{}, err
	}
	if err := p.forgetStored(ctx, bases); err != nil {
		return session.Forgetting{}, err
	}
	var f records.Forgotten
	err = p.change(ctx, func(ctx context.Context) (_ records.Delta, err error) {
		f, err = p.records.Forget(ctx, why, person, links)
		return f.Delta, err
	})
	if err == nil {
		// What fails here is erased when the turn comes again.
		err = p.table.drop(ctx, bases...)
	}
	return session.Forgetting{Messages: f.Entries, Accounts: f.Accounts, Letters: letters}, err
}

// forgetAnswers puts the answers that people were given out of reach, on all nodes.
func (p *persons) forgetAnswers(ctx context.Context, bases []core.PersonID) error {
	if p.answers == nil {
		return nil
	}
	var tags []cache.Tag
	for _, base := range slices.Compact(slices.Sorted(slices.Values(bases))) {
		tags = append(tags, cache.Tag{Kind: cache.Person, Name: string(base)})
	}
	return p.answers.Invalidate(ctx, tags...)
}

// dropFiles drops what the hub has of the files that a person sent, and of those that they
// were answered with, while the records still tell which these are.
func (p *persons) dropFiles(ctx context.Context, person core.PersonID) error {
	return p.records.Export(ctx, person, func(e records.Entry) error {
		for _, part := range partsOf(e) {
			m, ok := part.(core.Media)
			if ref := adapters.BlobOf(e.Conversation.Account, m); ok && ref != "" {
				if err := p.blobs.Delete(ctx, ref); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// partsOf gives what was said; nothing for an entry that cannot be read.
func partsOf(e records.Entry) []core.Part {
	if e.Direction == records.Out {
		r, err := core.DecodeReply(e.Body)
		if err == nil {
			return r.Parts
		}
		return nil
	}
	if said, err := core.DecodeEnvelope(e.Body); err == nil {
		return said.Parts
	}
	return nil
}

func (p *persons) forgetMemories(ctx context.Context, why records.Cause, person core.PersonID, list []place) error {
	told := map[session.Key]bool{}
	for _, at := range list {
		for _, key := range session.PrivateKeys(at.in, at.who.Person(), person) {
			if told[key] {
				continue
			}
			told[key] = true
			out, err := router.Forget(key, at.in, at.who, string(why.Turn))
			if err != nil {
				return err
			}
			if _, err := p.queue.Publish(ctx, out.Key, out.Item); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropLetters drops the dead letters that are of accounts, and tells how many.
func dropLetters(ctx context.Context, letters queue.DeadLetters, boxes []queue.Box, bases []core.PersonID) (n int, err error) {
	for _, box := range boxes {
		for after := int64(0); ; {
			page, err := letters.List(ctx, box, after, letterPage)
			if err != nil {
				return n, err
			}
			for _, l := range page {
				after = l.ID
				if !slices.Contains(bases, letterOf(box, l.Item.Body)) {
					continue
				}
				if err := letters.Drop(ctx, l.ID); err != nil {
					return n, err
				}
				n++
			}
			if len(page) < letterPage {
				break
			}
		}
	}
	return n, nil
}

// letterOf is whose account a letter is of; empty for one that cannot be read.
func letterOf(box queue.Box, body []byte) core.PersonID {
	switch {
	case box == queue.Inbox:
		if e, err := core.DecodeEnvelope(body); err == nil {
			return e.From.Person()
		}
	case box.IsOutbox():
		if r, err := core.DecodeReply(body); err == nil {
			return r.Person
		}
	case box == queue.Ledger:
		if e, err := records.Decode(body); err == nil {
			return e.Person
		}
	}
	return ""
}
