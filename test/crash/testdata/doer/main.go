// Command doer is a skill whose tools do something that cannot be undone: they say to a
// ledger outside that they did it, before they answer.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/sdk"
)

// ledger is the host of the ledger; it is set when it is built.
var ledger string

const schema = `{"type": "object", "required": ["word"], "properties": {"word": {"type": "string"}}}`

type doer struct{}

func main() { sdk.Main(doer{}) }

// Manifest implements skills.Skill.
func (doer) Manifest() skills.Manifest {
	input := json.RawMessage(schema)
	return skills.Manifest{
		Name: "doer", Version: "1.0.0", Timeout: time.Minute,
		Tools: []skills.Tool{
			{Name: "do", Description: "Do it", Input: input}, {Name: "ask", Description: "Ask the person for a color", Input: input},
			{Name: "risk", Description: "Do what is dangerous", Input: input, Dangerous: true},
		},
		Permissions: skills.Permissions{Hosts: []string{ledger}},
	}
}

// Handle implements skills.Skill.
func (doer) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if t.Asked != nil {
		var word string
		if err := json.Unmarshal(t.Asked.State, &word); err != nil {
			return err
		}
		w.Reply(core.Text{Text: word + " is " + strings.TrimSpace(t.Args)})
		return nil
	}
	if t.Called == nil {
		w.Reply(core.Text{Text: "I am for models."})
		return nil
	}
	var in struct{ Word string }
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return err
	}
	if err := did(ctx, t, in.Word); err != nil {
		return err
	}
	w.Reply(core.Text{Text: fmt.Sprintf("did %s call=%s", in.Word, t.Called.Call)})
	if t.Called.Tool == "ask" {
		state, err := json.Marshal(in.Word)
		if err != nil {
			return err
		}
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "color for " + in.Word + "?"}}, State: state, For: time.Hour})
	}
	return nil
}

// did writes it into the ledger.
func did(ctx context.Context, t *skills.Turn, word string) error {
	line, err := json.Marshal(map[string]any{"call": t.Called.Call, "turn": t.ID, "word": word, "attempt": t.Attempt})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+ledger+"/", bytes.NewReader(line))
	if err != nil {
		return err
	}
	resp, err := t.World.HTTP().Do(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
