package router

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// writer collects what a skill answers and passes drafts on.
type writer struct {
	reply    core.Reply // what all replies of the turn share
	envelope core.Envelope
	drafts   Drafts
	turn     queue.Lease
	lane     func(core.Conversation) queue.Key
	replies  []core.Reply
	// elsewhere are replies to other conversations; their ids come behind those here.
	elsewhere []core.Reply
	// question is what the turn asked last; nil for nothing.
	question *skills.Question
	rev      int
	begun    bool // a draft or typing was handed on for the next reply
	drafted  bool // a draft with words was
	// growing are the replies that a draft or typing was handed on for.
	growing []core.ReplyID
}

// errNotPrivate: what nobody asked for somewhere is said in private chats only.
var errNotPrivate = errors.New("the other conversation is no private chat")

// Draft hands on the reply as it stands so far.
func (w *writer) Draft(parts ...core.Part) {
	w.rev++
	r := w.next()
	if !w.begun {
		w.begun = true
		w.growing = append(w.growing, r.ID)
	}
	w.drafted = w.drafted || len(parts) > 0
	r.Rev, r.Parts = w.rev, parts
	w.drafts.Draft(r, w.turn)
}

// Drafted tells whether words of the next reply may have been seen.
func (w *writer) Drafted() bool { return w.drafted && w.drafts.Drafted(w.next().ID) }

// Reply adds a final reply. One without parts says nothing and is left out.
func (w *writer) Reply(parts ...core.Part) {
	if len(parts) == 0 {
		return
	}
	r := w.next()
	r.Final, r.Parts = true, parts
	w.replies = append(w.replies, r)
	w.begun, w.drafted, w.rev = false, false, 0
}

// ReplyIn adds a final reply to another private conversation.
func (w *writer) ReplyIn(to core.Conversation, person core.PersonID, parts ...core.Part) {
	if len(parts) == 0 {
		return
	}
	w.elsewhere = append(w.elsewhere, core.Reply{To: to, Person: person, Trace: w.reply.Trace, Final: true, Parts: parts})
}

// Ask adds a final reply and keeps what comes back with its answer.
func (w *writer) Ask(q skills.Question) {
	w.Reply(q.Parts...)
	w.question = &q
}

// remember puts the question that a skill asked into the session, so that it is stored in
// the same step as its words. One that is wrong fails the turn.
func (w *writer) remember(s *session.Session, skill string, now time.Time) error {
	q := w.question
	if q == nil {
		return nil
	}
	if err := q.Check(); err != nil {
		return fault.New(fault.Permanent, "question of the skill "+skill, err)
	}
	s.Ask(w.envelope.In, w.envelope.From, session.Asked{Skill: skill, Turn: w.envelope.ID, State: q.State, Until: now.Add(q.For)})
	return nil
}

// next is the reply that comes next. In a group the first one quotes the message
// it answers, so that people see who is meant.
func (w *writer) next() core.Reply {
	r := w.reply
	r.ID = core.ReplyTo(w.envelope.ID, len(w.replies))
	if w.envelope.In.Place == core.Group && len(w.replies) == 0 && w.envelope.Kind == core.KindMessage {
		r.InReplyTo = w.envelope.Native
	}
	return r
}

// settle lets no draft land behind what is committed next.
func (w *writer) settle(ctx context.Context) {
	for _, id := range w.growing {
		if w.begun && id == w.next().ID {
			w.drafts.StopDraft(ctx, id, w.turn.Token) // begun and never finished
			continue
		}
		w.drafts.SettleDraft(ctx, id, w.turn.Token)
	}
}

// abandon takes back what a failed turn wanted to say.
func (w *writer) abandon(ctx context.Context) {
	for _, id := range w.growing {
		w.drafts.StopDraft(ctx, id, w.turn.Token)
	}
	w.replies, w.elsewhere = nil, nil
}

// apologise says in the name of a turn that failed for good. The reply has an id
// of its own, so that a replay of the message can still be answered.
func (w *writer) apologise(words string) {
	r := w.next()
	r.ID = core.ReplyTo(w.envelope.ID, -1)
	r.Final, r.Parts = true, []core.Part{core.Text{Text: words}}
	w.replies = append(w.replies, r)
}

// outgoing gives the replies on their way into the outbox.
func (w *writer) outgoing() ([]queue.Outgoing, error) {
	for i, r := range w.elsewhere {
		if r.To.Place != core.Private || r.To.Account == "" || r.To.Chat == "" {
			return nil, fault.New(fault.Bug, "reply elsewhere", errNotPrivate)
		}
		w.elsewhere[i].ID = core.ReplyTo(w.envelope.ID, len(w.replies)+i)
	}
	out := make([]queue.Outgoing, 0, len(w.replies)+len(w.elsewhere))
	for _, r := range slices.Concat(w.replies, w.elsewhere) {
		body, err := core.EncodeReply(r)
		if err != nil {
			return nil, fault.New(fault.Bug, "encode reply", err)
		}
		out = append(out, queue.Outgoing{Key: w.lane(r.To), Item: queue.Item{ID: string(r.ID), Body: body}})
	}
	return out, nil
}
