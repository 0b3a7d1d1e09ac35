package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// anything is the schema of a tool without arguments.
var anything = json.RawMessage(`{"type":"object"}`)

// list gives what a client may call, all on one page.
func (s *Server) list(c *client) *mcp.ListToolsResult {
	r := &mcp.ListToolsResult{Tools: []*mcp.Tool{}}
	r.CacheScope = "private"
	for _, t := range s.o.Hub.Tools(c.Name).List() {
		input := t.Input
		if len(input) == 0 {
			input = anything
		}
		dangerous := t.Dangerous
		r.Tools = append(r.Tools, &mcp.Tool{
			Name: t.Name, Description: t.Description, InputSchema: input, Annotations: &mcp.ToolAnnotations{DestructiveHint: &dangerous},
		})
	}
	if c.Send {
		r.Tools = append(r.Tools, sendTool)
	}
	return r
}

var errBusy = errors.New("too many calls at once")

// call makes one call. What goes wrong in a skill is a result, so that the model on the other
// side reads it; a call that cannot be made is an error.
func (s *Server) call(ctx context.Context, c *client, p *mcp.CallToolParamsRaw) (*mcp.CallToolResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if request, ok := ctx.Value(requestKey{}).(context.Context); ok {
		defer context.AfterFunc(request, cancel)() //nolint:contextcheck // the caller's life, beside the SDK's: nobody waits any more
	}
	select {
	case c.room <- struct{}{}:
		defer func() { <-c.room }()
	default:
		return failed(fault.New(fault.RateLimited, "mcp", errBusy, fault.WithPublic("Too many calls are under way; try again later.")), ""), nil
	}
	began := s.o.Now()
	trace := core.NewTraceID()
	r, err := s.run(ctx, c, p, string(trace))
	var wrong *jsonrpc.Error
	ended := s.o.Now()
	s.o.Observer.Observe(core.Event{
		Stage: core.StageAPI, Trace: trace, At: ended, Took: ended.Sub(began), Account: core.Account(c.Name), Err: classed(err),
	})
	switch {
	case errors.As(err, &wrong):
		return nil, wrong
	case err != nil:
		ref := fault.Ref(err)
		if ref == "" {
			ref = fault.NewRef()
		}
		s.o.Log.Warn().Err(err).Str("key", c.Name).Str("ref", ref).Stringer("class", fault.ClassOf(err)).Msg("a call over MCP failed")
		return failed(err, ref), nil
	}
	return r, nil
}

// classed gives a caller's mistake the class that it has.
func classed(err error) error {
	var wrong *jsonrpc.Error
	if errors.As(err, &wrong) {
		return fault.New(fault.Permanent, "mcp", wrong)
	}
	return err
}

// failed is the result of a call that failed.
func failed(err error, ref string) *mcp.CallToolResult {
	words := fault.Public(err)
	if words == "" {
		words = "Something went wrong in this tool."
	}
	if ref != "" {
		words += " (" + ref + ")"
	}
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: words}}}
}

// run makes the call of a tool, or of send_to_person.
func (s *Server) run(ctx context.Context, c *client, p *mcp.CallToolParamsRaw, id string) (*mcp.CallToolResult, error) {
	if p.Name == sendTool.Name && c.Send {
		return s.send(ctx, c, p.Arguments)
	}
	tools := s.o.Hub.Tools(c.Name)
	list := tools.List()
	i := slices.IndexFunc(list, func(t skills.Callable) bool { return t.Name == p.Name })
	if i < 0 {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "there is no such tool for this key"}
	}
	input, err := list[i].Check(p.Arguments)
	if err != nil {
		return nil, wrongArguments(err)
	}
	said, err := tools.Call(ctx, skills.Call{ID: "mcp-" + id, Tool: p.Name, Input: input, Attempt: 1})
	if err != nil {
		return nil, err
	}
	if len(said.Elsewhere) > 0 {
		if err := s.o.Hub.Deliver(ctx, said); err != nil {
			return nil, err
		}
	}
	return s.result(ctx, said)
}

// wrongArguments is a fault that tells the caller what is wrong with them.
func wrongArguments(err error) error {
	return fault.New(fault.Permanent, "arguments", err, fault.WithPublic("The arguments are wrong: "+err.Error()))
}
