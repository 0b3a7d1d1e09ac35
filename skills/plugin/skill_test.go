package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/skilltest"
)

// bench is a folder and what came of it.
type bench struct {
	dir    string
	folder *plugin.Folder

	mu     sync.Mutex
	events []string
	told   chan string // each event, for whoever waits
	set    *skills.Set
	log    logtest.Log
}

func (b *bench) observe(name, what string) {
	b.mu.Lock()
	b.events = append(b.events, name+" "+what)
	b.mu.Unlock()
	select {
	case b.told <- name + " " + what:
	default:
	}
}

func (b *bench) wait(t *testing.T, event string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case e := <-b.told:
			if e == event {
				return
			}
		case <-deadline:
			t.Fatalf("%q never came", event)
		}
	}
}

// newBench makes a folder with programs in it, and takes them.
func newBench(t testing.TB, change func(*plugin.Options), names ...string) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), told: make(chan string, 10_000)}
	times := plugin.DefaultTimes
	times.Again, times.Cancel = time.Millisecond, 300*time.Millisecond
	o := plugin.Options{
		Dir: b.dir, Log: zerolog.New(&b.log), Observe: b.observe, Times: times,
		Publish: func(all []*plugin.Skill) error {
			list := make([]skills.Skill, len(all))
			for i, s := range all {
				list[i] = s
			}
			set, err := skills.NewSet(list...)
			if err == nil {
				b.set = set
			}
			return err
		},
	}
	if change != nil {
		change(&o)
	}
	for _, n := range names {
		b.install(t, n, n)
	}
	var err error
	if b.folder, err = plugin.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.folder.Close(); err != nil {
			t.Error(err)
		}
	})
	b.folder.Load(t.Context())
	return b
}

// install puts the program of a name into the folder, by rename, as a file.
func (b *bench) install(t testing.TB, program, file string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if program != file {
		data = append(data, program...) // another sum; which program it is, its file says
	}
	part := filepath.Join(b.dir, ".part")
	if err := os.WriteFile(part, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, filepath.Join(b.dir, file)); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) skill(t testing.TB, name string) skills.Skill {
	t.Helper()
	if b.set != nil {
		if s, ok := b.set.ByName(name); ok {
			return s
		}
	}
	t.Fatalf("no skill %q; log: %s", name, b.log.String())
	return nil
}

func run(t testing.TB, s skills.Skill, o skilltest.TurnOptions) (*skilltest.RecordingWriter, error) {
	t.Helper()
	var w skilltest.RecordingWriter
	err := s.Handle(t.Context(), skilltest.NewTurn(o), &w)
	return &w, err
}

func ask(t testing.TB, s skills.Skill, words string) string {
	t.Helper()
	w, err := run(t, s, skilltest.TurnOptions{Text: words})
	if err != nil {
		t.Fatalf("%s: %v", words, err)
	}
	return w.Text()
}

// waiting makes each turn one that waits, and tells when it does.
type waiting struct {
	skills.Skill
	word    string
	working chan struct{}
	once    sync.Once
}

func (s *waiting) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	t.Args = s.word
	return s.Skill.Handle(ctx, t, &noticing{Writer: w, on: func() { s.once.Do(func() { close(s.working) }) }})
}

type noticing struct {
	skills.Writer
	on func()
}

func (n *noticing) Draft(parts ...core.Part) {
	n.Writer.Draft(parts...)
	n.on()
}

// always has each turn say a word.
type always struct {
	skills.Skill
	word string
}

func (a always) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	t.Args = a.word
	return a.Skill.Handle(ctx, t, w)
}

func TestSuite(t *testing.T) {
	s := newBench(t, nil, "echo").skill(t, "echo")
	skilltest.Run(t, skilltest.Harness{
		New:        func(*testing.T) skills.Skill { return s },
		NewFailing: func(*testing.T) skills.Skill { return always{s, "!fail"} },
		NewSlow: func(*testing.T) (skills.Skill, <-chan struct{}) {
			w := &waiting{Skill: s, word: "!slow", working: make(chan struct{})}
			return w, w.working
		},
	})
}

