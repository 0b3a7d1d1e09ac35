//go:build unix

package plugin_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestCrashCostsOneTurn(t *testing.T) {
	b := newBench(t, nil, "echo")
	s := b.skill(t, "echo")
	first := ask(t, s, "!pid")
	_, err := run(t, s, skilltest.TurnOptions{Text: "!crash"})
	if !errors.Is(err, plugin.ErrGone) || fault.ClassOf(err) != fault.Retryable || fault.Public(err) == "" {
		t.Errorf("the first run ended with %v of class %s, told %q", err, fault.ClassOf(err), fault.Public(err))
	}
	_, err = run(t, s, skilltest.TurnOptions{Text: "!crash", Attempt: 2, Language: "de"})
	if !errors.Is(err, plugin.ErrGone) || fault.ClassOf(err) != fault.Permanent || !strings.Contains(fault.Public(err), "abgebrochen") {
		t.Errorf("the second run ended with %v of class %s, told %q", err, fault.ClassOf(err), fault.Public(err))
	}
	if again := ask(t, s, "!pid"); again == first {
		t.Error("it is the same process")
	}
	b.wait(t, "echo crashed")
}

// A panic in a goroutine of its own is out of the sdk's reach.
func TestPanicElsewhereEndsTheProgramOnly(t *testing.T) {
	s := newBench(t, nil, "echo").skill(t, "echo")
	if _, err := run(t, s, skilltest.TurnOptions{Text: "!panics"}); !errors.Is(err, plugin.ErrGone) {
		t.Errorf("it ended with %v", err)
	}
	if got := ask(t, s, "hello"); got != "hello" {
		t.Errorf("then it said %q", got)
	}
}

func TestKilledProgramIsStartedAgain(t *testing.T) {
	b := newBench(t, nil, "echo")
	s := b.skill(t, "echo")
	for range 3 {
		kill(t, ask(t, s, "!pid"))
		b.wait(t, "echo crashed")
		b.wait(t, "echo started")
	}
	if got := ask(t, s, "hello"); got != "hello" {
		t.Errorf("it said %q", got)
	}
}

func TestTooManyCrashes(t *testing.T) {
	b := newBench(t, func(o *plugin.Options) { o.Times.MaxCrashes = 2 }, "echo")
	s := b.skill(t, "echo")
	for range 3 {
		_, _ = run(t, s, skilltest.TurnOptions{Text: "!crash"})
	}
	b.wait(t, "echo gave_up")
	_, err := run(t, s, skilltest.TurnOptions{Text: "hello"})
	if !errors.Is(err, plugin.ErrGone) || fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "" {
		t.Errorf("it ended with %v of class %s", err, fault.ClassOf(err))
	}
	// A new file is a new beginning.
	b.install(t, "two", "echo")
	b.folder.Look(t.Context())
	b.folder.Look(t.Context())
	if got := ask(t, b.skill(t, "echo"), "hello"); got != "hello" {
		t.Errorf("the new one said %q", got)
	}
}

// cancelled runs a turn and cancels it once it works.
func cancelled(t *testing.T, s skills.Skill, word string) (*skilltest.RecordingWriter, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var w skilltest.RecordingWriter
	w.OnDraft = func([]core.Part) { cancel() }
	err := s.Handle(ctx, skilltest.NewTurn(skilltest.TurnOptions{Text: word}), &w)
	w.Close()
	return &w, err
}

func TestHungProgramIsKilled(t *testing.T) {
	b := newBench(t, nil, "echo")
	s := b.skill(t, "echo")
	first := ask(t, s, "!pid")
	if _, err := cancelled(t, s, "!hang"); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	b.wait(t, "echo hung")
	if again := ask(t, s, "!pid"); again == first {
		t.Error("it is the same process")
	}
}

func TestStoppedProgramIsFound(t *testing.T) {
	b := newBench(t, func(o *plugin.Options) { o.Times.Check = 50 * time.Millisecond }, "echo")
	s := b.skill(t, "echo")
	freeze(t, ask(t, s, "!pid"))
	b.wait(t, "echo hung")
	if got := ask(t, s, "hello"); got != "hello" {
		t.Errorf("it said %q", got)
	}
}

