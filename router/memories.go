package router

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/session"
)

// Memories tell whose memory an envelope meets.
type Memories struct {
	Directory session.Directory
	Policy    session.Policy
}

// of gives the person behind an envelope and the memory that it meets now. That the
// directory does not answer is no failure of the envelope: it waits, and that counts as
// no attempt.
func (m Memories) of(ctx context.Context, e core.Envelope) (core.PersonID, session.Key, error) {
	person, err := m.Directory.PersonOf(ctx, e.From)
	if err != nil {
		return "", session.Key{}, fault.New(fault.RateLimited, "look up person", err, fault.WithWait(askAgain))
	}
	return person, m.Policy.KeyOf(e.In, e.From, person), nil
}

// askAgain is how long an envelope waits for a directory that does not answer.
const askAgain = time.Second

// near gives the memory that an envelope will most likely meet. When it meets another
// one, its turn finds out and hands it over; so an envelope is taken also while the
// directory does not answer.
func (m Memories) near(ctx context.Context, e core.Envelope) session.Key {
	person, err := m.Directory.PersonOf(ctx, e.From)
	if err != nil {
		person = m.Directory.Guess(e.From)
	}
	return m.Policy.KeyOf(e.In, e.From, person)
}

// Mailbox is the inbox of a memory.
func Mailbox(k session.Key) queue.Key {
	return queue.Key{
		Box: queue.Inbox, Scope: string(k.Scope), Account: k.Account, Owner: k.Owner, Thread: string(k.Thread),
	}
}

// memoryOf is the memory whose inbox this is.
func memoryOf(k queue.Key) session.Key {
	return session.Key{
		Scope: session.Scope(k.Scope), Account: k.Account, Owner: k.Owner, Thread: core.ThreadID(k.Thread),
	}
}

// Wake is an envelope that has the mailbox of a memory look whether it belongs
// elsewhere now. In and from are of somebody whose memory it was; id tells one
// reason to wake from another.
func Wake(k session.Key, in core.Conversation, from core.Sender, id string) (queue.Outgoing, error) {
	return envelopeItem(core.Envelope{
		ID: core.NewEnvelopeID(in.Account, core.KindAdopt, id, k.Owner), Kind: core.KindAdopt, In: in, From: from,
	}, k)
}

// Forget is an envelope that has a memory forget everything.
func Forget(k session.Key, in core.Conversation, from core.Sender, id string) (queue.Outgoing, error) {
	return envelopeItem(core.Envelope{
		ID: core.NewEnvelopeID(in.Account, core.KindForget, id, string(k.Scope), k.Owner), Kind: core.KindForget, In: in, From: from,
	}, k)
}
