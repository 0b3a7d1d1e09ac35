package jail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
)

// world is the hub as the hostile program finds it: files, sockets and an open file that
// was never meant for it.
func world(t *testing.T, dir string) string {
	t.Helper()
	t.Setenv("JAIL_TEST_SECRET", "of-the-hub")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"data", "open"} {
		if err := os.WriteFile(at(name), []byte("secret"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := syscall.Open(at("data"), syscall.O_RDONLY, 0) // not closed on exec
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	listen := func(network, addr string) string {
		l, err := net.Listen(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr().String()
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	w := map[string]any{
		"Pid": os.Getpid(), "Data": at("data"), "Open": at("open"), "FD": fd, "Secret": "of-the-hub",
		"TCP": listen("tcp", "127.0.0.1:0"), "UDP": udp.LocalAddr().String(),
		"Abstract": listen("unix", fmt.Sprintf("@jail-test-%d", os.Getpid())), "Socket": listen("unix", at("socket")),
	}
	if err := os.Chmod(at("socket"), 0o666); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type result struct{ Attempt, Refused string }

// attempt runs the hostile program with just these layers. One that dies before it says
// how it went was refused by that.
func attempt(t *testing.T, dir, world, what string, layers []Layer) []result {
	t.Helper()
	s, err := here.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.attempt(t, dir, world, what, layers)
}

func (s *system) attempt(t *testing.T, dir, world, what string, layers []Layer) []result {
	t.Helper()
	o, err := Options{Path: hostile(t), Dir: dir, Args: []string{world, what}, CPU: 1e9}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if what != "processor" {
		o.CPU = 0
	}
	cmd, err := s.with(t.Context(), o, layers)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var list []result
	for dec := json.NewDecoder(&out); ; {
		var r result
		if decErr := dec.Decode(&r); errors.Is(decErr, io.EOF) {
			break
		} else if decErr != nil {
			t.Fatal(decErr)
		}
		list = append(list, r)
	}
	if cmd.ProcessState.ExitCode() == exitJail {
		t.Fatal(errs.String())
	}
	if err != nil && what != "all" {
		first, _, _ := strings.Cut(errs.String(), "\n")
		list = append(list, result{what, strings.TrimSuffix(err.Error()+": "+first, ": ")})
	}
	if len(list) == 0 || err != nil && what == "all" {
		t.Fatalf("%s: %v, %s", what, err, errs.String())
	}
	return list
}

// base are the layers without which nothing is tried: as root, everything would be allowed,
// and the kernel takes rules of Landlock and seccomp from those only who gave up the rest.
func base(t *testing.T) []Layer {
	t.Helper()
	e, err := Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e.Holds(Identity) {
		return []Layer{NoNewPrivs, Identity}
	}
	return []Layer{NoNewPrivs}
}

func all(t *testing.T) []Layer {
	t.Helper()
	e, err := Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return holding(e)
}

func holding(e Enforced) []Layer {
	var layers []Layer
	for _, r := range e {
		if r.Holds {
			layers = append(layers, r.Layer)
		}
	}
	return layers
}

// TestHostile has everything tried: with all layers, where all is refused; with none,
// which shows that the attempts are real; and with each alone.
func TestHostile(t *testing.T) {
	dir := folder(t)
	w := world(t, filepath.Dir(dir))
	holds := all(t)
	bare := attempt(t, dir, w, "all", base(t))
	full := attempt(t, dir, w, "all", holds)
	by := map[string][]string{}
	for _, l := range []Layer{Descriptors, PIDs, Network, Mounts, IPC, Landlock, Seccomp, Limits} {
		if !slices.Contains(holds, l) {
			continue
		}
		useful := false
		for i, r := range attempt(t, dir, w, "all", append(base(t), l)) {
			if r.Refused != "" && bare[i].Refused == "" {
				useful = true
				by[r.Attempt] = append(by[r.Attempt], string(l))
			}
		}
		if !useful && l != IPC && l != Limits {
			t.Errorf("%s alone refuses nothing", l)
		}
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i, r := range full {
		if r.Refused == "" {
			t.Errorf("it got out: %s", r.Attempt)
		}
		who := strings.Join(by[r.Attempt], ", ")
		if who == "" && bare[i].Refused != "" {
			who = "(no rights to it anyway)"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", r.Attempt, who, r.Refused)
	}
	_ = table.Flush()
	t.Logf("attempt, which layers refuse it alone, what it was told by all of them\n%s", b.String())
	if len(full) != len(bare) {
		t.Errorf("%d attempts with all layers, %d with none", len(full), len(bare))
	}
}

// TestHostileWithLess are systems that allow less than this one may: namespaces for root
// alone, and none at all, as in most containers.
func TestHostileWithLess(t *testing.T) {
	root := os.Geteuid() == 0
	for _, c := range []struct {
		name string
		s    *system
		out  []string
	}{
		{"no user namespaces", &system{root: root, spaces: true}, nil},
		// A look and the path of a socket are no file access to Landlock (the latter is from
		// its ABI 9 on), and no number that seccomp could look at.
		{"no namespaces", &system{root: root, noSpaces: "not tried"}, []string{"see whether the hub's data is there", "connect to the hub's socket"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.s.spaces && !root {
				t.Skip("only root makes namespaces without a user namespace")
			}
			dir := folder(t)
			w := world(t, filepath.Dir(dir))
			if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "program"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if root {
				if err := os.Lchown(dir, Owner(dir), Owner(dir)); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.s.try(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
			e := c.s.enforced()
			if e.Holds(Mounts) != c.s.spaces || e.Holds(Network) != c.s.spaces || !e.Holds(Seccomp) || e.Holds(Processes) != root {
				t.Fatalf("%+v", e)
			}
			var out []string
			for _, r := range c.s.attempt(t, dir, w, "all", holding(e)) {
				if r.Refused == "" {
					out = append(out, r.Attempt)
				}
			}
			if c.s.abi >= 6 && !slices.Equal(out, c.out) {
				t.Errorf("it got out by %q, want %q", out, c.out)
			}
		})
	}
}

// TestHostileFloods has it use up what it can get.
func TestHostileFloods(t *testing.T) {
	dir := folder(t)
	holds := all(t)
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range []struct {
		name string
		by   []Layer // each of which must refuse it alone
	}{
		{"run what it wrote", []Layer{Mounts, Landlock}},
		{"fork bomb", []Layer{Processes, Seccomp}},
		{"threads", []Layer{Processes}},
		{"memory", []Layer{Memory}},
		{"shared memory", []Layer{Seccomp}},
		{"growing stacks", []Layer{Seccomp}},
		{"open descriptors", []Layer{Limits}},
		{"one large file", []Layer{Limits}},
		{"processor", nil}, // takes long, and one layer alone bounds it
	} {
		t.Run(f.name, func(t *testing.T) {
			r := attempt(t, dir, "{}", f.name, holds)[0]
			if r.Refused == "" {
				t.Error("it got what it wanted")
			}
			var who []string
			for _, l := range f.by {
				if !slices.Contains(holds, l) {
					continue
				}
				layers := append(base(t), l)
				if l == Processes && !slices.Contains(layers, Identity) {
					layers = append(layers, PIDs) // which brings a user namespace, and its count
				}
				if attempt(t, dir, "{}", f.name, layers)[0].Refused == "" {
					t.Errorf("%s alone does not refuse it", l)
				}
				who = append(who, string(l))
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", f.name, strings.Join(who, ", "), r.Refused)
		})
	}
	_ = table.Flush()
	t.Logf("flood, which layers refuse it alone, how it ended\n%s", b.String())
}

// TestHostileChildrenEnd leaves a child in a session of its own, where there is no
// seccomp to refuse it: it ends with the namespace. It holds the pipe that is read here.
func TestHostileChildrenEnd(t *testing.T) {
	s, err := here.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !s.enforced().Holds(PIDs) {
		t.Skip("no PID namespace here")
	}
	for _, c := range []struct {
		layers []Layer
		want   string
	}{{append(base(t), PIDs), "child\n"}, {all(t), "no child: operation not permitted\n"}} {
		o, err := Options{Path: hostile(t), Dir: folder(t), Args: []string{"{}", "leave a child"}}.complete()
		if err != nil {
			t.Fatal(err)
		}
		cmd, err := s.with(t.Context(), o, c.layers)
		if err != nil {
			t.Fatal(err)
		}
		out := piped(t, cmd)
		if got := drain(t, out); got != c.want {
			t.Errorf("with %s: %q", c.layers, got)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestHostileDiesWithTheHub kills a hub that has started one. It holds the pipe that is
// read here, ignores signals, and may not take the death signal back.
func TestHostileDiesWithTheHub(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "JAIL_TEST_HUB="+folder(t), "JAIL_TEST_HOSTILE="+hostile(t))
	out := piped(t, cmd)
	if line, err := out.ReadString('\n'); line != "up\n" {
		t.Fatal(line, err, drain(t, out))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	drain(t, out)
	wantKilled(t, cmd.Wait())
}

// TestHostileAsAnOrdinaryUser has all this again with a hub that is not root.
func TestHostileAsAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests were it")
	}
	dir := filepath.Dir(folder(t))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	binary, tmp := filepath.Join(dir, "tests"), filepath.Join(dir, "tmp")
	if err := errors.Join(os.WriteFile(binary, b, 0o755), os.Mkdir(tmp, 0o755), os.Chown(tmp, 12345, 12345)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.v", "-test.run=^TestHostile|^TestA|^TestMany|^TestEnforced")
	cmd.Dir = tmp
	cmd.Env = []string{"TMPDIR=" + tmp, "JAIL_TEST_HOSTILE=" + hostile(t)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
