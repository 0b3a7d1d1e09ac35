package jail

import "golang.org/x/sys/unix"

// machine is how the kernel names the numbers of this machine's system calls.
const machine = unix.AUDIT_ARCH_X86_64

// machineCalls are those that newer machines have only in another form.
var machineCalls = []uint32{
	unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT, unix.SYS_ACCESS, unix.SYS_READLINK,
	unix.SYS_GETDENTS, unix.SYS_RMDIR, unix.SYS_UNLINK, unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_LINK,
	unix.SYS_SYMLINK, unix.SYS_DUP2, unix.SYS_PIPE,
	unix.SYS_POLL, unix.SYS_SELECT, unix.SYS_EVENTFD, unix.SYS_SIGNALFD, unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_WAIT,
	unix.SYS_ARCH_PRCTL, unix.SYS_GETPGRP, unix.SYS_ALARM, unix.SYS_PAUSE, unix.SYS_TIME,
}

// machineModes are those among them that give a file its mode, by the argument that does.
var machineModes = map[uint32]uint32{unix.SYS_OPEN: 2, unix.SYS_CREAT: 1, unix.SYS_MKDIR: 1}

// machineWalled are those of them that are for a program that sees no other files.
var machineWalled = []uint32{unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT}

var machineWalledModes = map[uint32]uint32{unix.SYS_CHMOD: 1}
