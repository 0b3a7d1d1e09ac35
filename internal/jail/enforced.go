package jail

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/parley-hub/parley/core/fault"
)

// A Layer is one thing that keeps a program in its jail.
type Layer string

// The layers, from the outermost to the innermost.
const (
	// Environment: it sees only the variables that it was given.
	Environment Layer = "environment"
	// Descriptors: it has no open files but its standard streams.
	Descriptors Layer = "descriptors"
	// Group: it is killed with what it started.
	Group Layer = "group"
	// Death: it dies when the hub dies, however that happens.
	Death Layer = "death"
	// Identity: it runs as a user that owns nothing but its folder.
	Identity Layer = "identity"
	// PIDs: it sees, signals and traces no process but its own.
	PIDs Layer = "pid-namespace"
	// Network: it has no network, not even a loopback device.
	Network Layer = "network-namespace"
	// Mounts: of the file system there is only its folder, its program and ReadOnly.
	Mounts Layer = "mount-namespace"
	// IPC: it shares no System V or POSIX queues, memory and semaphores.
	IPC Layer = "ipc-namespace"
	// NoNewPrivs: no setuid program raises it, and it has no capabilities.
	NoNewPrivs Layer = "no-new-privileges"
	// Landlock: as Mounts, held by the kernel's rules on files; and no TCP.
	Landlock Layer = "landlock"
	// Seccomp: only the system calls of a plain program; sockets only of AF_UNIX, no
	// children, signals to nobody else.
	Seccomp Layer = "seccomp"
	// Limits: descriptors, file size, processor time; no core dumps.
	Limits Layer = "limits"
	// Memory: what it allocates is bounded.
	Memory Layer = "memory"
	// Processes: how many threads and processes it has is bounded.
	Processes Layer = "processes"
)

// A Rule says of one layer whether it holds here.
type Rule struct {
	Layer Layer
	Holds bool
	// How says what holds it, or why it does not hold.
	How string
}

// Enforced says of every layer whether it holds on this system.
type Enforced []Rule

// Holds tells whether a layer holds.
func (e Enforced) Holds(l Layer) bool {
	return slices.ContainsFunc(e, func(r Rule) bool { return r.Layer == l && r.Holds })
}

// Elsewhere says what holds on systems that are not Linux, macOS among them.
func Elsewhere() Enforced {
	const linux = "only on Linux"
	e := Enforced{
		{Environment, true, "only what it was given"},
		{Descriptors, true, "all others are closed when it begins"},
		{Group, true, "its session is killed as a group; what leaves the group lives on"},
		{Death, false, "the system has no parent-death signal"},
		{Identity, false, "the program runs as the hub's user"},
	}
	for _, l := range []Layer{PIDs, Network, Mounts, IPC, NoNewPrivs, Landlock, Seccomp} {
		e = append(e, Rule{Layer: l, How: linux})
	}
	return append(e,
		Rule{Limits, true, "descriptors, file size, processor time, no core dumps (setrlimit)"},
		Rule{Memory, false, "the system bounds no address space"},
		Rule{Processes, false, "the system counts them together with all others of this user"})
}

// here remembers what the system was found to hold: that does not change while a process
// runs, and asking costs the start of a process.
var here memory

type memory struct {
	mu    sync.Mutex
	found *system
}

// look gives what the system holds. A look that fails is not remembered.
func (m *memory) look(ctx context.Context) (*system, error) {
	if os.Args[0] == mark {
		// Else each launcher would start the next one.
		return nil, fault.New(fault.Bug, "", errors.New("this is a launcher, and jail.Main was not called first"))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found == nil {
		s, err := look(ctx)
		if err != nil {
			return nil, err
		}
		m.found = s
	}
	return m.found, nil
}
