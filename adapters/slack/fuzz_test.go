package slack

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// FuzzPlan: whatever a reply holds, its messages keep to the bounds of Block Kit, a draft
// is one message, and what a stream is given calls nobody and only grows.
func FuzzPlan(f *testing.F) {
	f.Add("**a** <@U1> [x](https://x.org)", "caption", "b.png", "Yes", "y", 3)
	f.Add("- > a\n```\nb", "<!channel>", "../\x00", strings.Repeat("é", 80), "data", 60)
	f.Add(strings.Repeat("word <", 2000), strings.Repeat("c ", 4000), "", "", "", 0)
	f.Fuzz(func(t *testing.T, words, caption, name, label, data string, at int) {
		r := core.Reply{Final: true, Parts: []core.Part{
			core.Text{Text: words, Format: core.Markdown},
			core.Media{Kind: core.Voice, Blob: "b", Name: name, MIME: "audio/ogg", Caption: caption},
			core.Mention{User: core.UserID(label), Name: name}, core.Text{Text: caption},
			core.Buttons{Rows: [][]core.Button{{{Label: label, Data: data}}}},
		}}
		messages, err := plan(r)
		if err != nil && fault.ClassOf(err) != fault.Permanent {
			t.Fatal(err)
		}
		for _, m := range messages {
			if m.file != nil {
				m = m.showing(uploaded{id: "F1", page: "https://x.slack.com/files/" + strings.Repeat("p", 400)})
			}
			if units(m.text) > maxText || len(m.blocks) > maxBlocks {
				t.Fatalf("%d units, %d blocks", units(m.text), len(m.blocks))
			}
			if _, err := json.Marshal(m.blocks); err != nil {
				t.Fatal(err)
			}
		}
		draft := func(text string) core.Reply {
			return core.Reply{Parts: []core.Part{core.Text{Text: text, Format: core.Markdown}}}
		}
		if m, more, err := draftPiece(draft(words)); err == nil && (more || units(m.text) > maxText) {
			t.Fatalf("a draft of %d units", units(m.text))
		}
		checkGrowth(t, draft(words[:max(0, min(at, len(words)))]), draft(words))
	})
}

// checkGrowth: the stream of more words goes on where that of fewer ended.
func checkGrowth(t *testing.T, fewer, all core.Reply) {
	t.Helper()
	before, _ := growing(fewer)
	after, _ := growing(all)
	if n := utf8.RuneCountInString(after); n > 2*maxText || !utf8.ValidString(after) {
		t.Fatalf("%d signs", n)
	}
	for _, call := range []string{"<@", "<!", "<#"} {
		if strings.Contains(after, call) {
			t.Fatalf("%q calls people", after)
		}
	}
	// What is cut ends with an ellipsis, and broken letters are left out until they are whole.
	if utf8.ValidString(fewer.Parts[0].(core.Text).Text) && !strings.HasSuffix(after, ellipsis) && !strings.HasPrefix(after, before) { //nolint:forcetypeassert // made above
		t.Fatalf("%q does not go on with %q", after, before)
	}
}

// FuzzAnswers: whatever stands in a history or comes from the Web API, reading it does no
// harm.
func FuzzAnswers(f *testing.F) {
	f.Add(200, "", []byte(`{"ok":true,"messages":[{"ts":"1.2","metadata":{"event_type":"parley_reply","event_payload":{"reply":"x","piece":0}}}]}`))
	f.Add(429, "7", []byte(`{"ok":false,"error":"ratelimited"}`))
	f.Add(200, "", []byte(`{"ok":true,"messages":[{"metadata":{"event_payload":{"piece":"0"}}}]}`))
	f.Fuzz(func(t *testing.T, status int, wait string, data []byte) {
		var page history
		err := read(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {wait}}}, data, &page)
		if class := fault.ClassOf(answer{op: "x", account: "sl", status: status, sent: true}.fault(errors.Join(err, errNotJSON))); class == fault.Bug {
			t.Fatalf("nobody classified %v", err)
		}
		if ts := page.find(core.Reply{ID: "x"}); err != nil && ts != "" && status != http.StatusOK {
			t.Fatalf("found %q in %v", ts, err)
		}
	})
}
