// Command escapes is a skill that tries to get out of what it may do, one way a turn, and
// says how it went. It speaks the protocol by hand, so that nothing of the sdk keeps it
// from anything. Whatever succeeds is harmless, and whatever floods ends by itself.
//
// It is several skills: which one, the name of its file says.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

// server is the one host that it may call; it is set when it is built.
var server string

// world is the hub as the test tells of it: what the program would have to find out itself.
type world struct {
	PID                         int
	Passwd, Data, Config, Open  string
	Binary, Temp                string
	TCP, UDP, Socket, Abstract  string
	Inside                      string // an address of the machine's own
	FD                          int
	Secret                      string // a value of the hub's environment
	Person, Chat, Account, Turn string // somebody else's
	Blob                        core.BlobRef
}

func main() {
	name, _, _ := strings.Cut(filepath.Base(os.Args[0]), "-")
	version := protocol.Version
	switch name {
	case "crashes":
		_, _ = os.Stderr.WriteString("cannot find my left shoe\n")
		os.Exit(3)
	case "older":
		version--
	case "newer":
		version++
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{version: {protocol.Service: &program{name: name}}},
		GRPCServer:       func(o []grpc.ServerOption) *grpc.Server { return grpc.NewServer(o...) },
		Logger:           hclog.NewNullLogger(),
	})
	os.Exit(0)
}

// program is the skill as the protocol sees it.
type program struct {
	plugin.NetRPCUnsupportedPlugin
	protocol.UnimplementedSkillServer
	name string
}

var _ plugin.GRPCPlugin = (*program)(nil)

// GRPCServer implements plugin.GRPCPlugin.
func (p *program) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	protocol.RegisterSkillServer(s, p)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin.
func (p *program) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a skill is served, not called")
}

// Describe implements protocol.SkillServer.
func (p *program) Describe(context.Context, *protocol.Question) (*protocol.Description, error) {
	m := skills.Manifest{
		Name: p.name, Version: "1.0.0", Timeout: 30 * time.Second,
		Commands:    []skills.Command{{Name: p.name, Args: "[words]", Help: map[string]string{"en": "It tries to get out"}}},
		Permissions: skills.Permissions{Hosts: []string{server, "localhost"}, Secrets: []string{"key"}, Storage: 1 << 10},
	}
	switch p.name {
	case "sender":
		m.Permissions.Elsewhere = true
	case "spin":
		m.Timeout = time.Second
	case "twin":
		m.Name = "neighbour"
	case "errors":
		m.Timeout, m.Commands[0].Name, m.Permissions.Hosts, m.Permissions.Memory = -time.Second, "Not Good", []string{"http://x/"}, -1
	}
	data, err := protocol.EncodeManifest(m)
	return &protocol.Description{Manifest: data}, err
}

// errSaid ends a turn in which all is said.
var errSaid = errors.New("all is said")

// Handle implements protocol.SkillServer.
func (p *program) Handle(stream grpc.BidiStreamingServer[protocol.ToSkill, protocol.ToHub]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	x := &talk{stream: stream, turn: first.GetTurn()}
	what, rest, _ := strings.Cut(string(x.turn.GetArgs()), " ")
	if x.turn.GetAsked() != nil {
		what = "answered"
	}
	if strings.HasPrefix(rest, "{") {
		if err := json.Unmarshal([]byte(rest), &x.world); err != nil {
			return err
		}
	}
	x.rest = rest
	try, ok := attempts()[what]
	if !ok {
		return fmt.Errorf("nobody knows how to try %q", what)
	}
	switch err := try(x); {
	case errors.Is(err, errSaid):
	case err == nil:
		x.say("GOT OUT")
	default:
		x.say("refused: " + err.Error())
	}
	return stream.Send(&protocol.ToHub{Is: &protocol.ToHub_End{End: &protocol.End{Remember: x.remember, Fault: x.fault}}})
}

func attempts() map[string]func(*talk) error {
	all := map[string]func(*talk) error{}
	for _, some := range []map[string]func(*talk) error{neighbourly, onTheWire, floods} {
		for name, try := range some {
			all[name] = try
		}
	}
	for _, some := range []map[string]func(world) error{onTheSystem, onTheKernel} {
		for name, try := range some {
			all[name] = func(x *talk) error { return try(x.world) }
		}
	}
	return all
}
