//go:build !nowhatsmeow

package whatsapp_test

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/records"
	websim "github.com/parley-hub/parley/simulators/whatsapp/web"
	"github.com/parley-hub/parley/test/pgtest"
)

// inPostgres is a platform whose adapters keep their devices in a database, and have no
// data directory.
func inPostgres(t *testing.T) (*linked, pgtest.Database) {
	t.Helper()
	s, d := startWeb(t, websim.Options{}), pgtest.New(t)
	s.dir, s.database = "", d.URL()
	return s, d
}

func TestContractOfWebOnPostgres(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{
		New: func(t *testing.T, log zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
			s, _ := inPostgres(t)
			a := s.adapter(log)
			s.pair(a)
			t.Cleanup(s.noProblems)
			return a, s
		},
		Untold: true, OneNode: true, Secrets: []string{webBot, webBotLID, "16505550000", "16505550001", pgtest.Password},
	})
}

// The node that linked the device is gone; another one, with nothing but the database,
// goes on: the same sessions, what was refused, what is sent.
func TestWebGoesOnOnAnotherNode(t *testing.T) {
	s, _ := inPostgres(t)
	first := s.adapter(zerolog.Nop())
	s.pair(first)
	chat := s.Chat(1)
	in, stop, _ := s.connected(first)
	s.Say(chat.Chat, "one")
	s.await(in, 1)
	s.send(first, text("e.0", chat, "answer one"))
	stop()
	s.Say(chat.Chat, "two") // while no node is there

	for round, want := range []string{"two", "three"} {
		node := s.adapter(zerolog.Nop())
		if is, err := node.Paired(s.ctx()); err != nil || !is {
			t.Fatalf("node %d is linked: %v, %v", round, is, err)
		}
		if err := node.Pair(s.ctx(), func(adapters.PairingCode) {}); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("node %d links again: %v", round, err)
		}
		in, stop, _ := s.connected(node)
		if round > 0 {
			s.Say(chat.Chat, want)
		}
		// What the node before did not get to acknowledge comes once more, in front.
		for n := 1; s.await(in, n)[n-1].Text() != want; n++ {
		}
		s.send(node, text(core.ReplyID("e."+want), chat, "answer "+want))
		stop()
	}
	s.wantShown(chat.Chat, "answer one", "answer two", "answer three")
	s.noProblems()
}

// After the account logged the device out, no node has it any more, and one can link anew.
func TestWebLogOutOnPostgres(t *testing.T) {
	s, _ := inPostgres(t)
	a := s.adapter(zerolog.Nop())
	s.pair(a)
	_, _, ended := s.connected(a)
	if err := s.sim.Logout(webBot); err != nil {
		t.Fatal(err)
	}
	err := <-ended
	for range 3 {
		if fault.ClassOf(err) != fault.Retryable {
			break
		}
		err = a.Run(s.ctx(), newAwaited())
	}
	if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "parley pair wa-web") {
		t.Errorf("%v: %v", fault.ClassOf(err), err)
	}
	other := s.adapter(zerolog.Nop())
	if is, err := other.Paired(s.ctx()); err != nil || is {
		t.Errorf("another node: %v, %v", is, err)
	}
	s.pair(other)
	s.send(other, text("e.0", s.Chat(0), "here again"))
	s.wantShown(s.Chat(0).Chat, "here again")
}

