package jail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapped is how much more address space than memory a program may reserve: Go reserves a
// gigabyte that it never touches, and what is never touched still costs page tables.
const mapped = 16 << 30

// run builds the walls from the outside in and becomes the program.
func (l *launcher) run() error {
	// Opened while there is a /proc: it tells the parent's number later.
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	tree, err := l.open()
	if err != nil {
		return err
	}
	for _, step := range []struct {
		layer Layer
		work  func() error
	}{
		{Descriptors, l.descriptors},
		{Memory, func() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) }},
		{Mounts, func() error { return l.mounts(tree) }},
		{NoNewPrivs, dropBounding},
		{Identity, l.identity},
		{Death, func() error { return l.death(status) }},
		{NoNewPrivs, noNewPrivs},
	} {
		if err := l.try(step.layer, step.work); err != nil {
			return err
		}
	}
	if err := os.Chdir(l.Dir); err != nil {
		return fmt.Errorf("enter its folder: %w", err)
	}
	if err := l.try(Landlock, l.landlock); err != nil {
		return err
	}
	if err := l.try(Seccomp, func() error { return seccomp(uint32(os.Getpid()), l.wants(Mounts)) }); err != nil {
		return err
	}
	return l.finish()
}

// opened is a file or folder that the program will see.
type opened struct {
	path     string
	file     *os.File
	writable bool
}

// open opens what the program will see, the program itself first, so that what is looked
// at is what is shown.
func (l *launcher) open() ([]opened, error) {
	list := []opened{{path: l.Path}, {path: l.Dir, writable: true}}
	for _, p := range l.ReadOnly {
		list = append(list, opened{path: p})
	}
	for i := range list {
		var err error
		if list[i].file, err = os.Open(list[i].path); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// descriptors empties standard input and lets all others close when the
// program begins.
func (l *launcher) descriptors() error {
	if !l.Stdin {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
			return err
		}
	}
	return closeOnExec(3)
}

func closeOnExec(first int) error {
	err := unix.CloseRange(uint(first), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	// Before Linux 5.11.
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// identity makes this thread the program's user, of no other group.
func (l *launcher) identity() error {
	if l.ID == 0 {
		return nil
	}
	id := uintptr(l.ID)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("setgroups: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, id, id, id); errno != 0 {
		return fmt.Errorf("setresgid: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, id, id, id); errno != 0 {
		return fmt.Errorf("setresuid: %w", errno)
	}
	return nil
}

// death asks again to be killed with the parent, since another user's process is not any
// more, and looks whether the parent died in between.
func (l *launcher) death(status io.ReaderAt) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, err := status.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.Contains(buf[:n], fmt.Appendf(nil, "\nPPid:\t%d\n", l.Parent)) {
		return errors.New("the hub is gone")
	}
	return nil
}

// dropBounding gives up for ever what a privileged file could give, while it still may.
func dropBounding() error {
	var hdr = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return err
	}
	if data[0].Effective&(1<<unix.CAP_SETPCAP) == 0 {
		return nil // an ordinary process, which no_new_privs keeps one
	}
	for c := uintptr(0); c < 64; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // the last one was before
		} else if err != nil {
			return err
		}
	}
	// Without this a user 0 of a namespace gets all capabilities back by running a program.
	const noRoot, locked = 1, 2 // SECBIT_NOROOT and its lock
	return unix.Prctl(unix.PR_SET_SECUREBITS, noRoot|locked, 0, 0, 0)
}

// noNewPrivs throws the capabilities away and locks the door.
func noNewPrivs() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has, none [2]unix.CapUserData
	if err := unix.Capget(&hdr, &has[0]); err != nil || has == none {
		return err // a service's filter may refuse the next call, where there is no need of it
	}
	return unix.Capset(&hdr, &none[0])
}

// limit sets the limits, last of all: the launcher itself may be larger than what the
// program may have.
func (l *launcher) limit() error {
	set := func(layer Layer, which int, to int64) error {
		if !l.wants(layer) {
			return nil
		}
		want := uint64(to)
		var has unix.Rlimit
		if err := unix.Getrlimit(which, &has); err != nil {
			return err
		}
		want = min(want, has.Max) // nobody else's bound is raised
		if err := unix.Prlimit(0, which, &unix.Rlimit{Cur: want, Max: want}, nil); err != nil {
			return fmt.Errorf("%s: limit %d: %w", layer, which, err)
		}
		return nil
	}
	err := errors.Join(
		set(Limits, unix.RLIMIT_CORE, 0),
		set(Limits, unix.RLIMIT_MEMLOCK, 0),
		set(Limits, unix.RLIMIT_MSGQUEUE, 0),
		set(Limits, unix.RLIMIT_FSIZE, l.FileSize),
		set(Limits, unix.RLIMIT_NOFILE, int64(l.Files)),
		set(Processes, unix.RLIMIT_NPROC, int64(l.Processes)),
		set(Memory, unix.RLIMIT_STACK, 8<<20),
	)
	if l.CPU > 0 {
		err = errors.Join(err, set(Limits, unix.RLIMIT_CPU, l.CPU))
	}
	return errors.Join(err, set(Memory, unix.RLIMIT_AS, l.Memory+mapped), set(Memory, unix.RLIMIT_DATA, l.Memory))
}

// landlock lets the program touch its folder, run itself, and read what it may.
func (l *launcher) landlock() error {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return errno
	}
	l.abi = int(abi)
	attr := rights(l.abi)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0) //nolint:gosec // how the call takes it
	if errno != 0 {
		return fmt.Errorf("make rules: %w", errno)
	}
	const read = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
	const never = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	if err := allow(fd, l.Dir, attr.Handled_access_fs&^never); err != nil {
		return err
	}
	for _, path := range append([]string{l.Path}, l.ReadOnly...) {
		if err := allow(fd, path, read|unix.LANDLOCK_ACCESS_FS_READ_DIR); err != nil {
			return err
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("restrict: %w", errno)
	}
	return nil
}

// rights are all that a version of Landlock can deny, as far as this program knows it.
func rights(abi int) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1} // Linux 5.13
	if abi >= 2 {                                                                             // 5.19
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 { // 6.2
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 { // 6.7
		a.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 { // 6.10
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 { // 6.12
		a.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return a
}

// allow adds a rule for a file, or a folder and all below.
func allow(rules uintptr, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		const ofFile = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
		access &= ofFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, rules, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0) //nolint:gosec // how the call takes it
	runtime.KeepAlive(&rule)
	if errno != 0 {
		return &os.PathError{Op: "allow", Path: path, Err: errno}
	}
	return unix.Close(fd)
}
