package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/test/pgtest"
)

// TestExplainKnowsLinks: whose memory a message meets is told wherever the records are.
func TestExplainKnowsLinks(t *testing.T) {
	for name, database := range map[string]func(*testing.T) string{
		"a file":     func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string { return "postgres: {url: '" + pgtest.New(t).URL().Reveal() + "'}\n" },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "parley.yaml")
			text := "data_dir: " + dir + "\nchannels: {telegram: {token: '1:x'}}\n" + database(t)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, _, err := configs.Load(configs.Source{Path: file, Factories: Factories()})
			if err != nil {
				t.Fatal(err)
			}
			ann := core.Sender{Realm: "telegram", ID: "7"}
			envelope := writeEnvelope(t, ann, "hello")
			explained := func(want string) {
				t.Helper()
				var out bytes.Buffer
				if err := Explain(t.Context(), &out, cfg, []string{envelope}, ""); err != nil || !strings.Contains(out.String(), want) {
					t.Errorf("no %q: %v\n%s", want, err, out.String())
				}
			}
			explained("person " + string(ann.Person()) + " (not linked)")

			var s stores
			if err := s.openRecords(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			first := core.Sender{Realm: "discord", ID: "8"}
			_, err = s.records.Join(t.Context(), records.Cause{Turn: "t", Actor: records.Operator, At: time.Now()},
				records.Account{Who: first}, records.Account{Who: ann})
			if err != nil {
				t.Fatal(err)
			}
			explained("person " + string(first.Person()) + " (linked with 1 more)")
			for _, end := range s.closers {
				if err := end(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// writeEnvelope writes an envelope of somebody's private message to a file.
func writeEnvelope(t *testing.T, from core.Sender, text string) string {
	t.Helper()
	body, err := core.EncodeEnvelope(core.Envelope{
		ID: "e", Kind: core.KindMessage, In: core.Conversation{Account: "telegram", Place: core.Private, Chat: "7"}, Addressed: true, Native: "1",
		From: from, Parts: []core.Part{core.Text{Text: text}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "e.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
