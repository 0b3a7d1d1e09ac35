package protocol_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
	"github.com/parley-hub/parley/skills/skilltest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func full() skills.Manifest {
	words := map[string]string{"en": "words", "de": "Wörter"}
	return skills.Manifest{
		Name: "weather", Version: "1.4.0", Description: words,
		Commands: []skills.Command{
			{Name: "weather", Help: words, Input: json.RawMessage(`{"type":"object"}`), Tool: true, Dangerous: true},
			{Name: "rain", Help: words, Args: "[city]"},
		},
		Tools: []skills.Tool{
			{Name: "Rain_map-2", Description: "Shows rain", Input: json.RawMessage(`{"type":"object","properties":{"at":{"type":"array"}}}`), Dangerous: true},
			{Name: "now", Description: "The time"},
		},
		Triggers: skills.Triggers{Keywords: []string{"rain"}, Pattern: "snow|ice", Every: []core.Place{core.Group}},
		Roles:    []skills.Role{skills.Admin}, Places: []core.Place{core.Private}, Timeout: 90 * time.Second, NeedsModel: true,
		Permissions: skills.Permissions{
			Channels: []core.Account{"a"}, Hosts: []string{"api.example.org"}, Secrets: []string{"key"}, Models: []string{"default"}, Tools: []string{"*"},
			Storage: 1, Memory: 2, CallsPerMinute: 3, Elsewhere: true,
		},
	}
}

func TestManifestGolden(t *testing.T) {
	for name, m := range map[string]skills.Manifest{"full": full(), "least": {Name: "x"}} {
		data, err := protocol.EncodeManifest(m)
		if err != nil {
			t.Fatal(err)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, data, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		path := "testdata/manifest-" + name + ".json"
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
			t.Errorf("%s (-golden +written):\n%s", path, diff)
		}
		read, err := protocol.DecodeManifest(want)
		if err != nil {
			t.Fatal(err)
		}
		again, err := protocol.EncodeManifest(read)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("read and written again it is %s, %v", again, err)
		}
	}
}

func TestManifestThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "[]", `{"name": 7}`, `{"name": "x", "timeout": "soon"}`} {
		if m, err := protocol.DecodeManifest([]byte(text)); err == nil {
			t.Errorf("%q is %+v", text, m)
		}
	}
}

func TestFaults(t *testing.T) {
	cause := errors.New("cause")
	for name, err := range map[string]error{
		"none":      nil,
		"plain":     cause,
		"retryable": fault.New(fault.Retryable, "op", cause, fault.WithWait(time.Second), fault.WithPublic("later"), fault.WithRef("r3f"), fault.Unsure()),
		"denied":    skills.Denied("x", skills.PermitHost, "h", "de"),
		"full":      fault.New(fault.Permanent, "storage", skills.ErrFull),
		"canceled":  fmt.Errorf("op: %w", context.Canceled),
		"deadline":  context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			got := protocol.EncodeFault(err).Err()
			if fault.ClassOf(got) != fault.ClassOf(err) || fault.Public(got) != fault.Public(err) || fault.Wait(got) != fault.Wait(err) ||
				fault.Ref(got) != fault.Ref(err) || fault.IsUnsure(got) != fault.IsUnsure(err) {
				t.Errorf("%v came as %v", err, got)
			}
			for _, is := range []error{skills.ErrDenied, skills.ErrFull, context.Canceled, context.DeadlineExceeded} {
				if errors.Is(got, is) != errors.Is(err, is) {
					t.Errorf("%v came as %v: %v", err, got, is)
				}
			}
			if err != nil && got.Error() != err.Error() {
				t.Errorf("%q came as %q", err, got)
			}
		})
	}
	strange := (&protocol.Fault{Class: "fatal", Text: strings.Repeat("x", 1<<20), Public: "\xff", Ref: strings.Repeat("r", 99), Wait: -1}).Err()
	if fault.ClassOf(strange) != fault.Bug || len(strange.Error()) > 4096 || fault.Ref(strange) != "" || fault.Wait(strange) != 0 {
		t.Errorf("a strange fault is %.80v", strange)
	}
}

