package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
	"github.com/parley-hub/parley/skills/program"
)

// process is one running program.
type process struct {
	child  *child
	client *plugin.Client
	skill  protocol.SkillClient
	health grpc_health_v1.HealthClient
	dir    string
	words  *program.Tail
	began  time.Time
	// broken is closed when the process ended or is to be ended.
	broken    chan struct{}
	breakOnce sync.Once
	// stopped ends the look at its folder, measured is closed when it ended.
	stopped, measured chan struct{}
	why               string // set before broken is closed: Crashed, Hung or Overfull

	mu      sync.Mutex
	running int
	closed  bool
	idle    chan struct{} // closed once closed and nothing runs, turns that were given up included
}

// window is how much a program may send before the hub took it, in bytes.
const window = 1 << 20

// start runs a program and asks it who it is. The program is healthy when it returns. Its
// folder lies beside it; the name is short, since that of a socket has to be.
func start(ctx context.Context, o Options, path string, memory int64, log zerolog.Logger) (*process, skills.Manifest, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), "")
	if err != nil {
		return nil, skills.Manifest{}, err
	}
	p := &process{
		dir: dir, words: &program.Tail{}, began: time.Now(), broken: make(chan struct{}), idle: make(chan struct{}),
		stopped: make(chan struct{}), measured: make(chan struct{}),
	}
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{protocol.Version: {protocol.Service: &client{}}},
		RunnerFunc:       p.runner(o.Command, Program{Path: path, Dir: dir, Memory: memory}),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     o.Times.Start,
		Stderr:           p.words,
		Logger:           newLibrary(log),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
		GRPCDialOptions: []grpc.DialOption{
			// Windows that are given are not measured, which costs frames with each turn.
			grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(protocol.MaxToHub), grpc.MaxCallSendMsgSize(protocol.MaxToSkill)),
		},
	})
	bounded, cancel := context.WithTimeout(ctx, o.Times.Start)
	defer cancel()
	stop := context.AfterFunc(bounded, p.child.end)
	defer stop()
	go p.measure(o)
	m, err := p.meet(bounded)
	if err != nil {
		if bounded.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("it could not be asked within %s", o.Times.Start)
		}
		p.stop()
		return nil, skills.Manifest{}, p.explain(ctx, err)
	}
	go func() {
		<-p.child.done
		p.breaks(Crashed)
	}()
	return p, m, nil
}

// meet connects, asks for the manifest and for health.
func (p *process) meet(ctx context.Context) (skills.Manifest, error) {
	connection, err := p.client.Client()
	if err != nil {
		return skills.Manifest{}, err
	}
	raw, err := connection.Dispense(protocol.Service)
	if err != nil {
		return skills.Manifest{}, err
	}
	conn, ok := raw.(*grpc.ClientConn)
	if !ok {
		return skills.Manifest{}, errors.New("no connection")
	}
	p.skill, p.health = protocol.NewSkillClient(conn), grpc_health_v1.NewHealthClient(conn)
	d, err := p.skill.Describe(ctx, &protocol.Question{})
	if err != nil {
		return skills.Manifest{}, fmt.Errorf("it does not tell its manifest: %w", err)
	}
	m, err := protocol.DecodeManifest(d.GetManifest())
	if err != nil {
		return skills.Manifest{}, err
	}
	return m, p.check(ctx)
}

// check asks the process whether it is well.
func (p *process) check(ctx context.Context) error {
	h, err := p.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
	if err != nil {
		return fmt.Errorf("it does not answer: %w", err)
	}
	if h.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("it says that it is not well: %s", h.GetStatus())
	}
	return nil
}

// explain says why a start failed, in words for the operator. Nothing was said to the
// program yet, so what it wrote holds nobody's words.
func (p *process) explain(ctx context.Context, err error) error {
	switch text := err.Error(); {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.isOverfull():
		return errors.New("it filled its folder")
	case strings.Contains(text, "incompatible API version"):
		return fmt.Errorf("it speaks another version of the plugin protocol; this hub speaks version %d: build it with the sdk of this hub's version (%s)",
			protocol.Version, firstLine(text))
	case strings.Contains(text, "Unrecognized remote plugin message"):
		err = errors.New("it is no skill, or ended before it could be asked")
	default:
		err = errors.New(firstLine(text))
	}
	if words := strings.TrimSpace(p.words.String()); words != "" {
		return fmt.Errorf("%w; it wrote: %s", err, words)
	}
	return err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// enter begins a turn; false when the process takes none any more.
func (p *process) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.broken:
		return false
	default:
	}
	if p.closed {
		return false
	}
	p.running++
	return true
}

func (p *process) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	if p.closed && p.running == 0 {
		close(p.idle)
	}
}

// refuse takes no new turns.
func (p *process) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		if p.running == 0 {
			close(p.idle)
		}
	}
}

// retire takes no new turns, lets those that run end for at most so long, and ends the
// process.
func (p *process) retire(ctx context.Context, bound time.Duration) {
	p.refuse()
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-p.idle:
	case <-p.child.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	p.stop()
	<-p.idle
}

// breaks says that the process is of no use any more, and why.
func (p *process) breaks(why string) {
	p.breakOnce.Do(func() {
		p.why = why
		close(p.broken)
	})
}

// isOverfull tells whether it was killed because of what lay in its folder.
func (p *process) isOverfull() bool {
	select {
	case <-p.broken:
		return p.why == Overfull
	default:
		return false
	}
}

// grace is how long a process may take to end after it was asked to.
const grace = 2 * time.Second

// stop ends the process: the end of its input asks it to, then it is killed.
func (p *process) stop() {
	if p.child != nil && p.child.ID() != "" {
		_ = p.child.stdin.Close()
		timer := time.NewTimer(grace)
		select {
		case <-p.child.done:
		case <-timer.C:
		}
		timer.Stop()
		p.child.end()
	}
	p.client.Kill()
	close(p.stopped)
	<-p.measured
	_ = os.RemoveAll(p.dir)
}
