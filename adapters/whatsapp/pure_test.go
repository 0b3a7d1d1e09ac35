package whatsapp

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var testReader = reader{account: "wa", number: "106540352242922"}

// messages reads testdata/messages.json: single messages by name.
func messages(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile("testdata/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func changeWith(message json.RawMessage) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"field":"messages","value":{"messaging_product":"whatsapp",`+
		`"metadata":{"display_phone_number":"+1 555-078-3881","phone_number_id":"106540352242922"},`+
		`"contacts":[{"profile":{"name":"Ann","username":"ann"},"wa_id":"16505551234"}],"messages":[%s]}}`, message))
}

func TestInboundGolden(t *testing.T) {
	t.Parallel()
	for name, message := range messages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := changeWith(message)
			if whole, ok := strings.CutPrefix(name, "change_"); ok && whole != "" {
				raw = message
			}
			got := testReader.change(raw, time.Unix(1700000000, 0))
			var out []json.RawMessage
			for _, a := range got.arrivals {
				wire, err := core.EncodeEnvelope(a.Envelope)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, wire)
			}
			adaptertest.Golden(t, "testdata/inbound/"+name+".json", map[string]any{
				"envelopes": out, "statuses": len(got.statuses), "errors": len(got.errors), "foreign": got.foreign, "unread": got.unread,
			})
		})
	}
}

func TestOutboundGolden(t *testing.T) {
	t.Parallel()
	answer, err := os.ReadFile("testdata/answer.md")
	if err != nil {
		t.Fatal(err)
	}
	row := func(labels ...string) (row []core.Button) {
		for _, l := range labels {
			row = append(row, core.Button{Label: l, Data: "data of " + l})
		}
		return row
	}
	file := mintFile("123456")
	for name, parts := range map[string][]core.Part{
		"plain":    {core.Text{Text: `1 < 2 & "x" *not bold* 2*3*4 snake_case_word https://x.org/_a_b_`}},
		"markdown": {core.Text{Text: string(answer), Format: core.Markdown}},
		"buttons":  {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{row("Yes"), row("No")}}},
		"buttons and address": {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{
			row("Yes"), {{Label: "Docs", URL: "https://x.org"}},
		}}},
		"list":           {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{row("a", "b", "c", "A label of more than four and twenty")}}},
		"too many":       {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{row("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")}}},
		"two of a label": {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{row("a", "a")}}},
		"buttons under a long text": {
			core.Text{Text: strings.Repeat("long ", 300)}, core.Buttons{Rows: [][]core.Button{row("Yes")}},
		},
		"mention": {core.Mention{User: "7", Name: "Ada"}, core.Text{Text: "look"}},
		"long":    {core.Text{Text: strings.Repeat("word ", 1700)}},
		"media": {
			core.Text{Text: "see"},
			core.Media{Kind: core.Image, File: file, Caption: "short"},
			core.Media{Kind: core.Document, File: file, Name: "a.pdf"},
			core.Media{Kind: core.Sticker, File: file, Caption: "stickers carry none"},
			core.Media{Kind: core.Voice, File: file},
			core.Media{Kind: core.Video, File: file, Caption: strings.Repeat("long ", 300)},
		},
		"places": {
			core.Location{Latitude: 52.5, Longitude: -13.25},
			core.Location{Latitude: 1, Longitude: 2, Title: "Home", Address: "Street 1"},
			core.Contact{Name: "Ada", Phone: "+4912345", User: "4912345"},
			core.Contact{Name: "Only a name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			planned, err := plan(core.Reply{Parts: parts}, cloudDialect)
			if err != nil {
				t.Fatal(err)
			}
			to := core.Conversation{Account: "wa", Place: core.Private, Chat: "16505551234"}
			r := core.Reply{ID: "e.0", To: to, InReplyTo: "wamid.asked"}
			var out []fields
			for _, m := range planned {
				body, err := addressed(m.render(), r)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, body)
				r.Sent = append(r.Sent, "wamid.x")
			}
			adaptertest.Golden(t, "testdata/outbound/"+strings.ReplaceAll(name, " ", "_")+".json", out)
		})
	}
}

func TestAddressed(t *testing.T) {
	t.Parallel()
	in := func(place core.Place, chat core.ChatID) core.Conversation {
		return core.Conversation{Account: "wa", Place: place, Chat: chat}
	}
	for name, tc := range map[string]struct {
		reply core.Reply
		field string
		want  any
	}{
		"a number":        {core.Reply{To: in(core.Private, "16505551234")}, "to", "16505551234"},
		"a scoped id":     {core.Reply{To: in(core.Private, "US.13491208655302741918")}, "recipient", "US.13491208655302741918"},
		"nobody":          {core.Reply{To: in(core.Private, "0")}, "", nil},
		"a group":         {core.Reply{To: in(core.Group, "1")}, "", nil},
		"a foreign quote": {core.Reply{To: in(core.Private, "1"), InReplyTo: "17"}, "", nil},
	} {
		body, err := addressed(outgoing{text: "x"}.render(), tc.reply)
		if tc.field == "" {
			if fault.ClassOf(err) != fault.Permanent {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || body[tc.field] != tc.want {
			t.Errorf("%s: %v, %v", name, body, err)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		part core.Part
		says string
	}{
		"empty button":   {core.Buttons{Rows: [][]core.Button{{{Label: "Pick"}}}}, `"Pick"`},
		"foreign file":   {core.Media{Kind: core.Image, File: "../me"}, "not an id of this platform"},
		"unknown media":  {core.Media{Kind: "hologram", File: "1"}, "hologram"},
		"inbound's part": {core.Unsupported{What: "poll"}, "Unsupported"},
	} {
		_, err := plan(core.Reply{Parts: []core.Part{core.Text{Text: "hi"}, tc.part}}, cloudDialect)
		if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: class %s: %v", name, fault.ClassOf(err), err)
		}
	}
}
