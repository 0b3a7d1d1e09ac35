package whatsapp

import (
	"errors"
	"testing"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/whatsapp/web"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// TestWebNextNode: when the node with the connection is gone, the next one edits the answer
// that grows, knows what was offered, and quotes.
func TestWebNextNode(t *testing.T) {
	t.Parallel()
	memory := alone.New()
	before, _ := webBench(t, adapters.Settings{Memory: memory})
	after, d := webBench(t, adapters.Settings{Memory: memory})
	draft := webReply(webChat, core.Text{Text: "a"})
	draft.Final = false
	receipt, err := before.Send(t.Context(), draft)
	if err != nil {
		t.Fatal(err)
	}
	final := webReply(webChat, core.Text{Text: "a b"}, core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}}}})
	if _, err := after.Edit(t.Context(), receipt.Message, final); err != nil || len(d.sent) != 1 || d.sent[0].Edits != string(receipt.Message) {
		t.Errorf("%+v, %v", d.sent, err)
	}
	if _, err := before.Edit(t.Context(), receipt.Message, final); err != nil || len(d.sent) != 1 {
		t.Errorf("the same again: %+v, %v", d.sent, err)
	}
	said := webSaid(core.Text{Text: "1"})
	e := webReader{"wa"}.envelope(said)
	before.press(t.Context(), &e, said)
	if e.Kind != core.KindAction {
		t.Errorf("%s, want the press of what the other node offered", e.Kind)
	}

	asked := webSaidInGroup(core.Text{Text: "@1 and now?"})
	asked.Self = true
	e = webReader{"wa"}.envelope(asked)
	before.took(t.Context(), e, asked)
	answer := webReply(e.In, core.Text{Text: "now"})
	answer.InReplyTo = e.Native
	if _, err := after.Send(t.Context(), answer); err != nil || d.sent[1].Quote == nil || d.sent[1].Quote.Text != "@1 and now?" {
		t.Errorf("%+v, %v", d.sent[1:], err)
	}

	before.revoked(t.Context(), string(receipt.Message))
	if _, err := after.Edit(t.Context(), receipt.Message, webReply(webChat, core.Text{Text: "c"})); !errors.Is(err, web.ErrGone) || fault.ClassOf(err) != fault.Permanent {
		t.Errorf("an edit of what was taken back: %v", err)
	}
}
