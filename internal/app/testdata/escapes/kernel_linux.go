package main

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
)

const ptraceSeize = 0x4206

func proc(w world, name string) string { return "/proc/" + strconv.Itoa(w.PID) + "/" + name }

// onTheKernel is tried on Linux alone.
var onTheKernel = map[string]func(world) error{
	"environ": func(w world) error { return read(proc(w, "environ")) },
	"memory-of-the-hub": func(w world) error {
		f, err := os.Open(proc(w, "mem"))
		if err != nil {
			return err
		}
		return f.Close()
	},
	"trace": func(w world) error {
		runtime.LockOSThread()
		if _, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, ptraceSeize, uintptr(w.PID), 0, 0, 0, 0); errno != 0 {
			return errno
		}
		return nil
	},
	"namespace": func(world) error { return syscall.Unshare(syscall.CLONE_FS | syscall.CLONE_NEWUTS) },
	"user-namespace": func(world) error {
		_, err := syscall.ForkExec(os.Args[0], []string{os.Args[0]}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}})
		return err
	},
	"mount": func(world) error {
		err := syscall.Mount("none", ".", "tmpfs", 0, "size=4k")
		if err == nil {
			err = syscall.Unmount(".", 0)
		}
		return err
	},
	"outlive": func(world) error {
		if _, _, errno := syscall.Syscall6(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, 0, 0, 0, 0, 0); errno != 0 {
			return errno
		}
		return nil
	},
}
