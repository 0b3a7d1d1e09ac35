package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

// floods use up what they can get.
var floods = map[string]func(*talk) error{
	"megabytes": func(x *talk) error { return x.reply(core.Text{Text: strings.Repeat("x", 9<<20)}) },
	"answers": func(x *talk) error {
		for range 1000 {
			if err := x.reply(core.Text{Text: "x"}); err != nil {
				return err
			}
		}
		return nil
	},
	"drafts": func(x *talk) error {
		for range 1 << 16 {
			if err := x.send(&protocol.ToHub{Is: &protocol.ToHub_Draft{Draft: &protocol.Parts{Parts: nothingSaid}}}); err != nil {
				return err
			}
		}
		return nil
	},
	"log": func(x *talk) error {
		for range 1 << 16 {
			if err := x.send(&protocol.ToHub{Is: &protocol.ToHub_Log{Log: []byte(`{"level":"error","message":"x"}`)}}); err != nil {
				return err
			}
		}
		return nil
	},
	"words": func(x *talk) error {
		x.fault = &protocol.Fault{Class: "permanent", Text: strings.Repeat("t", 1<<20), Public: "refused: " + strings.Repeat("p", 1<<20), Wait: 1 << 62}
		return errSaid
	},
	"stderr": func(*talk) error {
		for n := range 64 {
			if _, err := os.Stderr.WriteString(strings.Repeat("ENDLESS", 1<<20/7)); err != nil {
				return fmt.Errorf("%d MiB: %w", n, err)
			}
		}
		return errors.New("64 MiB were taken")
	},
	"fork-bomb": func(*talk) error {
		for n := range 300 {
			if _, err := syscall.ForkExec(os.Args[0], []string{os.Args[0]}, nil); err != nil {
				return fmt.Errorf("%d children: %w", n, err)
			}
		}
		return nil
	},
	"threads": func(*talk) error {
		done := make(chan struct{})
		for range 1000 {
			go func() {
				runtime.LockOSThread()
				done <- struct{}{}
				select {}
			}()
			<-done
		}
		return nil
	},
	"memory": func(*talk) error {
		var all [][]byte
		for range 16 {
			b := make([]byte, 64<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
		}
		runtime.KeepAlive(all)
		return nil
	},
	"descriptors": func(*talk) error {
		var all []*os.File
		defer func() {
			for _, f := range all {
				_ = f.Close()
			}
		}()
		for n := range 4000 {
			f, err := os.Open(".")
			if err != nil {
				return fmt.Errorf("%d: %w", n, err)
			}
			all = append(all, f)
		}
		return nil
	},
	"large-file": func(*talk) error {
		f, err := os.Create("large")
		if err != nil {
			return err
		}
		defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
		for range 64 {
			if _, err := f.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return nil
	},
	"many-files": func(x *talk) error {
		for n := range 40 {
			if err := os.WriteFile("many-"+strconv.Itoa(n), make([]byte, 4<<20), 0o600); err != nil {
				return err
			}
		}
		<-x.stream.Context().Done() // until somebody looks
		return nil
	},
	"spin": func(*talk) error {
		for n := 0; ; n++ {
			if n < 0 {
				n = 0
			}
		}
	},
}

var nothingSaid = func() []byte {
	p, err := protocol.EncodeParts(nil)
	if err != nil {
		panic(err)
	}
	return p.GetParts()
}()
