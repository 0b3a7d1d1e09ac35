// Command hostile tries to get out of its jail, and says on standard output how each
// attempt went. Every attempt is harmless where it succeeds, and every flood ends by itself.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// World is what the test tells of the hub.
type World struct {
	Pid      int    // the hub
	Data     string // a file of the hub's, which all may read
	Open     string // a file that all may write
	TCP      string
	UDP      string
	Abstract string
	Socket   string
	FD       int // an open file of the hub's that holds the word "secret"
	Secret   string
}

// Result is a line of the output.
type Result struct {
	Attempt string
	// Refused is why it failed; empty means that it got out.
	Refused string
}

var world World

func main() {
	if err := json.Unmarshal([]byte(os.Args[1]), &world); err != nil {
		panic(err)
	}
	switch what := os.Args[2]; what {
	case "all":
		for _, a := range attempts {
			say(a.name, a.try())
		}
	case "wait": // as a child: until the parent's end of the pipe is closed
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "ran":
		say("run what it wrote", nil)
	case "end":
		return
	default:
		floods[what]()
	}
}

func say(name string, err error) {
	r := Result{Attempt: name}
	if err != nil {
		r.Refused = err.Error()
	}
	b, _ := json.Marshal(r)
	fmt.Println(string(b))
}

// child starts this program again.
func child(attr *syscall.SysProcAttr, files []uintptr, what string) error {
	b, _ := json.Marshal(world)
	exe := os.Args[0]
	pid, err := syscall.ForkExec(exe, []string{exe, string(b), what}, &syscall.ProcAttr{Sys: attr, Files: files})
	if err != nil {
		return err
	}
	if what == "end" {
		var st syscall.WaitStatus
		_, err = syscall.Wait4(pid, &st, 0, nil)
	}
	return err
}

var floods = map[string]func(){
	"run what it wrote": func() {
		self, err := os.ReadFile(os.Args[0])
		if err == nil {
			err = os.WriteFile("copy", self, 0o700)
		}
		if err == nil {
			err = syscall.Exec("./copy", []string{"./copy", os.Args[1], "ran"}, nil)
		}
		say("run what it wrote", err)
	},
	"fork bomb": func() {
		r, _, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		n := 0
		for ; n < 300; n++ {
			if err = child(nil, []uintptr{r.Fd()}, "wait"); err != nil {
				break
			}
		}
		if n == 300 {
			err = nil
		} else {
			err = fmt.Errorf("%d children: %w", n, err)
		}
		say("fork bomb", err)
	},
	"open descriptors": func() {
		for n := 0; n < 4000; n++ {
			if _, err := syscall.Open(".", syscall.O_RDONLY, 0); err != nil {
				say("open descriptors", fmt.Errorf("%d: %w", n, err))
				return
			}
		}
		say("open descriptors", nil)
	},
	"one large file": func() {
		f, err := os.Create("large")
		for n := 0; err == nil && n < 64; n++ {
			_, err = f.Write(make([]byte, 1<<20))
		}
		say("one large file", err)
	},
	"memory": func() {
		var keep [][]byte
		for range 1 << 4 {
			b := make([]byte, 64<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			keep = append(keep, b)
		}
		say("memory", nil)
		_ = keep
	},
	"shared memory":  func() { say("shared memory", balloon(syscall.MAP_SHARED|syscall.MAP_ANON)) },
	"growing stacks": func() { say("growing stacks", balloon(syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_GROWSDOWN)) },
	"threads": func() {
		done := make(chan struct{})
		for range 1000 {
			go func() {
				lock()
				done <- struct{}{}
				select {}
			}()
			<-done
		}
		say("threads", nil)
		os.Exit(0)
	},
	"processor": func() {
		for {
			var u syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil || u.Utime.Sec >= 10 {
				break
			}
		}
		say("processor", nil)
	},
	"output": func() {
		line := []byte(strings.Repeat("x", 4095) + "\n")
		for range 1 << 18 { // 1 GiB
			if _, err := os.Stdout.Write(line); err != nil {
				return
			}
		}
	},
	"serve": func() { // no flood: what every plugin does
		f, err := os.CreateTemp("", "plugin")
		if err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
		var l net.Listener
		if err == nil {
			l, err = net.Listen("unix", f.Name())
		}
		if err != nil {
			panic(err)
		}
		fmt.Println(f.Name())
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(c, c)
		_ = c.Close()
	},
	"tell": func() { // neither: what it was given
		wd, err := os.Getwd()
		in, _ := io.ReadAll(os.Stdin)
		read, readErr := readFile(os.Getenv("READ"))
		b, _ := json.Marshal(map[string]any{
			"env": os.Environ(), "dir": wd, "err": err, "in": string(in), "read": fmt.Sprint(string(read), readErr), "args": os.Args[3:],
		})
		fmt.Println(string(b))
	},
	"stay": func() {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		fmt.Println("up")
		stay()
	},
	"leave a child": func() {
		// It holds standard output, in a session of its own, and nobody closes its input.
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		if err := child(&syscall.SysProcAttr{Setsid: true}, []uintptr{r.Fd(), 1, 2, w.Fd()}, "wait"); err != nil {
			fmt.Println("no child:", err)
		} else {
			fmt.Println("child")
		}
	},
}

// readFile reads a file; descriptor 3 has no name in a jail.
func readFile(name string) ([]byte, error) {
	if name == "/dev/fd/3" {
		return io.ReadAll(os.NewFile(3, name))
	}
	return os.ReadFile(name)
}

// stay does nothing, and needs no standard input for it.
func stay() {
	r, _, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, r)
}

func balloon(flags int) error {
	for range 16 {
		b, err := syscall.Mmap(-1, 0, 64<<20, syscall.PROT_READ|syscall.PROT_WRITE, flags)
		if err != nil {
			return err
		}
		if flags&syscall.MAP_GROWSDOWN == 0 {
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
		}
	}
	return nil
}

var errNothing = errors.New("nothing there")
