//go:build !nowhatsmeow

package app

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/simulators/whatsapp/web"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/redistest"
)

const (
	webNumber = "4915551000"
	webAnn    = "16505550007"
)

// estate is a hub of two nodes between Telegram and WhatsApp-web, with everything on that
// makes use of Redis.
type estate struct {
	t        *testing.T
	guard    *guard
	postgres pgtest.Database
	telegram *telegram.Server
	web      *web.Server
	text     string
	edit     func(*configs.Config)
	cfg      *configs.Config
	nodes    []running

	mu sync.Mutex
	// came is what Ann said last on WhatsApp.
	came core.Envelope
	// held are the nodes that are busy until they stop.
	held chan int
}

func newEstate(t *testing.T, g *guard, edit func(*configs.Config)) *estate {
	t.Helper()
	e := &estate{t: t, guard: g, postgres: pgtest.New(t), telegram: telegram.New(telegram.Options{}), web: web.New(web.Options{}), edit: edit, held: make(chan int, 1)}
	t.Cleanup(e.telegram.Close)
	t.Cleanup(e.web.Close)
	e.telegram.AddBot("100:token", annsBot, "parley_bot", "Parley")
	e.telegram.AddUser(telegram.User{ID: annsID, FirstName: "Ann"})
	if err := e.telegram.OpenPrivate(annsBot, annsID); err != nil {
		t.Fatal(err)
	}
	e.web.AddNumber(web.Number{Phone: webNumber, Name: "Parley"})
	e.web.AddPerson(web.Person{Phone: webAnn, Name: "Ann"})
	tg, wa := httptest.NewServer(e.telegram), httptest.NewServer(e.web)
	t.Cleanup(tg.Close)
	t.Cleanup(wa.Close)
	key := web.RootKey()
	const often = "{count: 1000, per: 1s, burst: 1000}"
	e.text = fmt.Sprintf(`
http: {listen: "127.0.0.1:0"}
redis: {url: %q}
postgres: {url: %q}
channels:
  telegram: {token: "100:token", api_url: %q, limits: {account: %s, chat: %[4]s}}
  wa-web: {platform: whatsapp, mode: web, api_url: %[5]q, root_key: %[6]q, limits: {account: %[4]s, chat: %[4]s}}
models:
  pools:
    chat: {model: fake, workers: [{url: %[7]q, slots: 64}]}
    vectors: {model: embed-alike, workers: [{url: %[8]q}]}
  default: chat
  cache: {semantic: {pool: vectors, skills: {chat: {}}}}
  prices: {currency: EUR, table: [{model: fake, prompt: 1, completion: 3}]}
  budgets: [{scope: person, day: {tokens: 1000000}}]
skills: {rate: {count: 0}}
`, g.url.Reveal(), e.postgres.URL().Reveal(), tg.URL, often, wa.URL, hex.EncodeToString(key[:]), numbered(t).Base(), alike(t))
	e.link()
	for n := range 2 {
		e.nodes = append(e.nodes, e.start(n))
	}
	return e
}

// load reads the configuration for one more node.
func (e *estate) load() *configs.Config {
	e.t.Helper()
	dir := e.t.TempDir()
	file := filepath.Join(dir, "parley.yaml")
	if err := os.WriteFile(file, []byte("data_dir: "+strconv.Quote(filepath.Join(dir, "data"))+e.text), 0o600); err != nil {
		e.t.Fatal(err)
	}
	c, _, err := configs.Load(configs.Source{Path: file, Factories: Factories()})
	if err != nil {
		e.t.Fatal(err)
	}
	c.Session.Idle = 500 * time.Millisecond // a file may not say so little
	c.Shutdown = 2 * time.Second
	if e.edit != nil {
		e.edit(c)
	}
	e.cfg = c
	return c
}

// link links the device, as operators do.
func (e *estate) link() {
	e.t.Helper()
	r, w := io.Pipe()
	done := make(chan error, 1)
	cfg := e.load()
	go func() { done <- errors.Join(Pair(e.t.Context(), w, cfg, "wa-web", true), w.Close()) }()
	lines := bufio.NewScanner(r)
	if !lines.Scan() {
		e.t.Fatal("no code")
	}
	if err := e.web.Scan(e.t.Context(), webNumber, lines.Text()); err != nil {
		e.t.Fatal(err)
	}
	for lines.Scan() { // what it says when it is done
	}
	if err := <-done; err != nil {
		e.t.Fatal(err)
	}
}

// start runs one more node until it is stopped.
func (e *estate) start(node int) running {
	e.t.Helper()
	log := &logtest.Log{}
	a, err := New(e.t.Context(), Options{Config: e.load(), Version: "test", Log: log, skills: []skills.Skill{garden{e, node}}})
	if err != nil {
		e.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(e.t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			e.t.Error(err)
		}
		if e.t.Failed() {
			e.t.Log(log)
		}
	})
	e.t.Cleanup(stop)
	return running{a, stop}
}

