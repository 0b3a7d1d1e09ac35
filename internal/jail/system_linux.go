package jail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/parley-hub/parley/core/fault"
)

// spaces are the namespaces, by the layer that each one is.
var spaces = []struct {
	layer Layer
	flag  uintptr
}{
	{PIDs, unix.CLONE_NEWPID},
	{Network, unix.CLONE_NEWNET},
	{Mounts, unix.CLONE_NEWNS},
	{IPC, unix.CLONE_NEWIPC | unix.CLONE_NEWUTS},
}

// inner are the layers that the launcher builds.
var inner = []Layer{Descriptors, Death, Identity, Mounts, NoNewPrivs, Landlock, Seccomp, Limits, Memory, Processes}

// system is what one look found out.
type system struct {
	root      bool
	userSpace bool // namespaces are made in a user namespace
	spaces    bool
	noSpaces  string // why not
	failed    map[Layer]string
	abi       int
}

// look starts a launcher that tries everything: in a user namespace of its own, without
// one (which root may), and with no namespaces at all.
func look(ctx context.Context) (*system, error) {
	top, err := os.MkdirTemp("", "parley-jail-")
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "", err)
	}
	defer func() { _ = os.RemoveAll(top) }() // in the folder for such things
	if top, err = actual(top); err != nil {
		return nil, fault.New(fault.NeedsHuman, "", err)
	}
	dir := filepath.Join(top, "folder")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(top, "program"), nil, 0o600)); err != nil {
		return nil, fault.New(fault.NeedsHuman, "", err)
	}
	var why []string
	// A root that may not even give files away is an ordinary user here.
	root := os.Geteuid() == 0 && os.Lchown(dir, Owner(dir), Owner(dir)) == nil
	for _, s := range []*system{{root: root, userSpace: true, spaces: true}, {root: root, spaces: true}, {root: root}} {
		err := s.try(ctx, dir)
		for n := 1; n < looks && killed(err); n++ {
			err = s.try(ctx, dir)
		}
		switch {
		case err == nil:
			s.noSpaces = strings.Join(why, "; ")
			return s, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case killed(err), !s.spaces:
			return nil, fault.New(fault.NeedsHuman, "", err)
		case s.userSpace:
			why = append(why, "user namespace: "+err.Error())
		default:
			why = append(why, "without one: "+err.Error())
		}
	}
	return nil, nil // not reached: the last one returned
}

// looks is how often it is looked whose launcher is killed each time.
const looks = 3

// killed tells whether a launcher was killed, by somebody or for want of memory: that says
// nothing about what the system holds. A system that ends it for a call has another signal.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// try runs the launcher once, to see what fails.
func (s *system) try(ctx context.Context, dir string) error {
	p := Options{Dir: dir, Path: filepath.Join(filepath.Dir(dir), "program")}.plan()
	p.Layers, p.Probe = inner, true
	cmd, err := s.launcher(ctx, p)
	if err != nil {
		return err
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return errors.Join(err, errors.New(strings.TrimSpace(errs.String())))
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		return fmt.Errorf("the launcher said nothing that makes sense (is jail.Main called first?): %w", err)
	}
	if why := r.Failed[Mounts]; s.spaces && why != "" {
		return errors.New(why)
	}
	s.failed, s.abi = r.Failed, r.Landlock
	if !s.spaces {
		s.failed[Mounts] = "" // never tried for real without a namespace
	}
	if why := s.countsTogether(); why != "" {
		s.failed[Processes] = why
	}
	return nil
}

// countsTogether says why threads cannot be bounded: the kernel counts them by user, and
// an ordinary hub's user has others.
func (s *system) countsTogether() string {
	switch {
	case s.root && s.failed[Identity] == "":
		return "" // a user of its own
	case !s.userSpace:
		return "the kernel counts them together with all others of this user"
	case !atLeast(5, 14):
		return "before Linux 5.14 a user namespace has no count of its own"
	}
	return ""
}

