package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func lock() { runtime.LockOSThread() }

// Numbers that the syscall package does not name; they are the same on all machines.
const (
	sysPidfdOpen   = 434
	sysIoUring     = 425
	ptraceSeize    = 0x4206
	setOwn, setSig = 8, 10
)

func call(nr uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

func socket(domain, kind, proto int) func() error {
	return func() error {
		fd, err := syscall.Socket(domain, kind, proto)
		if err == nil {
			err = syscall.Close(fd)
		}
		return err
	}
}

func dial(network, addr string) error {
	c, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	_, err = c.Write([]byte("hello"))
	return errors.Join(err, c.Close())
}

func proc(name string) string { return "/proc/" + strconv.Itoa(world.Pid) + "/" + name }

var attempts = []struct {
	name string
	try  func() error
}{
	{"read the hub's environment variable", func() error {
		for _, v := range os.Environ() {
			if strings.Contains(v, world.Secret) {
				return nil
			}
		}
		return errNothing
	}},
	{"read an open file of the hub", func() error {
		b := make([]byte, 6)
		if _, err := syscall.Pread(world.FD, b, 0); err != nil {
			return err
		}
		if string(b) != "secret" {
			return errNothing
		}
		return nil
	}},
	{"read /etc/passwd", func() error { return read("/etc/passwd") }},
	{"read the hub's data", func() error { return read(world.Data) }},
	{"read the hub's data by ..", func() error {
		rel, err := filepath.Rel(os.Getenv("HOME"), world.Data)
		if err != nil {
			return err
		}
		return read(rel)
	}},
	{"read the hub's data by a link", func() error {
		_ = os.Remove("link")
		if err := os.Symlink(world.Data, "link"); err != nil {
			return err
		}
		return read("link")
	}},
	{"take the hub's data by a hard link", func() error {
		_ = os.Remove("hard")
		return os.Link(world.Open, "hard")
	}},
	{"see whether the hub's data is there", func() error {
		_, err := os.Stat(world.Data)
		return err
	}},
	{"change the mode of the hub's data", func() error { return os.Chmod(world.Open, 0o666) }},
	{"cut the hub's data", func() error { return os.Truncate(world.Open, 6) }},
	{"change the time of the hub's data", func() error { return os.Chtimes(world.Open, time.Time{}, time.Now()) }},
	{"watch the hub's data", func() error {
		fd, err := syscall.InotifyInit1(0)
		if err == nil {
			_, err = syscall.InotifyAddWatch(fd, world.Data, syscall.IN_ACCESS)
		}
		return err
	}},
	{"write outside its folder", func() error {
		f, err := os.OpenFile(world.Open, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		return f.Close()
	}},
	{"write to /tmp", func() error {
		f, err := os.CreateTemp("/tmp", "hostile")
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}},
	{"write to /dev/shm", func() error {
		f, err := os.CreateTemp("/dev/shm", "hostile")
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}},
	{"list the machine's processes", func() error { return read(proc("status")) }},
	{"read /proc/HUB/environ", func() error { return read(proc("environ")) }},
	{"open /proc/HUB/mem", func() error {
		f, err := os.Open(proc("mem"))
		if err != nil {
			return err
		}
		return f.Close()
	}},
	{"reach the hub's files by /proc/HUB/root", func() error { return read(proc("root") + world.Data) }},
	{"signal the hub", func() error { return syscall.Kill(world.Pid, syscall.SIGURG) }},
	{"signal the hub by a file's owner", func() error {
		var p [2]int
		if err := syscall.Pipe2(p[:], 0); err != nil {
			return err
		}
		if err := call(syscall.SYS_FCNTL, uintptr(p[0]), setSig, uintptr(syscall.SIGURG)); err != nil {
			return err
		}
		return call(syscall.SYS_FCNTL, uintptr(p[0]), setOwn, uintptr(world.Pid))
	}},
	{"trace the hub", func() error {
		lock()
		return call(syscall.SYS_PTRACE, ptraceSeize, uintptr(world.Pid), 0, 0)
	}},
	{"read the hub's memory", func() error {
		b := make([]byte, 8)
		local := syscall.Iovec{Base: &b[0], Len: 8}
		remote := syscall.Iovec{Base: (*byte)(unsafe.Pointer(&os.Args)), Len: 8}
		err := call(sysProcessVMReadv, uintptr(world.Pid), uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&remote)), 1, 0)
		if errors.Is(err, syscall.EFAULT) {
			return nil // it might read; only the address is wrong
		}
		return err
	}},
	{"take a handle of the hub", func() error { return call(sysPidfdOpen, uintptr(world.Pid), 0) }},
	{"change the hub's limits", func() error {
		return call(syscall.SYS_PRLIMIT64, uintptr(world.Pid), syscall.RLIMIT_NOFILE, 0, uintptr(unsafe.Pointer(new(syscall.Rlimit))))
	}},
	{"connect by TCP", func() error { return dial("tcp", world.TCP) }},
	{"send by UDP", func() error { return dial("udp", world.UDP) }},
	{"listen on TCP", func() error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		return l.Close()
	}},
	{"raw socket", socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_ICMP)},
	{"packet socket", socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)},
	{"multipath TCP socket", socket(syscall.AF_INET, syscall.SOCK_STREAM, 262)},
	{"netlink socket", socket(syscall.AF_NETLINK, syscall.SOCK_RAW, 0)},
	{"socket of the kernel's ciphers", socket(38, syscall.SOCK_SEQPACKET, 0)},
	{"connect to the hub's abstract socket", func() error { return dial("unix", world.Abstract) }},
	{"connect to the hub's socket", func() error { return dial("unix", world.Socket) }},
	{"start a child", func() error { return child(nil, nil, "end") }},
	{"leave its session", func() error { return child(&syscall.SysProcAttr{Setsid: true}, nil, "end") }},
	{"make a user namespace", func() error { return child(&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}, nil, "end") }},
	{"unshare", func() error { return syscall.Unshare(syscall.CLONE_FS | syscall.CLONE_NEWIPC) }},
	{"mount", func() error {
		err := syscall.Mount("none", ".", "tmpfs", 0, "size=4k")
		if err == nil {
			err = syscall.Unmount(".", 0)
		}
		return err
	}},
	{"chroot", func() error { return syscall.Chroot(".") }},
	{"become another user", func() error { return call(syscall.SYS_SETRESUID, 1, 1, 1) }},
	{"make a setuid program", func() error {
		if err := os.WriteFile("set", nil, 0o700); err != nil {
			return err
		}
		return syscall.Chmod("set", 0o4755)
	}},
	{"make a device", func() error { return syscall.Mknod("null", syscall.S_IFCHR|0o666, 1<<8|3) }},
	{"raise its own limit", func() error {
		var r syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
			return err
		}
		r.Max++
		return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r)
	}},
	{"outlive the hub", func() error { return call(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, 0, 0, 0, 0) }},
	{"io_uring", func() error { return call(sysIoUring, 1, uintptr(unsafe.Pointer(new([120]byte)))) }},
	{"memory without a file", func() error { return call(sysMemfdCreate, uintptr(unsafe.Pointer(&[]byte("x\x00")[0])), 0) }},
	{"shared memory of System V", func() error { return call(syscall.SYS_SHMGET, 0, 4096, 0o1600) }},
	{"keyring", func() error { return call(syscall.SYS_KEYCTL, 0, ^uintptr(2), 0) }},
	{"bpf", func() error {
		attr := [16]uint32{1, 4, 4, 1} // a hash map
		return call(sysBPF, 0, uintptr(unsafe.Pointer(&attr)), 64)
	}},
	{"userfaultfd", func() error { return call(sysUserfaultfd, 1) }},
	{"counters of the processor", func() error {
		attr := [16]uint64{uint64(unsafe.Sizeof([16]uint64{})) << 32}
		return call(syscall.SYS_PERF_EVENT_OPEN, uintptr(unsafe.Pointer(&attr)), 0, ^uintptr(0), ^uintptr(0), 0)
	}},
	{"the kernel's log", func() error { return call(syscall.SYS_SYSLOG, 10, 0, 0) }},
	{"the machine's name", func() error { return syscall.Sethostname([]byte("hostile")) }},
}
