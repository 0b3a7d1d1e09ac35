package router

import (
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/session"
)

// gathered is what one turn answers: the first waiting envelope with what belongs
// to it.
type gathered struct {
	// envelope is the one the skill sees.
	envelope core.Envelope
	// all are the done envelopes as they came, for the ledger.
	all []core.Envelope
	// done is how many of the first items the turn finishes.
	done int
	// absorbed are envelopes that wait further back and are answered with this one.
	absorbed []core.EnvelopeID
	// rest waits behind the done ones.
	rest []core.Envelope
}

// gather takes the first envelope, the rest of its album, with collect what the
// same person said right behind it, puts later edits of any of them in place, and
// leaves out what was taken back meanwhile.
func gather(waiting []core.Envelope, s *session.Session, collect time.Duration) gathered {
	head := waiting[0]
	g := gathered{done: 1, all: waiting[:1]}
	members := []core.Envelope{head}
	if head.Kind == core.KindMessage {
		if _, isCommand := head.Command(); collect > 0 && !isCommand {
			for g.done < len(waiting) && follows(waiting[g.done], waiting[g.done-1], collect) && !s.Absorbed(waiting[g.done].ID) {
				members = append(members, waiting[g.done])
				g.done++
			}
			g.all = waiting[:g.done]
		}
		for _, e := range waiting[g.done:] {
			if e.Kind == core.KindMessage && inAlbum(e, members) && !s.Absorbed(e.ID) {
				members = append(members, e)
				g.absorbed = append(g.absorbed, e.ID)
			}
		}
	}
	for i := range members {
		for _, e := range waiting[1:] {
			if e.Kind == core.KindEdit && e.In == members[i].In && e.Native == members[i].Native && !s.Absorbed(e.ID) {
				members[i].Parts = e.Parts
				g.absorbed = append(g.absorbed, e.ID)
			}
		}
	}
	kept := slices.DeleteFunc(slices.Clone(members), func(m core.Envelope) bool {
		return slices.ContainsFunc(waiting[1:], func(e core.Envelope) bool {
			return e.Kind == core.KindDelete && e.In == m.In && e.Native == m.Native
		})
	})
	if len(kept) == 0 {
		// All of it was taken back: nothing is left to answer or to overhear.
		g.envelope = head
		g.envelope.Kind = core.KindDelete
		return g
	}
	g.envelope = join(kept)
	g.envelope.ID = head.ID // the turn's, whichever of its messages stayed
	return g
}

// follows tells whether e goes on what before said: the same person in the same
// place, soon after, and no command.
func follows(e, before core.Envelope, within time.Duration) bool {
	_, isCommand := e.Command()
	return e.Kind == core.KindMessage && !isCommand && e.In == before.In &&
		e.From.Realm == before.From.Realm && e.From.ID == before.From.ID &&
		e.Addressed == before.Addressed && e.SentAt.Sub(before.SentAt) <= within
}

func inAlbum(e core.Envelope, members []core.Envelope) bool {
	for _, m := range members {
		if m.Album != "" && e.Album == m.Album && e.In == m.In {
			return true
		}
	}
	return false
}

// join makes one envelope of several: the identity of the first, the words of all.
func join(members []core.Envelope) core.Envelope {
	out := members[0]
	if len(members) == 1 {
		return out
	}
	out.Parts = nil
	for _, m := range members {
		out.Parts = append(out.Parts, m.Parts...)
		out.Addressed = out.Addressed || m.Addressed
		if out.ReplyTo == nil {
			out.ReplyTo = m.ReplyTo
		}
	}
	if last := members[len(members)-1]; last.Album == "" {
		out.Native = last.Native // the answer quotes the last of what it answers
	}
	return out
}

// decode reads the waiting items. One behind the first that cannot be read ends
// the list: it is dealt with when its own time comes.
func decode(items []queue.Item) ([]core.Envelope, error) {
	out := make([]core.Envelope, 0, len(items))
	for i, item := range items {
		e, err := core.DecodeEnvelope(item.Body)
		if err != nil {
			if i == 0 {
				return nil, err
			}
			break
		}
		out = append(out, e)
	}
	return out, nil
}