func TestLateAnswersAreDropped(t *testing.T) {
	s := newBench(t, nil, "echo").skill(t, "echo")
	first := ask(t, s, "!pid")
	w, err := cancelled(t, s, "!late")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if again := ask(t, s, "!pid"); again != first {
		t.Error("it was killed though it ended")
	}
	if len(w.Replies()) > 0 || w.Late() > 0 {
		t.Errorf("replies %v, %d late", w.Replies(), w.Late())
	}
}

func TestDeadlineGoesAlong(t *testing.T) {
	s := newBench(t, nil, "echo").skill(t, "echo")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := s.Handle(ctx, skilltest.NewTurn(skilltest.TurnOptions{Text: "!slow"}), &skilltest.RecordingWriter{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
}

func TestFloodsAreBounded(t *testing.T) {
	for _, what := range []string{"replies", "drafts", "logs", "megabytes", "memory", "calls"} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t, func(o *plugin.Options) {
				o.Limits = plugin.DefaultLimits
				o.Limits.Drafts, o.Limits.Calls, o.Limits.MaxLogs = 500, 500, 1000
			}, "echo")
			s := b.skill(t, "echo")
			log := zerolog.New(io.Discard)
			_, err := run(t, s, skilltest.TurnOptions{Text: "!flood " + what, Log: &log})
			if !errors.Is(err, plugin.ErrFlood) || fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "" {
				t.Errorf("it ended with %v of class %s", err, fault.ClassOf(err))
			}
			b.wait(t, "echo flooded")
			if got := ask(t, s, "hello"); got != "hello" {
				t.Errorf("then it said %q", got)
			}
		})
	}
}

func TestProgramThatFillsItsFolderIsKilled(t *testing.T) {
	b := newBench(t, func(o *plugin.Options) {
		o.Limits = plugin.DefaultLimits
		o.Limits.Space, o.Times.Measure = 1<<20, 10*time.Millisecond
	}, "echo")
	s := b.skill(t, "echo")
	if _, err := run(t, s, skilltest.TurnOptions{Text: "!fill"}); !errors.Is(err, plugin.ErrGone) {
		t.Errorf("it ended with %v", err)
	}
	b.wait(t, "echo overfull")
	if got := ask(t, s, "hello"); got != "hello" {
		t.Errorf("then it said %q", got)
	}
}

func TestWrongProgramsAreTold(t *testing.T) {
	for name, want := range map[string]string{
		"wrong":  "a name is lower case letters, digits and hyphens\\nskill \\\"No Name\\\": timeout -1ns is negative",
		"crash":  "cannot find my left shoe",
		"silent": "it could not be asked within 1s",
		"newer":  "this hub speaks version 1",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *plugin.Options) { o.Times.Start = time.Second }, name, "other")
			if log := b.log.String(); !strings.Contains(log, want) || !strings.Contains(log, b.dir) {
				t.Errorf("the log has no %q and file: %s", want, log)
			}
			b.wait(t, name+" refused")
			if got := ask(t, b.skill(t, "other"), "hello"); got != "hello" {
				t.Errorf("the other one said %q", got)
			}
		})
	}
}

func TestNoProgram(t *testing.T) {
	b := newBench(t, nil)
	if err := os.WriteFile(filepath.Join(b.dir, "notes.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.folder.Look(t.Context())
	if len(b.events) > 0 {
		t.Errorf("a file was taken while it may still be written: %v", b.events)
	}
	b.folder.Look(t.Context())
	b.wait(t, "notes.txt refused")
	b.folder.Look(t.Context())
	if n := strings.Count(b.log.String(), "was not taken"); n != 1 {
		t.Errorf("it was told %d times", n)
	}
}

// No turn is lost and none is run twice while versions change under it.
func TestNewVersionTakesOver(t *testing.T) {
	b := newBench(t, nil, "echo")
	old := b.skill(t, "echo")
	slow := &waiting{Skill: old, word: "!late", working: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- slow.Handle(ctx, skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{})
	}()
	<-slow.working

	var turns sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		turns.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// Who was routed by the old set comes to the old version for ever.
				if got := ask(t, old, "hello"); got != "hello" {
					t.Errorf("it said %q", got)
				}
			}
		})
	}
	first := ask(t, old, "!pid")
	b.install(t, "two", "echo")
	b.folder.Look(t.Context())
	if b.skill(t, "echo") != old {
		t.Error("it was taken at the first look")
	}
	b.folder.Look(t.Context())
	if b.skill(t, "echo") == old {
		t.Fatalf("it was not taken; log: %s", b.log.String())
	}
	if got := ask(t, b.skill(t, "echo"), "!pid"); got == first {
		t.Error("the new version is the old process")
	}
	if got := ask(t, old, "!pid"); got == first {
		t.Error("a new turn came to the old process")
	}
	close(stop)
	turns.Wait()
	select {
	case err := <-ended:
		t.Errorf("the old turn ended with %v", err)
	default:
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the old turn ended with %v", err)
	}
}