func TestRequestAndDelta(t *testing.T) {
	heat := 0.5
	r := models.Request{
		Messages: []models.Message{{Role: models.User, Text: "hi", Images: []models.Image{{MIME: "image/png", Data: []byte{1}}}, Calls: []models.ToolCall{{ID: "c"}}}},
		Sampling: models.Sampling{Temperature: &heat}, Tools: []models.Tool{{Name: "t"}}, Format: &models.Format{Name: "f"}, MaxTokens: 7,
	}
	sent := r
	sent.Shown = func() bool { return true }
	wire, err := protocol.EncodeRequest("big", sent)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.Decode()
	if diff := cmp.Diff(r, got); err != nil || diff != "" || wire.GetPool() != "big" {
		t.Errorf("request: %v (-sent +came):\n%s", err, diff)
	}
	d := models.Delta{Text: "a", Calls: []models.ToolCall{{ID: "c", Name: "n"}}, Finish: models.FinishStop, Usage: &models.Usage{Prompt: 3}}
	data, err := protocol.EncodeDelta(d)
	if err != nil {
		t.Fatal(err)
	}
	if came, err := protocol.DecodeDelta(data); err != nil || !cmp.Equal(d, came) {
		t.Errorf("delta: %+v, %v", came, err)
	}
}

func TestLongHistoryShowsTheNewest(t *testing.T) {
	var past []session.Turn
	for i := range 5 {
		past = append(past, session.Turn{ID: core.EnvelopeID(fmt.Sprint(i)), At: skilltest.Now, Answer: strings.Repeat("x", protocol.MaxHistory/3)})
	}
	x, err := protocol.EncodeTurn(skilltest.NewTurn(skilltest.TurnOptions{Session: skilltest.NewSession(past...)}))
	if err != nil {
		t.Fatal(err)
	}
	turn, err := x.Decode()
	if err != nil {
		t.Fatal(err)
	}
	history, err := turn.Session.History()
	if err != nil || len(history) != 3 || history[2].ID != "4" {
		t.Errorf("%d turns, %v", len(history), err)
	}
	if r, err := x.Changed(turn.Session); err != nil || r != nil {
		t.Errorf("an untouched session changed: %v, %v", r, err)
	}
}

func TestCalled(t *testing.T) {
	called := &skills.Called{Tool: "Rain_map-2", Call: "turn/0.1"}
	x, err := protocol.EncodeTurn(skilltest.NewTurn(skilltest.TurnOptions{Called: called, Input: json.RawMessage(`{"a":[1]}`)}))
	if err != nil {
		t.Fatal(err)
	}
	turn, err := x.Decode()
	if err != nil || !cmp.Equal(called, turn.Called) || string(turn.Input) != `{"a":[1]}` {
		t.Errorf("%+v, %v", turn, err)
	}
}

func TestForgetting(t *testing.T) {
	past := session.Turn{ID: "1", At: skilltest.Now, Answer: "a", Tokens: 1}
	hubs := skilltest.NewSession(past)
	hubs.Pin("is tall")
	hubs.SetModel("big", "user")
	x, err := protocol.EncodeTurn(skilltest.NewTurn(skilltest.TurnOptions{Session: hubs}))
	if err != nil {
		t.Fatal(err)
	}
	turn, err := x.Decode()
	if err != nil {
		t.Fatal(err)
	}
	turn.Session.Forget()
	r, err := x.Changed(turn.Session)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Apply(hubs, "user"); err != nil {
		t.Fatal(err)
	}
	history, err := hubs.History()
	if err != nil || len(history) > 0 || len(hubs.Pinned()) > 0 || hubs.Model() != "" {
		t.Errorf("it remembers %v, %v, %q, %v", history, hubs.Pinned(), hubs.Model(), err)
	}
}

// Whatever a program sends is read or refused, never a panic.
func FuzzToHub(f *testing.F) {
	parts, err := protocol.EncodeParts([]core.Part{core.Text{Text: "hi"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []*protocol.ToHub{
		{Is: &protocol.ToHub_Reply{Reply: parts}},
		{Is: &protocol.ToHub_End{End: &protocol.End{Fault: &protocol.Fault{Class: "bug"}, Remember: &protocol.Remember{Clear: true, Pin: []string{"a"}}}}},
		{Is: &protocol.ToHub_Ask{Ask: &protocol.Ask{Parts: parts.GetParts(), State: []byte("1"), Wait: 5}}},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m protocol.ToHub
		if proto.Unmarshal(data, &m) != nil {
			return
		}
		_, _ = m.GetReply().Decode()
		_, _ = m.GetElsewhere().Decode()
		_, _ = m.GetAsk().Decode()
		_, _ = m.GetCall().GetChat().Decode()
		_ = m.GetEnd().GetFault().Err()
		s := skilltest.NewSession(session.Turn{ID: "1", At: skilltest.Now, Tokens: 1})
		if m.GetEnd().GetRemember().Apply(s, "user") == nil {
			_ = s.Changes()
		}
	})
}
