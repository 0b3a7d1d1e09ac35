package adapters

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
)

// What the Deliverer leaves on an item, so that whoever gets it after a crash
// knows what had been begun. Its form outlives a process.

// step is how far the sending of a reply is.
type step string

const (
	// stepIdle: no call is under way; every outcome is known.
	stepIdle step = ""
	// stepSending: a call that leaves a message may be under way. Found on a
	// redelivery it means that nobody knows whether the next piece stands.
	stepSending step = "sending"
	// stepDone: all pieces stand, only the commit is missing.
	stepDone step = "done"
)

// note is left on an item of the outbox.
type note struct {
	Step step    `json:"step,omitempty"`
	Sent []piece `json:"sent,omitempty"`
	// Unsure counts how often the outcome of the next piece was unknown.
	Unsure int `json:"unsure,omitempty"`
	// Fresh is true when the draft's message is gone and the reply is sent anew.
	Fresh bool `json:"fresh,omitempty"`
	// Moved is where the place is now, when sending found out that it moved.
	Moved *core.Conversation `json:"moved,omitempty"`
}

// piece is one message that stands.
type piece struct {
	Message core.MessageID `json:"message"`
	At      time.Time      `json:"at"`
}

func readNote(data []byte) (note, error) {
	var n note
	if len(data) == 0 {
		return n, nil
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return note{}, fmt.Errorf("note on a reply: %w", err)
	}
	return n, nil
}

// sent gives the ids of the pieces that stand.
func (n note) sent() []core.MessageID {
	ids := make([]core.MessageID, len(n.Sent))
	for i, p := range n.Sent {
		ids[i] = p.Message
	}
	return ids
}

// receipts gives the receipts of the pieces that stand, as Send gave them.
func (n note) receipts() []core.Receipt {
	out := make([]core.Receipt, len(n.Sent))
	for i, p := range n.Sent {
		out[i] = core.Receipt{Message: p.Message, At: p.At, More: i < len(n.Sent)-1}
	}
	return out
}

// What a lane remembers.
const (
	// fieldMoved holds the Conversation that the place is known as now.
	fieldMoved = "moved"
	// fieldDraft with a ReplyID behind it holds the message that shows its draft, or an
	// empty one where nobody knows whether it stands.
	fieldDraft = "draft/"
	// draftItem stands in an item's id between the ReplyID and a serial; the item
	// asks that the draft be given a message of its own.
	draftItem = "/draft/"
)

// draftsKept is how long a lane remembers the message of a draft whose reply never
// came.
const draftsKept = 24 * time.Hour

// draftOf tells whether an item asks for a draft's message, and which reply's.
func draftOf(itemID string) (core.ReplyID, bool) {
	reply, _, ok := strings.Cut(itemID, draftItem)
	return core.ReplyID(reply), ok
}

// memory reads what a lane remembers.
type memory struct{ fields map[string][]byte }

// moved gives where the place is now; nil when it did not move.
func (m memory) moved() *core.Conversation {
	var to core.Conversation
	if raw, ok := m.fields[fieldMoved]; !ok || json.Unmarshal(raw, &to) != nil {
		return nil
	}
	return &to
}

// draft gives the message that shows the reply's draft; "" for none.
func (m memory) draft(id core.ReplyID) core.MessageID {
	message, _ := m.placed(id)
	return message
}

// placed tells whether a message was asked for the reply's draft, and which it got; ""
// when it was not to have one.
func (m memory) placed(id core.ReplyID) (message core.MessageID, known bool) {
	var p piece
	if raw, ok := m.fields[fieldDraft+string(id)]; !ok || json.Unmarshal(raw, &p) != nil {
		return "", false
	}
	return p.Message, true
}

// forget adds to set the removal of a reply's draft and of those kept for too long.
func (m memory) forget(set map[string][]byte, id core.ReplyID, now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(m.fields)) {
		if !strings.HasPrefix(name, fieldDraft) {
			continue
		}
		var p piece
		broken := json.Unmarshal(m.fields[name], &p) != nil
		if broken || name == fieldDraft+string(id) || now.Sub(p.At) > draftsKept {
			set[name] = nil
		}
	}
}

// finish is the commit of an item that is done with: the lane forgets the draft
// and learns where the place is now.
func (m memory) finish(id core.ReplyID, moved *core.Conversation, now time.Time) queue.Commit {
	set := map[string][]byte{}
	m.forget(set, id, now)
	if moved != nil {
		set[fieldMoved] = encode(*moved)
	}
	return queue.Commit{Done: 1, Set: set}
}

// encode marshals types of this package, which cannot fail.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("adapters: %v", err))
	}
	return data
}
