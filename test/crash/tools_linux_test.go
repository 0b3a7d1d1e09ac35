package crash

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // what the hub recorded is read from its file

	"github.com/parley-hub/parley/test/hubtest"
)

var (
	turns    = flag.Int("turns", 120, "how many messages are sent in all to a model that calls tools")
	turnTime = flag.Duration("turn", 2*time.Minute, "how long a person waits for an answer")
	strikes  = flag.Int("strikes", 4, "how often the hub or the program of its skill is killed meanwhile")
)

const toolsConfig = `
http: {listen: "ADDRESS"}
data_dir: "DIR"
channels: %s
models:
  pools:
    chat: {model: fake, workers: [{url: "%s/v1", slots: 64, capabilities: {tools: true}}]}
skills: {folder: %q, rate: {count: 0}}
shutdown: 10s
log: {level: warn}
`

// workshop is a hub with a skill that does things, and people who have them done.
type workshop struct {
	t      *testing.T
	sim    platform
	hub    *hubtest.Hub
	ledger *ledger
	seed   uint64
	per    int

	mu sync.Mutex
	// open counts the questions that wait for somebody, carried those that a kill met.
	open, carried int
	// killed counts what was killed, read what was found recorded in the files of dead hubs.
	killed map[string]int
	read   int
	// broke counts the answers that say that a tool failed.
	broke int
}

func newWorkshop(t *testing.T, open func(*testing.T, int, int) platform) *workshop {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d", s)
	w := &workshop{t: t, ledger: newLedger(), seed: s, per: *turns / *chats, killed: map[string]int{}}
	w.sim = open(t, *chats, 2*w.per)
	w.sim.serve(t, "")
	folder := t.TempDir()
	host := strings.TrimPrefix(hubtest.Serve(t, w.ledger), "http://")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w -X main.ledger="+host, "-o", filepath.Join(folder, "doer"), "./testdata/doer")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.hub = hubtest.New(t, fmt.Sprintf(toolsConfig, w.sim.channels(), hubtest.Serve(t, caller{w.ledger}), folder))
	return w
}

// kind draws what somebody's i-th message is.
func (w *workshop) kind(person, i int) string {
	return kindsOfMessages[rand.New(rand.NewPCG(w.seed, uint64(person*100_000+i))).IntN(len(kindsOfMessages))]
}

// want are the beginnings of what the bot says to a message.
func want(word, kind string) []string {
	all := []string{word + " after"}
	switch kind {
	case kindRisk:
		all = append(all, "May I do this for you?\n\nrisk – Do what is dangerous\n- word: "+word+"\n")
	case kindAsk:
		all = append(all, "color for "+word+"?", word+" is ")
	}
	return all
}

