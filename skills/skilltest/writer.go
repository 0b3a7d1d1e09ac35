package skilltest

import (
	"slices"
	"sync"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// RecordingWriter is a Writer that remembers. The zero value is ready; it is safe
// for concurrent use, so that a test may look while a skill still writes.
type RecordingWriter struct {
	// OnDraft, when set, is called after each draft was remembered.
	OnDraft func(parts []core.Part)

	mu      sync.Mutex
	drafts  [][]core.Part
	replies [][]core.Part
	// elsewhere are the replies to other conversations.
	elsewhere []Elsewhere
	// questions are those that were asked; their parts are among the replies.
	questions []skills.Question
	drafted   bool
	closed    bool
	late      int
}

// Elsewhere is a reply to another conversation than the turn's.
type Elsewhere struct {
	To     core.Conversation
	Person core.PersonID
	Parts  []core.Part
}

var _ skills.Writer = (*RecordingWriter)(nil)

// Draft remembers a draft.
func (w *RecordingWriter) Draft(parts ...core.Part) {
	w.mu.Lock()
	w.call()
	w.drafts = append(w.drafts, slices.Clone(parts))
	w.drafted = w.drafted || len(parts) > 0
	on := w.OnDraft
	w.mu.Unlock()
	if on != nil {
		on(parts)
	}
}

// Drafted tells whether a draft with parts came.
func (w *RecordingWriter) Drafted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.drafted
}

// Reply remembers a reply.
func (w *RecordingWriter) Reply(parts ...core.Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call()
	w.replies = append(w.replies, slices.Clone(parts))
	w.drafted = false
}

// ReplyIn remembers a reply to another conversation.
func (w *RecordingWriter) ReplyIn(to core.Conversation, person core.PersonID, parts ...core.Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call()
	w.elsewhere = append(w.elsewhere, Elsewhere{To: to, Person: person, Parts: slices.Clone(parts)})
}

// Ask remembers a question, and its parts as a reply.
func (w *RecordingWriter) Ask(q skills.Question) {
	w.Reply(q.Parts...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.questions = append(w.questions, q)
}

// Questions gives what was asked, in order; the last one counts.
func (w *RecordingWriter) Questions() []skills.Question {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.questions)
}

// Elsewhere gives the replies to other conversations in their order.
func (w *RecordingWriter) Elsewhere() []Elsewhere {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.elsewhere)
}

func (w *RecordingWriter) call() {
	if w.closed {
		w.late++
	}
}

// Close says that the turn is over: what is written from now on is late.
func (w *RecordingWriter) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// Late counts the drafts and replies that came after Close.
func (w *RecordingWriter) Late() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.late
}

// Drafts gives the drafts, oldest first; one without parts stands for typing.
func (w *RecordingWriter) Drafts() [][]core.Part {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.drafts)
}

// Replies gives the replies in their order.
func (w *RecordingWriter) Replies() [][]core.Part {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.replies)
}

// Text joins the words of all replies with line ends.
func (w *RecordingWriter) Text() string { return core.JoinText(slices.Concat(w.Replies()...)) }