func TestWrongNewVersionLeavesTheOld(t *testing.T) {
	b := newBench(t, nil, "echo", "other")
	s := b.skill(t, "echo")
	for name, data := range map[string]string{"no program": "#!/nowhere", "empty": ""} {
		if err := os.WriteFile(filepath.Join(b.dir, "echo"), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		b.folder.Look(t.Context())
		b.folder.Look(t.Context())
		b.wait(t, "echo refused")
		if got := ask(t, s, name); got != name || b.skill(t, "echo") != s {
			t.Errorf("then it said %q", got)
		}
	}
}

func TestTwoOfOneName(t *testing.T) {
	b := newBench(t, nil, "echo", "two")
	if log := b.log.String(); !strings.Contains(log, "there are two of this name") {
		t.Errorf("log: %s", log)
	}
	if n := len(b.folder.Skills()); n != 1 {
		t.Errorf("%d skills", n)
	}
}

func TestRemovedFileGoes(t *testing.T) {
	b := newBench(t, nil, "echo")
	s := b.skill(t, "echo")
	if err := os.Remove(filepath.Join(b.dir, "echo")); err != nil {
		t.Fatal(err)
	}
	b.folder.Look(t.Context())
	if _, there := b.set.ByName("echo"); !there {
		t.Error("it went, while a new one may be on its way")
	}
	b.folder.Look(t.Context())
	if _, there := b.set.ByName("echo"); there {
		t.Error("it is still there")
	}
	_, err := run(t, s, skilltest.TurnOptions{})
	if !errors.Is(err, plugin.ErrGone) || fault.Public(err) == "" {
		t.Errorf("a turn that came for it ended with %v", err)
	}
}

func TestAllow(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	raw := sha256.Sum256(data)
	sum := hex.EncodeToString(raw[:])
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer := base64.StdEncoding.EncodeToString(public)
	good := base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(sum)))
	other := base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte("x")))
	for name, c := range map[string]struct {
		allow plugin.Allow
		sig   string
		ok    bool
	}{
		"its sum":           {plugin.Allow{Sums: []string{strings.ToUpper(sum)}}, "", true},
		"another sum":       {plugin.Allow{Sums: []string{strings.Repeat("0", 64)}}, good, false},
		"signed":            {plugin.Allow{Signers: []string{signer}}, good + "\n", true},
		"another signature": {plugin.Allow{Signers: []string{signer}}, other, false},
		"no signature":      {plugin.Allow{Signers: []string{signer}}, "", false},
		"no base64":         {plugin.Allow{Signers: []string{signer}}, "?", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *plugin.Options) {
				o.Allow = c.allow
				if c.sig == "" {
					return
				}
				if err := os.WriteFile(filepath.Join(o.Dir, "echo.sig"), []byte(c.sig), 0o600); err != nil {
					t.Fatal(err)
				}
			}, "echo")
			if got := len(b.folder.Skills()) == 1; got != c.ok {
				t.Errorf("taken %t; log: %s", got, b.log.String())
			}
			if !c.ok && !strings.Contains(b.log.String(), "may not be started") {
				t.Errorf("log: %s", b.log.String())
			}
		})
	}
	if p := (plugin.Allow{Sums: []string{"x"}, Signers: []string{"y"}}).Problems(); len(p) != 2 {
		t.Errorf("problems %v", p)
	}
}
