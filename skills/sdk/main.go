package sdk

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

// window is how much the hub may send before the program took it, in bytes.
const window = 1 << 20

// Main serves the skill to the hub that started this program, until the hub ends it or is
// gone. It does not return.
func Main(s skills.Skill) {
	if os.Getenv(protocol.Handshake.MagicCookieKey) != protocol.Handshake.MagicCookieValue {
		_, _ = fmt.Fprintln(os.Stderr, "This program is a skill of Parley. Try it with `parley skill run`, install it with `parley skill install`.")
		os.Exit(2)
	}
	go func() {
		// The hub holds the other end and never writes: its end is the hub's end.
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{protocol.Version: {protocol.Service: &service{skill: s}}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options,
				grpc.MaxRecvMsgSize(protocol.MaxToSkill), grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window))...)
		},
		Logger: hclog.NewNullLogger(),
	})
	os.Exit(0)
}

// service is the skill as the protocol sees it.
type service struct {
	plugin.NetRPCUnsupportedPlugin
	protocol.UnimplementedSkillServer
	skill skills.Skill
}

var _ plugin.GRPCPlugin = (*service)(nil)

// GRPCServer implements plugin.GRPCPlugin.
func (s *service) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	protocol.RegisterSkillServer(server, s)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin. A program of a skill is never the client.
func (s *service) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("a skill is served, not called")
}

// Describe implements protocol.SkillServer.
func (s *service) Describe(context.Context, *protocol.Question) (*protocol.Description, error) {
	manifest, err := protocol.EncodeManifest(s.skill.Manifest())
	if err != nil {
		return nil, err
	}
	return &protocol.Description{Manifest: manifest}, nil
}
