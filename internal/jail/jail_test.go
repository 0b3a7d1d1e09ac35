package jail

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/parley-hub/parley/core/fault"
)

// start starts the hostile program with all that holds here; its output comes from a pipe.
func start(t *testing.T, o Options, what string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	o.Path, o.Args = hostile(t), append([]string{"{}", what}, o.Args...)
	if o.Dir == "" {
		o.Dir = folder(t)
	}
	cmd, _, err := Command(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, piped(t, cmd)
}

func piped(t *testing.T, cmd *exec.Cmd) *bufio.Reader {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = Kill(cmd)
		if cmd.ProcessState == nil {
			_ = cmd.Wait()
		}
		_ = r.Close()
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(r)
}

func TestAPluginListensInItsFolder(t *testing.T) {
	cmd, out := start(t, Options{}, "serve")
	path, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err, path)
	}
	c, err := net.Dial("unix", strings.TrimSpace(path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, c); got != "hello" {
		t.Errorf("the echo is %q", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err, drain(t, out))
	}
}

func TestAProgramGetsWhatItWasGiven(t *testing.T) {
	t.Setenv("JAIL_TEST_OF_THE_HUB", "x")
	dir := folder(t)
	shared := filepath.Join(filepath.Dir(dir), "shared")
	if err := os.WriteFile(shared, []byte("shared"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Path: hostile(t), Dir: dir, Args: []string{"{}", "tell", "an argument"},
		Env: []string{"READ=" + shared, "SECRET=for it"}, Stdin: true, ReadOnly: []string{shared},
	}
	cmd, e, err := Command(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// A caller adds to the environment.
	cmd.Env = append(append(cmd.Env, os.Environ()...), "SECRETS=no")
	cmd.Stdin = strings.NewReader("input")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err, string(out))
	}
	var got struct {
		Env, Args     []string
		Dir, In, Read string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err, string(out))
	}
	slices.Sort(got.Env)
	want := []string{"HOME=" + dir, "READ=" + shared, "SECRET=for it", "TMPDIR=" + dir}
	if !slices.Equal(got.Env, want) {
		t.Errorf("environment %q, want %q", got.Env, want)
	}
	if got.Dir != dir || got.In != "input" || !slices.Equal(got.Args, []string{"an argument"}) {
		t.Errorf("%+v", got)
	}
	if got.Read != "shared<nil>" {
		t.Errorf("read %q; %v", got.Read, e)
	}
}

func TestStandardInputIsEmptyUnlessItIsLeft(t *testing.T) {
	cmd, _, err := Command(t.Context(), Options{Path: hostile(t), Dir: folder(t), Args: []string{"{}", "tell"}})
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = strings.NewReader("input")
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), `"in":""`) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestOptionsThatCannotHold(t *testing.T) {
	dir := folder(t)
	inside := filepath.Join(dir, "program")
	if err := os.WriteFile(inside, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"no program":            {Dir: dir},
		"no folder":             {Path: hostile(t)},
		"a file as folder":      {Path: hostile(t), Dir: inside},
		"program in its folder": {Path: inside, Dir: dir},
		"readable over folder":  {Path: hostile(t), Dir: dir, ReadOnly: []string{filepath.Dir(dir)}},
		"no name":               {Path: hostile(t), Dir: dir, Env: []string{"x"}},
	} {
		if _, _, err := Command(t.Context(), o); fault.ClassOf(err) != fault.NeedsHuman {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProgramThatIgnoresSignalsIsKilled(t *testing.T) {
	cmd, out := start(t, Options{}, "stay")
	if line, err := out.ReadString('\n'); line != "up\n" {
		t.Fatal(line, err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := Kill(cmd); err != nil {
		t.Fatal(err)
	}
	drain(t, out)
	wantKilled(t, cmd.Wait())
	if err := Kill(cmd); err != nil {
		t.Error("a second time:", err)
	}
}

func TestAContextThatEndsKills(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd, _, err := Command(ctx, Options{Path: hostile(t), Dir: folder(t), Args: []string{"{}", "stay"}})
	if err != nil {
		t.Fatal(err)
	}
	out := piped(t, cmd)
	if line, err := out.ReadString('\n'); line != "up\n" {
		t.Fatal(line, err)
	}
	cancel()
	if err := cmd.Wait(); err == nil {
		t.Error("it ended well")
	}
	drain(t, out)
}

func TestEndlessOutputIsTheReadersToStop(t *testing.T) {
	cmd, out := start(t, Options{}, "output")
	if n, err := io.CopyN(io.Discard, out, 1<<20); err != nil {
		t.Fatal(n, err)
	}
	if err := Kill(cmd); err != nil {
		t.Fatal(err)
	}
	wantKilled(t, cmd.Wait())
}

func wantKilled(t *testing.T, err error) {
	t.Helper()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Error("it was not killed:", err)
	}
}

func TestALauncherThatForgotMainStartsNoOther(t *testing.T) {
	name := os.Args[0]
	os.Args[0] = mark
	defer func() { os.Args[0] = name }()
	if _, err := Probe(t.Context()); fault.ClassOf(err) != fault.Bug {
		t.Error(err)
	}
}

func TestManyStartAtOnce(t *testing.T) {
	path := hostile(t)
	var all sync.WaitGroup
	for range 16 {
		dir := folder(t)
		all.Go(func() {
			cmd, _, err := Command(t.Context(), Options{Path: path, Dir: dir, Args: []string{"{}", "end"}})
			if err != nil {
				t.Error(err)
				return
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
}

func TestEnforcedTellsEveryLayer(t *testing.T) {
	e, err := Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	layers := []Layer{
		Environment, Descriptors, Group, Death, Identity, PIDs, Network, Mounts, IPC, NoNewPrivs, Landlock, Seccomp, Limits, Memory, Processes,
	}
	for _, l := range layers {
		i := slices.IndexFunc(e, func(r Rule) bool { return r.Layer == l })
		if i < 0 || e[i].How == "" {
			t.Errorf("nothing is said of %s", l)
			continue
		}
		t.Logf("%-18s %-5t %s", l, e[i].Holds, e[i].How)
	}
}

// BenchmarkStart is how long a program takes from its start to its end: without a jail,
// and in one.
func BenchmarkStart(b *testing.B) {
	path := hostile(b)
	args := []string{"{}", "end"}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command(path, args...).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("jail", func(b *testing.B) {
		dir := folder(b)
		for b.Loop() {
			cmd, _, err := Command(b.Context(), Options{Path: path, Dir: dir, Args: args})
			if err != nil {
				b.Fatal(err)
			}
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
