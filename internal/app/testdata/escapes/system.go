package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

func dial(network, address string) error {
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	_, err = c.Write([]byte("GOT"))
	return errors.Join(err, c.Close())
}

// onTheSystem is tried past the hub, on any system.
var onTheSystem = map[string]func(world) error{
	"tcp":      func(w world) error { return dial("tcp", w.TCP) },
	"udp":      func(w world) error { return dial("udp", w.UDP) },
	"socket":   func(w world) error { return dial("unix", w.Socket) },
	"abstract": func(w world) error { return dial("unix", w.Abstract) },
	"dns": func(world) error {
		_, err := net.LookupHost("example.org")
		return err
	},
	"passwd":    func(w world) error { return read(w.Passwd) },
	"data":      func(w world) error { return read(w.Data) },
	"config":    func(w world) error { return read(w.Config) },
	"binary":    func(w world) error { return read(w.Binary) },
	"neighbour": func(w world) error { return read(filepath.Join(w.Temp, "treasure")) },
	"link": func(w world) error {
		_ = os.Remove("link")
		if err := os.Symlink(w.Open, "link"); err != nil {
			return err
		}
		return read("link")
	},
	"write": func(w world) error {
		f, err := os.OpenFile(w.Open, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("GOT OUT")
		return errors.Join(err, f.Close())
	},
	"environment": func(w world) error {
		for _, v := range os.Environ() {
			if strings.Contains(v, w.Secret) {
				return nil
			}
		}
		return errNothing
	},
	"descriptor": func(w world) error {
		b := make([]byte, 6)
		n, err := syscall.Pread(w.FD, b, 0)
		if err == nil && string(b[:n]) != "secret" {
			return errNothing // one of its own has the number
		}
		return err
	},
	"signal": func(w world) error { return syscall.Kill(w.PID, syscall.SIGUSR1) },
	"setuid": func(world) error {
		if err := os.WriteFile("set", nil, 0o700); err != nil {
			return err
		}
		defer func() { _ = os.Remove("set") }()
		return syscall.Chmod("set", 0o4755)
	},
	"become": func(world) error { return syscall.Setuid(1) },
	"limit": func(world) error {
		var r syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
			return err
		}
		r.Max++
		return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r)
	},
}