// with finds the node that has a connection, or one that has it not.
func (e *estate) with(account string, has bool) running {
	e.t.Helper()
	var found running
	redistest.WaitFor(e.t, account+" is received", func() error {
		holders := 0
		for _, n := range e.nodes {
			holds := slices.Contains(n.singles.Holds(), account+"/receiver")
			if holds == has {
				found = n
			}
			if holds {
				holders++
			}
		}
		if holders != 1 {
			return fmt.Errorf("%d have it", holders)
		}
		return nil
	})
	return found
}

// say has Ann say something on Telegram, write on WhatsApp.
func (e *estate) say(text string) {
	e.t.Helper()
	if _, err := e.telegram.Say(annsID, text); err != nil {
		e.t.Fatal(err)
	}
}

func (e *estate) write(text string) {
	e.t.Helper()
	if _, err := e.web.Say(webNumber, webAnn, text); err != nil {
		e.t.Fatal(err)
	}
}

// shown is all that the bot said to Ann.
func (e *estate) shown() (out []string) {
	for _, m := range e.telegram.Shown(annsBot, annsID) {
		if m.ByBot == annsBot {
			out = append(out, m.Text)
		}
	}
	for _, m := range e.web.Shown(webNumber, webAnn) {
		if m.ByBot {
			out = append(out, append(m.Edits, m.Text)...)
		}
	}
	return out
}

// answers waits until the bot says words, once more than before, and gives what it says.
func (e *estate) answers(words string, do func()) string {
	e.t.Helper()
	saying := func() []string {
		return slices.DeleteFunc(e.shown(), func(text string) bool { return !strings.Contains(text, words) })
	}
	before := len(saying())
	do()
	redistest.WaitFor(e.t, "it says "+words, func() error {
		if len(saying()) == before {
			return fmt.Errorf("%q", e.shown())
		}
		return nil
	})
	all := saying()
	return all[len(all)-1]
}

func (e *estate) told(text, want string) string {
	e.t.Helper()
	return e.answers(want, func() { e.say(text) })
}

func (e *estate) written(text, want string) string {
	e.t.Helper()
	return e.answers(want, func() { e.write(text) })
}

// garden is a skill that keeps things, fails, and answers slowly.
type garden struct {
	e    *estate
	node int
}

func (garden) Manifest() skills.Manifest {
	help := map[string]string{"en": "A garden"}
	var commands []skills.Command
	for _, name := range []string{"keep", "drop", "names", "fail", "grow", "hold"} {
		commands = append(commands, skills.Command{Name: name, Args: "[words]", Help: help})
	}
	return skills.Manifest{Name: "garden", Version: "1.0.0", Commands: commands, Permissions: skills.Permissions{Storage: 1000}}
}

func (g garden) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	kept := t.World.PersonStorage()
	command, _ := t.Envelope.Command()
	switch command.Name {
	case "fail":
		return fault.New(fault.Permanent, "fail", errBroken)
	case "keep":
		if err := kept.Set(ctx, t.Args, []byte("x")); err != nil {
			return err
		}
	case "drop":
		if err := kept.Delete(ctx, t.Args); err != nil {
			return err
		}
	case "grow":
		return g.grow(ctx, t, w)
	case "hold":
		select {
		case g.e.held <- g.node:
			<-ctx.Done()
			return ctx.Err()
		default:
		}
	}
	names, err := kept.Names(ctx, "")
	if err != nil {
		return err
	}
	w.Reply(core.Text{Text: fmt.Sprint(command.Name, " ", names)})
	return nil
}

// grow types until people see it.
func (g garden) grow(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	g.e.mu.Lock()
	g.e.came = t.Envelope
	g.e.mu.Unlock()
	before := g.e.typed()
	w.Draft()
	if err := g.e.web.Wait(ctx, func() bool { return g.e.typed() > before }); err != nil {
		return err
	}
	w.Reply(core.Text{Text: "grown"})
	return nil
}

// typed is how often somebody was seen typing on WhatsApp.
func (e *estate) typed() (n int) {
	for _, event := range e.web.Events(0) {
		if event.Kind == web.EventTyping && event.Text == "composing" {
			n++
		}
	}
	return n
}

// grow has the node that is not connected with WhatsApp answer there, slowly.
func (e *estate) grow() {
	e.t.Helper()
	e.mu.Lock()
	again := e.came
	e.mu.Unlock()
	again.Native = core.MessageID(fmt.Sprint("again", time.Now().UnixNano()))
	again.ID = core.NewEnvelopeID(again.In.Account, again.Kind, string(again.In.Chat), string(again.Native))
	if err := e.with("wa-web", false).intake.Accept(e.t.Context(), again); err != nil {
		e.t.Fatal(err)
	}
}