// Accounts with names that are alike, the records, and foreign tables of the same names
// share a database and touch nothing of each other.
func TestWebAccountsShareADatabase(t *testing.T) {
	s, d := inPostgres(t)
	d.Exec(`CREATE TABLE whatsmeow_version (version INTEGER)`)
	d.Exec(`INSERT INTO whatsmeow_version VALUES (9999)`)
	d.Exec(`CREATE TABLE whatsmeow_device (mine TEXT)`)
	r, err := records.OpenPostgres(t.Context(), records.PostgresOptions{URL: d.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	long := strings.Repeat("x", 70)
	phones := map[core.Account]string{}
	for i, name := range []core.Account{"wa", "WA", `w"a`, core.Account(long + "1"), core.Account(long + "2")} {
		phones[name] = []string{"4915551001", "4915551002", "4915551003", "4915551004", "4915551005"}[i]
		s.sim.AddNumber(websim.Number{Phone: phones[name], LID: "30000000100" + string(rune('0'+i)), Name: "Parley"})
	}
	node := func(name core.Account) func(*adapters.Settings) {
		return func(st *adapters.Settings) { st.Account = name }
	}
	for name, phone := range phones {
		a := s.adapter(zerolog.Nop(), node(name))
		if is, err := a.Paired(s.ctx()); err != nil || is {
			t.Fatalf("%s before it is linked: %v, %v", name, is, err)
		}
		s.pairWith(a, phone)
	}
	for name, phone := range phones {
		person := s.meet(s.person(0))
		s.send(s.adapter(zerolog.Nop(), node(name)), text("e.0", core.Conversation{Account: name, Place: core.Private, Chat: core.ChatID(person)}, "from "+string(name)))
		var shown []string
		for _, p := range s.sim.Shown(phone, person) {
			shown = append(shown, p.Text)
		}
		if !slices.Equal(shown, []string{"from " + string(name)}) {
			t.Errorf("%s: shown %q", name, shown)
		}
	}
	var version int
	if err := d.Open().QueryRowContext(t.Context(), `SELECT version FROM public.whatsmeow_version`).Scan(&version); err != nil || version != 9999 {
		t.Errorf("the foreign table: %d, %v", version, err)
	}
}

// Nodes that look at the same time make the tables once.
func TestWebNodesStartAtOnce(t *testing.T) {
	s, _ := inPostgres(t)
	s.pair(s.adapter(zerolog.Nop()))
	var group sync.WaitGroup
	for range 6 {
		a := s.adapter(zerolog.Nop())
		group.Go(func() {
			if is, err := a.Paired(s.ctx()); err != nil || !is {
				t.Errorf("linked %v, %v", is, err)
			}
		})
	}
	group.Wait()
}

func TestWebDatabaseFaults(t *testing.T) {
	s, d := inPostgres(t)
	if err := s.adapter(zerolog.Nop()).Run(s.ctx(), newAwaited()); fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "parley pair wa-web") {
		t.Errorf("before it is linked: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	wrong, err := url.Parse(d.URL().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword("postgres", "hush")
	for name, test := range map[string]struct {
		database secret.String
		want     fault.Class
	}{
		"nobody there":   {d.At(l.Addr().String()), fault.Retryable},
		"wrong password": {secret.New(wrong.String()), fault.NeedsHuman},
		"no address":     {secret.New("hush"), fault.NeedsHuman},
	} {
		a := s.adapter(zerolog.Nop(), func(st *adapters.Settings) { st.Database = test.database })
		_, paired := a.Paired(s.ctx())
		for what, err := range map[string]error{
			"Run": a.Run(s.ctx(), newAwaited()), "Paired": paired, "Pair": a.Pair(s.ctx(), func(adapters.PairingCode) {}),
		} {
			if fault.ClassOf(err) != test.want || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), pgtest.Password) {
				t.Errorf("%s, %s: %v (%v)", name, what, err, fault.ClassOf(err))
			}
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.adapter(zerolog.Nop()).Paired(cancelled); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("called off: %v", err)
	}
}

// A database that is away for a while costs no message: what came meanwhile comes again.
func TestWebDatabaseComesBack(t *testing.T) {
	s, d := inPostgres(t)
	a := s.adapter(zerolog.Nop())
	s.pair(a)
	chat := s.Chat(0)
	in, _, ended := s.connected(a)
	s.Say(chat.Chat, "one")
	s.await(in, 1)
	d.Shut()
	s.Say(chat.Chat, "two")
	s.Say(chat.Chat, "three")
	if _, err := a.Send(s.ctx(), text("e.0", chat, "answer")); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("Send without the database: %v (%v)", err, fault.ClassOf(err))
	}
	if err := <-ended; fault.ClassOf(err) != fault.Retryable {
		t.Errorf("the end: %v (%v)", err, fault.ClassOf(err))
	}
	if err := a.Run(s.ctx(), in); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("Run without the database: %v (%v)", err, fault.ClassOf(err))
	}
	d.Reopen()
	stop, _ := s.run(a, in)
	var texts []string
	for _, e := range s.await(in, 3) {
		texts = append(texts, e.Text())
	}
	if !slices.Equal(texts, []string{"one", "two", "three"}) {
		t.Errorf("came %q", texts)
	}
	s.send(a, text("e.0", chat, "answer"))
	stop()
	s.wantShown(chat.Chat, "answer")
}
