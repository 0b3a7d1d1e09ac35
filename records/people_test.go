package records_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/records/recordstest"
)

func TestSQLitePeople(t *testing.T) {
	recordstest.RunPeople(t, func(t *testing.T) recordstest.Records {
		t.Helper()
		return open(t, filepath.Join(t.TempDir(), "records.db"))
	})
}

// A command beside a hub that is stopping, say.
func TestSQLiteNodes(t *testing.T) {
	recordstest.RunNodes(t, func(t *testing.T, nodes int) (out []recordstest.Records) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "records.db")
		for range nodes {
			out = append(out, open(t, path))
		}
		return out
	})
}

// A code stands nowhere in the file, and is the same after the records were opened
// again.
func TestSQLiteCodesAreHashed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	s := open(t, path)
	why := records.Cause{Turn: "turn", Actor: "p", At: time.Now()}
	account := records.Account{Who: core.Sender{Realm: "r", ID: "1"}}
	issued, err := s.Issue(t.Context(), why, account)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(issued.Code)) {
			t.Errorf("%s holds the code", filepath.Base(file))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if again, err := s.Issue(t.Context(), why, account); err != nil || again.Code != issued.Code {
		t.Errorf("the rerun shows %q, %v; want %q", again.Code, err, issued.Code)
	}
}

func TestReadLinks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "records.db")
	if links, err := records.ReadLinks(t.Context(), path); err != nil || links != nil {
		t.Errorf("without a file: %v, %v", links, err)
	}
	old := filepath.Join(dir, "old.db")
	execute(t, raw(t, old), `CREATE TABLE transcripts (id TEXT)`)
	if links, err := records.ReadLinks(t.Context(), old); err != nil || links != nil {
		t.Errorf("a file from before there were links: %v, %v", links, err)
	}
	s := open(t, path)
	_, err := s.Join(t.Context(), records.Cause{Turn: "t", Actor: records.Operator, At: time.Now()},
		records.Account{Who: core.Sender{Realm: "r", ID: "1"}}, records.Account{Who: core.Sender{Realm: "s", ID: "2"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"beside the store", "after it"} {
		links, err := records.ReadLinks(t.Context(), path)
		if err != nil || len(links) != 2 || links[1].Person != core.PersonOf("r", "1") {
			t.Errorf("%s: %v, %v", state, links, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(old, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := records.ReadLinks(t.Context(), old); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("no database: %v", err)
	}
}

// The recorder notes where people were heard, in private only.
func TestRecorderNotesAddresses(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "records.db"))
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	body := func(id string, second int, place core.Place, kind core.Kind, chat core.ChatID) []byte {
		e := entry(id, "x")
		e.Kind, e.At = kind, at.Add(time.Duration(second)*time.Second)
		e.Conversation = core.Conversation{Account: "a", Place: place, Chat: chat}
		data, err := records.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	bodies := [][]byte{
		body("1/in", 1, core.Private, core.KindMessage, "first"), body("2/in", 3, core.Private, core.KindAction, "last"),
		body("3/in", 2, core.Private, core.KindMessage, "between"), body("4/in", 9, core.Group, core.KindMessage, "group"),
		body("5/in", 9, core.Private, core.KindMembership, "left"),
	}
	if done, err := records.NewRecorder(s, s).Handle(t.Context(), bodies); err != nil || done != len(bodies) {
		t.Fatalf("Handle = %d, %v", done, err)
	}
	got, err := s.Addresses(t.Context(), "p")
	if err != nil || len(got) != 1 || got[0].In.Chat != "last" || !got[0].At.Equal(at.Add(3*time.Second)) || got[0].In.Place != core.Private {
		t.Errorf("%+v, %v", got, err)
	}
}
