package openaichat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, bytes.TrimSpace(got), "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, pretty.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("%s changed (-want +got)\n%s", name, diff)
	}
}

// sent gives the body of the last request.
func sent(t *testing.T, c *canned) []byte {
	t.Helper()
	body, err := c.last.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func fullRequest() models.Request {
	half, less, seed := 0.5, -0.25, int64(42)
	return models.Request{
		Model: "tiny", MaxTokens: 100,
		Sampling: models.Sampling{Temperature: &half, TopP: &half, PresencePenalty: &less, FrequencyPenalty: &less, Seed: &seed, Stop: []string{"\n\n", "END"}},
		Messages: []models.Message{
			{Role: models.System, Text: "be <brief> & kind"},
			{Role: models.User, Text: "how is the weather?", Name: "Åsa", Images: []models.Image{{MIME: "image/png", Data: []byte{0, 1}}}},
			{Role: models.Assistant, Calls: []models.ToolCall{
				{ID: "call_1", Name: "weather", Arguments: json.RawMessage(`{"city":"Köln"}`)}, {ID: "call_2", Name: "now"},
			}},
			{Role: models.ToolResult, CallID: "call_1", Text: `{"sun":true}`},
			{Role: models.ToolResult, CallID: "call_2", Text: "noon"},
		},
		Tools: []models.Tool{
			{Name: "weather", Description: "today's weather", Parameters: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`)},
			{Name: "now"},
		},
		ToolChoice: "weather",
		Format:     &models.Format{Name: "report", Schema: json.RawMessage(`{"type":"object"}`), Strict: true},
	}
}

func TestGoldenRequests(t *testing.T) {
	full := fullRequest()
	plain := models.Request{Model: "tiny", Messages: full.Messages[:1], ToolChoice: models.ToolRequired, Format: &models.Format{}}
	forced := models.Request{Model: "tiny", Messages: full.Messages[:1], Tools: full.Tools[1:], ToolChoice: models.ToolRequired}
	resumed := models.Request{Model: "tiny", Messages: full.Messages[:1], Prefix: "The sun is \n"}
	for name, r := range map[string]models.Request{"full": full, "json_object": plain, "required_tool": forced, "continue": resumed} {
		c := cannedText(stream("stop"))
		client := newClient(t, openaichat.Options{Base: "http://worker.test", HTTP: c.http(), Kind: models.KindVLLM})
		if res := modeltest.Collect(t, t.Context(), client, r); res.Err != nil {
			t.Fatal(res.Err)
		}
		golden(t, "request."+name+".json", sent(t, c))
	}
}

func TestContinue(t *testing.T) {
	for _, test := range []struct {
		name, prefix, answer, want string
		kind                       models.Kind
	}{
		{"in a word", "The su", `{"content":"n is out"}`, "n is out", models.KindLlamaCPP},
		{"the space again", "The sun ", `{"content":" is out"}`, "is out", models.KindVLLM},
		{"the space alone", "The sun ", `{"content":" "}`, "", models.KindVLLM},
		{"no space again", "The sun ", `{"content":"is out"}`, "is out", models.KindSGLang},
		{"part of the space again", "The sun.\n\n", `{"content":"\nIt"}`, "It", models.KindVLLM},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cannedText(stream("stop", test.answer))
			client := newClient(t, openaichat.Options{Base: "http://worker.test", HTTP: c.http(), Kind: test.kind})
			res := modeltest.Collect(t, t.Context(), client, models.Request{Messages: modeltest.Ask("weather?").Messages, Prefix: test.prefix})
			if res.Err != nil || res.Text != test.want {
				t.Errorf("got %q, %v; want %q", res.Text, res.Err, test.want)
			}
			if body := string(sent(t, c)); !strings.Contains(body, `"role":"assistant","content":"`+strings.TrimSpace(test.prefix)+`"`) {
				t.Errorf("sent %s", body)
			}
		})
	}
	c := cannedText(stream("stop"))
	err := modeltest.Collect(t, t.Context(), c.client(t), models.Request{Messages: modeltest.Ask("weather?").Messages, Prefix: "The sun"}).Err
	if !errors.Is(err, models.ErrNoContinue) || models.Blame(err) != models.BlameRequest || c.calls != 0 {
		t.Errorf("%d calls, %v", c.calls, err)
	}
}

// TestBadSchemaAsksNobody: what is no JSON cannot be sent.
func TestBadSchemaAsksNobody(t *testing.T) {
	c := cannedText(stream("stop"))
	r := modeltest.Ask("hi")
	r.Tools = []models.Tool{{Name: "x", Parameters: json.RawMessage("{")}}
	if err := modeltest.Collect(t, t.Context(), c.client(t), r).Err; fault.ClassOf(err) != fault.Permanent || c.calls != 0 {
		t.Errorf("%d calls, %v", c.calls, err)
	}
}
