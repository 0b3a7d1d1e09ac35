package plugin

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
)

// client gives the hub's side of the connection as it is.
type client struct{ plugin.NetRPCUnsupportedPlugin }

var _ plugin.GRPCPlugin = client{}

// GRPCServer implements plugin.GRPCPlugin. The hub serves no plugin.
func (client) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the hub is no plugin")
}

// GRPCClient implements plugin.GRPCPlugin.
func (client) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// runner gives go-plugin the way in which the program is started. Its own would give it the
// hub's standard input and know no process groups.
func (p *process) runner(command Command, program Program) func(hclog.Logger, *exec.Cmd, string) (runner.Runner, error) {
	p.child = &child{program: program, command: command, done: make(chan struct{})}
	return func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
		// The socket lies in the program's own folder, not in one below it that is the hub's:
		// the program may run as somebody else.
		env := slices.DeleteFunc(slices.Clone(spec.Env), func(v string) bool { return strings.HasPrefix(v, plugin.EnvUnixSocketDir+"=") })
		p.child.program.Env = append(env, "TMPDIR="+program.Dir, plugin.EnvUnixSocketDir+"="+program.Dir)
		return p.child, nil
	}
}