// talk has everybody say their messages, each when the one before it was answered.
func (w *workshop) talk(ctx context.Context) error {
	var all sync.WaitGroup
	errs := make(chan error, *chats)
	for c := range *chats {
		all.Go(func() {
			for i := range w.per {
				if err := w.dialogue(ctx, c, word(c, i), w.kind(c, i)); err != nil {
					errs <- fmt.Errorf("chat %d, message %d (%s): %w\n%s", c, i, w.kind(c, i), err, strings.Join(w.sim.answers(c), "\n"))
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

func (w *workshop) dialogue(ctx context.Context, c int, word, kind string) error {
	say := func(text, answer string) error {
		if err := w.sim.say(c, text); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, *turnTime)
		defer cancel()
		return w.sim.wait(ctx, func() bool { return w.told(c, answer) || w.failed(c, word) })
	}
	all := want(word, kind)
	switch kind {
	case kindRisk:
		if err := say(word+" "+kind, all[1]); err != nil {
			return err
		}
		return w.waiting(func() error { return say("yes", all[0]) })
	case kindAsk:
		if err := say(word+" "+kind, all[1]); err != nil {
			return err
		}
		if w.failed(c, word) {
			return nil // nobody asks then
		}
		return w.waiting(func() error { return say("blue", all[2]) })
	}
	return say(word+" "+kind, all[0])
}

// waiting counts a question while it is open.
func (w *workshop) waiting(answer func() error) error {
	w.mu.Lock()
	w.open++
	w.mu.Unlock()
	err := answer()
	w.mu.Lock()
	w.open--
	w.mu.Unlock()
	return err
}

// told tells whether the bot said something that begins so.
func (w *workshop) told(c int, begin string) bool {
	return slices.ContainsFunc(w.sim.answers(c), func(text string) bool { return begins(text, begin) })
}

// failed tells whether the answer to a message says that a tool failed.
func (w *workshop) failed(c int, word string) bool {
	return slices.ContainsFunc(w.sim.answers(c), func(text string) bool {
		return strings.HasPrefix(text, word+" after") && strings.HasSuffix(text, failedWord)
	})
}

// begins tells whether a message has this beginning, which may end with the message's end.
// Discord shows a list that is none with a stroke.
func begins(text, begin string) bool {
	return strings.HasPrefix(strings.ReplaceAll(text, "\n\\-", "\n-")+"\n", begin)
}

// strike kills the hub or the program of its skill.
func (w *workshop) strike(rng *rand.Rand, inARow *int) {
	w.mu.Lock()
	w.carried += w.open
	w.mu.Unlock()
	programs := children(w.t, w.hub.PID())
	// A program that breaks too often in a row is not started again by the same hub.
	if len(programs) > 0 && *inARow < 5 && rng.IntN(2) == 0 {
		*inARow++
		w.killed["program"]++
		for _, pid := range programs {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				w.t.Logf("kill %d: %v", pid, err) // it may have ended by itself
			}
		}
		return
	}
	*inARow = 0
	w.killed["hub"]++
	w.hub.Kill()
	recorded := w.recorded()
	w.read += len(recorded)
	w.ledger.record(recorded...)
	w.hub.Start()
}

// recorded reads from the hub's file which calls it has a result of; the hub is dead.
func (w *workshop) recorded() []string {
	path := filepath.Join(w.hub.Dir, "data", "skills.db")
	if _, err := os.Stat(path); err != nil {
		return nil // it was killed before it made one
	}
	u := url.URL{Scheme: "file", Path: path}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(context.Background(), `SELECT name FROM entry WHERE skill = 'chat'`)
	if err != nil {
		w.t.Logf("the hub's file: %v", err) // it was killed before it made the table
		return nil
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			w.t.Fatal(err)
		}
		if resultName.MatchString(name) {
			all = append(all, name)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// resultName is the name under which the hub keeps the result of a call: the call's own.
var resultName = regexp.MustCompile(`^\w+/\d+\.\d+$`)

// children are the processes that a process started.
func children(t *testing.T, parent int) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it ended
		}
		// pid (name) state parent ...
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(parent) {
			all = append(all, pid)
		}
	}
	return all
}

// run talks while things are killed.
func (w *workshop) run() {
	rng := rand.New(rand.NewPCG(w.seed, w.seed))
	w.hub.Start()
	w.hub.WaitReady()
	w.sim.connect(w.t)
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Minute)
	defer cancel()
	inARow := 0
	failed := disturb(w.sim, rng, *strikes, w.per**chats, 20*time.Millisecond, func() error { return w.talk(ctx) }, func() { w.strike(rng, &inARow) })
	if failed != nil {
		w.t.Errorf("%v\n%s", failed, strings.Join(w.hub.Lines(), "\n"))
	}
	w.hub.WaitReady()
}

// judge counts what people were told: everything once, and nothing else. Where the hub can
// find out what was sent, a message that stands there twice in a row is the first words of
// an answer, left behind by a hub that died (ADR 18).
func (w *workshop) judge() (lost, doubled, behind, other int) {
	for c := range *chats {
		answers := w.sim.answers(c)
		known := 0
		for i := range w.per {
			kind := w.kind(c, i)
			if w.failed(c, word(c, i)) {
				if w.broke++; kind == kindAsk {
					kind = kindOne // nobody was asked
				}
			}
			for _, begin := range want(word(c, i), kind) {
				n := 0
				for _, text := range answers {
					if begins(text, begin) {
						n++
					}
				}
				known += n
				switch {
				case n == 0:
					lost++
					w.t.Logf("chat %d was never told %q", c, begin)
				case n == 2 && w.sim.exact() && len(around(answers, begin)) == 2:
					behind++
				case n > 1:
					doubled += n - 1
					w.t.Logf("chat %d was told %d times %q (%s): %q", c, n, begin, w.kind(c, i), around(answers, begin))
				}
			}
		}
		if known < len(answers) {
			other += len(answers) - known
			w.t.Logf("chat %d was told: %q", c, answers)
		}
	}
	return lost, doubled, behind, other
}

// around gives the first and last message that begin so, and what stands between them.
func around(answers []string, begin string) []string {
	is := func(text string) bool { return begins(text, begin) }
	first := slices.IndexFunc(answers, is)
	last := len(answers) - 1
	for last > first && !is(answers[last]) {
		last--
	}
	return answers[first : last+1]
}

// TestCrashTools kills the hub and the program of a skill while a model calls its tools, some
// of which wait for people.
func TestCrashTools(t *testing.T) {
	for _, name := range []string{"discord gateway", "telegram"} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t, platforms[name])
			w.run()
			w.verdict()
		})
	}
}

func (w *workshop) verdict() {
	t := w.t
	lost, doubled, behind, other := w.judge()
	l := w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	unsure := w.hub.Count(unsure)
	t.Logf("%d turns, %d chats, killed %v, %d questions were open", w.per**chats, *chats, w.killed, w.carried)
	t.Logf("%d calls, done %d times, %d recorded (%d read from the files of dead hubs); done again: %d recorded, %d in doubt",
		len(l.done), l.total, len(l.recorded), w.read, len(l.again), len(l.doubt))
	t.Logf("answers: %d lost, %d doubled, %d others; the hub repeated %d of unknown outcome, and left the first words of %d behind; in %d a tool failed", lost, doubled, other, unsure, behind, w.broke)
	if lost+other > 0 {
		t.Error("something was lost or made up")
	}
	// Telegram cannot tell what was sent, and the hub says what it repeats.
	if doubled > unsure || doubled > 0 && w.sim.exact() {
		t.Errorf("%d answers came twice, %d were reported", doubled, unsure)
	}
	if len(l.again) > 0 {
		t.Errorf("done again though recorded: %q", l.again)
	}
	if len(l.madeUp) > 0 {
		t.Errorf("recorded and never done: %q", l.madeUp)
	}
	// What is in doubt was under way when something was killed: three calls a turn at most, one
	// turn a chat.
	if most := 3 * *chats * *strikes; len(l.doubt) > most {
		t.Errorf("%d calls were done again, at most %d could be under way", len(l.doubt), most)
	}
}