// command makes the command with all layers that hold.
func (s *system) command(ctx context.Context, o Options) (*exec.Cmd, error) {
	var layers []Layer
	for _, r := range s.enforced() {
		if r.Holds {
			layers = append(layers, r.Layer)
		}
	}
	return s.with(ctx, o, layers)
}

// with makes the command with just these layers.
func (s *system) with(ctx context.Context, o Options, layers []Layer) (*exec.Cmd, error) {
	p := o.plan()
	p.Layers = layers
	if p.wants(Identity) && s.root {
		p.ID = Owner(o.Dir)
		if err := os.Lchown(o.Dir, p.ID, p.ID); err != nil {
			return nil, fmt.Errorf("give the folder to its program: %w", err)
		}
	}
	cmd, err := s.launcher(ctx, p)
	if err != nil {
		return nil, err
	}
	cmd.Env = append([]string{}, o.Env...)
	return cmd, nil
}

// launcher makes the command of a launcher: this very binary, whatever stands at its path
// by now, in the namespaces that the plan's layers ask for.
func (s *system) launcher(ctx context.Context, p plan) (*exec.Cmd, error) {
	if p.Probe && s.root {
		p.ID = Owner(p.Dir)
	}
	var flags uintptr
	for _, n := range spaces {
		if s.spaces && (p.Probe || p.wants(n.layer)) {
			flags |= n.flag
		}
	}
	p.Alone = flags&unix.CLONE_NEWNS != 0
	arg, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{mark, string(arg)}
	cmd.Env = []string{}
	cmd.Cancel = func() error { return Kill(cmd) }
	cmd.WaitDelay = waitDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: flags}
	if flags != 0 && s.userSpace {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		ids, groups := []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}, []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
		if s.root {
			own := syscall.SysProcIDMap{ContainerID: Owner(p.Dir), HostID: Owner(p.Dir), Size: 1}
			ids, groups = append(ids, own), append(groups, own)
			cmd.SysProcAttr.GidMappingsEnableSetgroups = true
		}
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = ids, groups
	}
	return cmd, nil
}

// enforced puts what was found into words.
func (s *system) enforced() Enforced {
	var e Enforced
	say := func(l Layer, how string) {
		why, bad := s.failed[l]
		if slices.ContainsFunc(spaces, func(n struct {
			layer Layer
			flag  uintptr
		}) bool {
			return n.layer == l
		}) && !s.spaces {
			why, bad = s.noSpaces, true
		}
		if bad {
			how = why
		}
		e = append(e, Rule{Layer: l, Holds: !bad, How: how})
	}
	in := "in a user namespace of its own"
	if !s.userSpace {
		in = "made by root"
	}
	say(Environment, "only what it was given")
	say(Descriptors, "all others are closed when it begins (close_range)")
	group := "its session is killed as a group"
	if s.spaces {
		group = "all that it started dies with the first process of its PID namespace"
	}
	say(Group, group)
	say(Death, "parent-death signal, which it cannot take back under seccomp")
	if s.root {
		say(Identity, "a user of its own, from its folder's name")
	} else {
		e = append(e, Rule{Layer: Identity, How: "the hub is not root, or may not give files away: the program runs as its user"})
	}
	say(PIDs, in)
	say(Network, in+"; no device is up")
	say(Mounts, in+"; its folder without execution, the rest read-only")
	say(IPC, in)
	say(NoNewPrivs, "and no capabilities")
	say(Landlock, s.landlockWords())
	say(Seccomp, "a list of calls that are allowed")
	say(Limits, "descriptors, file size, processor time, no core dumps (setrlimit)")
	say(Memory, "what one process can write to (RLIMIT_DATA), and it can have but one under seccomp")
	say(Processes, "RLIMIT_NPROC, which counts threads")
	return e
}

func (s *system) landlockWords() string {
	words := "ABI " + strconv.Itoa(s.abi) + ": files"
	if s.abi >= 4 {
		words += ", TCP"
	}
	if s.abi >= 6 {
		words += ", abstract sockets, signals"
	}
	return words
}

// atLeast tells whether the kernel has this version.
func atLeast(major, minor int) bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false
	}
	var a, b int
	if n, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); n != 2 || err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}
