package jail

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in the kernel's struct seccomp_data; the arguments' low halves stand first on
// the machines that this filter knows.
const (
	atNumber  = 0
	atMachine = 4
	atArgs    = 16
)

// newest is the last system call that was looked at for the list of those allowed. Later
// ones answer as on a kernel that does not have them.
const newest = 470

// seccomp lets this thread, and the program that it becomes, call only what a plain
// program needs. Signals go to pid alone, which is its own. A program that is walled sees no files
// but its own, and may do more to them.
func seccomp(pid uint32, walled bool) error {
	if machine == 0 {
		return fmt.Errorf("no list of system calls for %s", runtime.GOARCH)
	}
	prog := filter(pid, walled)
	f := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	// Not seccomp(2), which does the same: systemd's filters for services refuse that one.
	_, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&f))) //nolint:gosec // how the call takes it
	runtime.KeepAlive(prog)
	if errno != 0 {
		return errno
	}
	return nil
}

func stmt(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

// jump goes on behind yes instructions if the comparison holds, else behind no.
func jump(code uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | code | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

func load(offset uint32) unix.SockFilter {
	return stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset)
}

func arg(n uint32) unix.SockFilter { return load(atArgs + 8*n) }

var (
	yes    = stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW)
	no     = stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))
	absent = stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
	end    = stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_KILL_PROCESS)
)

// filter is the program that the kernel runs at each system call.
func filter(pid uint32, walled bool) []unix.SockFilter {
	prog := []unix.SockFilter{
		load(atMachine), jump(unix.BPF_JEQ, machine, 1, 0), end, // a call in another machine's numbers
		load(atNumber), jump(unix.BPF_JGE, 0x40000000, 0, 1), absent, // x32
	}
	calls, modes := slices.Concat(plainCalls, machineCalls), maps.Clone(machineModes)
	if walled {
		calls = slices.Concat(calls, walledCalls, machineWalled)
		modes = map[uint32]uint32{}
		for _, m := range []map[uint32]uint32{machineModes, walledModes, machineWalledModes} {
			maps.Copy(modes, m)
		}
	}
	for _, nr := range calls {
		prog = append(prog, jump(unix.BPF_JEQ, nr, 0, 1), yes)
	}
	for _, r := range looked(pid, modes) {
		prog = append(prog, jump(unix.BPF_JEQ, r.nr, 0, uint8(len(r.body))))
		prog = append(prog, r.body...)
	}
	return append(prog, jump(unix.BPF_JGT, newest, 0, 1), absent, no)
}

// ruling is what decides on a call by its arguments.
type ruling struct {
	nr   uint32
	body []unix.SockFilter
}

// only allows a call whose first argument is one of the values.
func only(nr uint32, values ...uint32) ruling {
	body := []unix.SockFilter{arg(0)}
	for _, v := range values {
		body = append(body, jump(unix.BPF_JEQ, v, 0, 1), yes)
	}
	return ruling{nr, append(body, no)}
}

// but allows a call whose second argument is none of the values.
func but(nr uint32, values ...uint32) ruling {
	body := []unix.SockFilter{arg(1)}
	for _, v := range values {
		body = append(body, jump(unix.BPF_JEQ, v, 0, 1), no)
	}
	return ruling{nr, append(body, yes)}
}

// fioSetOwn is FIOSETOWN, which golang.org/x/sys does not name.
const fioSetOwn = 0x8901

// modeless allows a call whose argument makes no file that lends its owner's rights: the
// program's user may be the hub's.
func modeless(nr, n uint32) ruling {
	return ruling{nr, []unix.SockFilter{arg(n), jump(unix.BPF_JSET, unix.S_ISUID|unix.S_ISGID, 0, 1), no, yes}}
}

// looked are the calls that are allowed for some arguments; modes are those that give a file
// its mode, besides those that every machine has.
func looked(pid uint32, modes map[uint32]uint32) []ruling {
	const newSpaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
	list := []ruling{
		// A thread, never a process. The flags of clone3 are in memory, where no filter can
		// see them; without it, programs fall back to clone.
		{unix.SYS_CLONE, []unix.SockFilter{
			arg(0), jump(unix.BPF_JSET, newSpaces, 0, 1), no, jump(unix.BPF_JSET, unix.CLONE_THREAD, 0, 1), yes, no,
		}},
		{unix.SYS_CLONE3, []unix.SockFilter{absent}},
		// Memory that RLIMIT_DATA does not count: shared without a file, huge pages, stacks
		// that grow.
		{unix.SYS_MMAP, []unix.SockFilter{
			arg(3), jump(unix.BPF_JSET, unix.MAP_HUGETLB|unix.MAP_GROWSDOWN, 0, 1), no,
			jump(unix.BPF_JSET, unix.MAP_ANONYMOUS, 1, 0), yes, jump(unix.BPF_JSET, unix.MAP_SHARED, 0, 1), no, yes,
		}},
		only(unix.SYS_SOCKET, unix.AF_UNIX),
		only(unix.SYS_SOCKETPAIR, unix.AF_UNIX),
		only(unix.SYS_KILL, pid),
		only(unix.SYS_TGKILL, pid),
		only(unix.SYS_PRLIMIT64, 0, pid),
		// Names of threads and of mappings. Above all not PR_SET_PDEATHSIG.
		only(unix.SYS_PRCTL, unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_VMA, unix.PR_GET_DUMPABLE, unix.PR_GET_NO_NEW_PRIVS, unix.PR_GET_SECCOMP),
		// The kernel sends signals to the owner of a file for whoever set it.
		but(unix.SYS_FCNTL, unix.F_SETOWN, unix.F_SETSIG, unix.F_SETOWN_EX),
		// The same, and typing into somebody's terminal.
		but(unix.SYS_IOCTL, fioSetOwn, unix.SIOCSPGRP, unix.TIOCSTI, unix.TIOCLINUX, unix.TIOCSETD),
		modeless(unix.SYS_OPENAT, 3),
		modeless(unix.SYS_MKDIRAT, 2),
		modeless(unix.SYS_FCHMOD, 1),
		// Its mode is in memory, as the flags of clone3.
		{unix.SYS_OPENAT2, []unix.SockFilter{absent}},
	}
	for nr, n := range modes {
		list = append(list, modeless(nr, n))
	}
	return list
}