// The same skill inside keeps the same contract.
func TestSuiteInside(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return programs["echo"] }})
}

func TestManifestIsTheSame(t *testing.T) {
	b := newBench(t, nil, "echo")
	if diff := cmp.Diff(programs["echo"].Manifest(), b.skill(t, "echo").Manifest(), cmp.AllowUnexported(skills.Command{})); diff != "" {
		t.Errorf("manifest (-inside +outside):\n%s", diff)
	}
}

func TestEnvironmentIsEmpty(t *testing.T) {
	t.Setenv("PARLEY_HIDDEN", "hunter2")
	env := ask(t, newBench(t, nil, "echo").skill(t, "echo"), "!env")
	if strings.Contains(env, "HIDDEN") || strings.Contains(env, "PATH=") || !strings.Contains(env, "TMPDIR=") {
		t.Errorf("environment:\n%s", env)
	}
}

func TestEverythingIsSaid(t *testing.T) {
	w, err := run(t, newBench(t, nil, "echo").skill(t, "echo"), skilltest.TurnOptions{
		Text: "!say", Asked: &skills.Asked{Turn: "before", State: []byte(`"s"`)}, Input: []byte(`{"a":1}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.Text(), "done\nreally?\nbefore \"s\" {\"a\":1}"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	if d := w.Drafts(); len(d) != 2 || len(d[0]) != 0 || len(d[1]) != 1 {
		t.Errorf("drafts %v", d)
	}
	if q := w.Questions(); len(q) != 1 || q[0].For != time.Hour || string(q[0].State) != `{"n":1}` {
		t.Errorf("questions %+v", q)
	}
	if e := w.Elsewhere(); len(e) != 1 || e[0].To.Chat != "7" || e[0].Person != "p" {
		t.Errorf("elsewhere %+v", e)
	}
}

// model answers in two words.
type model struct{}

func (model) Chat(context.Context, models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		_ = yield(models.Delta{Text: "good"}, nil) && yield(models.Delta{Text: "day"}, nil) && yield(models.Delta{Finish: models.FinishStop}, nil)
	}
}

func TestWorldIsReached(t *testing.T) {
	s := newBench(t, nil, "echo").skill(t, "echo")
	world := skilltest.NewWorld(s.Manifest())
	world.Secrets = map[string]string{"key": "sesame"}
	world.Models = map[string]models.Client{skills.DefaultPool: model{}}
	world.Answers = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Header.Get("Authorization")+" "+string(body)+" "+r.URL.Query().Get("in"))
		_, _ = io.WriteString(w, "sunny"+strings.Repeat(".", 1<<20))
	})
	w, err := run(t, s, skilltest.TurnOptions{Text: "!world", World: world})
	if err != nil {
		t.Fatal(err)
	}
	want := "200 OK sesame body Linz 1048581 sunn\ngood\nday\n[true,false,[\"a\",\"b\"],false,true]"
	if got := w.Text(); got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	if len(world.Told()) != 1 {
		t.Errorf("told %v", world.Told())
	}
}

func TestWorldRefuses(t *testing.T) {
	s := newBench(t, nil, "nothing").skill(t, "nothing")
	world := skilltest.NewWorld(s.Manifest())
	w, err := run(t, s, skilltest.TurnOptions{Text: "!denied", World: world})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.Text(), strings.TrimSpace(strings.Repeat("true permanent\n", 5)); got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	if n := len(world.Denied()); n != 5 {
		t.Errorf("%d refusals: %v", n, world.Denied())
	}
}

func TestFilesGoBothWays(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	files := &skilltest.Files{Sent: map[core.FileRef][]byte{"f": data}}
	w, err := run(t, newBench(t, nil, "echo").skill(t, "echo"), skilltest.TurnOptions{
		Text: "!files", Files: files, Parts: []core.Part{core.Media{Kind: core.Image, File: "f"}},
	})
	// The words are the text and the media's: the skill looks at the first word.
	if err != nil {
		t.Fatal(err)
	}
	if len(files.Kept) != 1 || !bytes.Equal(files.Kept[0], data) {
		t.Fatalf("kept %d files", len(files.Kept))
	}
	if m, ok := w.Replies()[0][0].(core.Media); !ok || m.Size != int64(len(data)) || m.Name != "again" || m.Blob == "" {
		t.Errorf("replied %+v", w.Replies())
	}
}

func TestSessionIsReadAndWritten(t *testing.T) {
	s := newBench(t, nil, "echo").skill(t, "echo")
	past := func(id string, tokens int) session.Turn {
		return session.Turn{ID: core.EnvelopeID(id), At: skilltest.Now, Said: []session.Line{{Text: "q" + id}}, Answer: "a" + id, Tokens: tokens}
	}
	outside, inside := skilltest.NewSession(past("1", 4), past("2", 2)), skilltest.NewSession(past("1", 4), past("2", 2))
	outside.Pin("is tall")
	inside.Pin("is tall")
	w, err := run(t, s, skilltest.TurnOptions{Text: "!session", Session: outside})
	if err != nil {
		t.Fatal(err)
	}
	v, err := run(t, programs["echo"], skilltest.TurnOptions{Text: "!session", Session: inside})
	if err != nil {
		t.Fatal(err)
	}
	if w.Text() != v.Text() || !strings.Contains(w.Text(), "2 q2 a2\nis tall") {
		t.Errorf("outside said %q, inside %q", w.Text(), v.Text())
	}
	same(t, inside, outside)
	for _, do := range []*session.Session{inside, outside} {
		which := programs["echo"]
		if do == outside {
			which = s
		}
		if _, err := run(t, which, skilltest.TurnOptions{Text: "!clear", Session: do}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, inside, outside)
}

func same(t *testing.T, inside, outside *session.Session) {
	t.Helper()
	a, errA := inside.History()
	b, errB := outside.History()
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("history (-inside +outside):\n%s", diff)
	}
	if diff := cmp.Diff(inside.Pinned(), outside.Pinned()); diff != "" || inside.Model() != outside.Model() {
		t.Errorf("pinned (-inside +outside):\n%s", diff)
	}
}

func TestFaultsKeepWhatTheyMean(t *testing.T) {
	s := newBench(t, nil, "echo").skill(t, "echo")
	_, err := run(t, s, skilltest.TurnOptions{Text: "!fail"})
	if fault.ClassOf(err) != fault.RateLimited || fault.Public(err) != "Come back." || fault.Wait(err) != 3*time.Second || fault.Ref(err) != "r3f" {
		t.Errorf("fault %v of class %s", err, fault.ClassOf(err))
	}
	_, err = run(t, s, skilltest.TurnOptions{Text: "!panic"})
	if fault.ClassOf(err) != fault.Bug || !strings.Contains(fmt.Sprint(err), "boom") {
		t.Errorf("a panic is %v of class %s", err, fault.ClassOf(err))
	}
	if got := ask(t, s, "still here"); got != "still here" {
		t.Errorf("after the panic it said %q", got)
	}
}

func TestLogIsTheTurns(t *testing.T) {
	s := newBench(t, nil, "echo").skill(t, "echo")
	var out bytes.Buffer
	log := zerolog.New(&out).Level(zerolog.InfoLevel)
	if _, err := run(t, s, skilltest.TurnOptions{Text: "!log", Log: &log}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{\"level\":\"info\",\"said\":{\"n\":4},\"message\":\"hello from afar\"}\n"; got != want {
		t.Errorf("log %s, want %s", got, want)
	}
}
