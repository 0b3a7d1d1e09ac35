package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// Skill is what a server could do when it was asked, as a skill of the hub: its tools are the
// manifest's, for models. It is safe for concurrent use.
type Skill struct {
	server  *server
	version string
	tools   []tool
}

var _ skills.Skill = (*Skill)(nil)

func newSkill(s *server, version string, tools []tool) *Skill {
	return &Skill{server: s, version: version, tools: tools}
}

// Manifest implements skills.Skill.
func (k *Skill) Manifest() skills.Manifest {
	m := skills.Manifest{
		Name: k.server.Name, Version: k.version, Roles: k.server.Roles, Places: k.server.Places,
		Permissions: skills.Permissions{Channels: k.server.Channels},
	}
	for _, t := range k.tools {
		m.Tools = append(m.Tools, t.Tool)
	}
	return m
}

func (k *Skill) tool(name string) (tool, bool) { return find(k.tools, name) }

// same tells whether a server that says this now is as it was.
func (k *Skill) same(version string, tools []tool) bool {
	return k.version == version && slices.EqualFunc(k.tools, tools, func(a, b tool) bool {
		return a.sum == b.sum && a.Name == b.Name
	})
}

// Handle implements skills.Skill: a model's call goes to the server. A person who comes here
// by a route is told what there is.
func (k *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Retryable, "skill "+k.server.Name, err)
	}
	if t.Called == nil {
		w.Reply(core.Text{Text: k.introduce(t.Envelope.From.Language)})
		return nil
	}
	c := &call{server: k.server, turn: t, language: t.Envelope.From.Language}
	one, ok := k.tool(t.Called.Tool)
	if !ok {
		return c.fail(fault.Permanent, errOther, otherTool)
	}
	result, err := c.make(ctx, one)
	if err != nil {
		return err
	}
	parts, err := c.parts(ctx, result)
	if err != nil {
		return err
	}
	w.Reply(parts...)
	return nil
}

// maxShown is how much of a tool's description people see, in characters.
const maxShown = 100

func (k *Skill) introduce(language string) string {
	if len(k.tools) == 0 {
		return noTools.In(language)
	}
	lines := []string{forModels.In(language)}
	for _, t := range k.tools {
		lines = append(lines, "- "+line(t.Description, maxShown))
	}
	return strings.Join(lines, "\n")
}

// call is one call of a tool.
type call struct {
	server   *server
	turn     *skills.Turn
	language string
}

// tries is how often a call is made of which the server did nothing: most of all one whose
// session it does not know any more.
const tries = 2

// make makes the call, once there is a session and room for it.
func (c *call) make(ctx context.Context, t tool) (*sdk.CallToolResult, error) {
	bounded, cancel := context.WithTimeout(ctx, c.server.Timeout)
	defer cancel()
	select {
	case c.server.room <- struct{}{}:
		defer func() { <-c.server.room }()
	case <-bounded.Done():
		return nil, c.gaveUp(ctx, notReached, nil)
	}
	for n := 1; ; n++ {
		x, err := c.server.enter(bounded, t)
		switch {
		case errors.Is(err, errOther):
			return nil, c.fail(fault.Permanent, err, otherTool)
		case err != nil:
			return nil, c.gaveUp(ctx, notReached, nil)
		}
		a := &attempt{}
		a.sent.Store(len(c.server.Command) > 0) // what went into a pipe is not known
		r, err := ask(context.WithValue(bounded, attemptKey{}, a), x, func(ctx context.Context) (*sdk.CallToolResult, error) {
			return x.cs.CallTool(ctx, &sdk.CallToolParams{Name: t.remote, Arguments: arguments(c.turn.Input)})
		})
		if err != nil && bounded.Err() == nil && a.undone() && n < tries {
			select { // the next one is another
			case <-x.gone:
			case <-time.After(c.server.o.Times.Wait):
			case <-bounded.Done():
			}
			continue
		}
		return c.outcome(ctx, bounded, x, r, err)
	}
}

// arguments are those of the call: an object, whatever the turn has.
func arguments(input json.RawMessage) json.RawMessage {
	if len(input) == 0 {
		return json.RawMessage("{}")
	}
	return input
}

// codeTransport is the SDK's own for a request that got no answer of the protocol.
const codeTransport = -32005

// outcome says what became of a call that was made.
func (c *call) outcome(ctx, bounded context.Context, x *session, r *sdk.CallToolResult, err error) (*sdk.CallToolResult, error) {
	var said *jsonrpc.Error
	switch {
	case err == nil:
		c.server.answered(x, true)
		return r, nil
	case x.wire.why() != nil:
		return nil, c.fail(fault.Permanent, x.wire.why(), tooMuch, fault.Unsure())
	case bounded.Err() != nil:
		if ctx.Err() == nil {
			c.server.o.Observe(c.server.Name, Hung)
			c.server.answered(x, false)
		}
		return nil, c.gaveUp(ctx, noAnswer, err)
	case errors.As(err, &said) && said.Code != codeTransport:
		c.server.answered(x, true)
		nudge(x.changed) // it may have other tools than it said
		words := strings.TrimSpace(refusedCall.In(c.language) + " " + line(c.server.redact(said.Message), maxPublic))
		return nil, fault.New(fault.Permanent, "skill "+c.server.Name+": call", c.server.clean(err, ""), fault.WithPublic(words))
	default:
		return nil, c.fail(fault.Permanent, c.server.clean(err, ""), brokeOff, fault.Unsure())
	}
}

// gaveUp is the fault of a call whose time was over: that of the turn, which says so itself,
// or of the call. sent is nil for one that was not made.
func (c *call) gaveUp(ctx context.Context, words skills.Phrase, sent error) error {
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Retryable, "skill "+c.server.Name, ctx.Err())
	case sent == nil:
		return c.fail(fault.Retryable, errGone, words)
	default:
		return c.fail(fault.Permanent, errLate, words, fault.Unsure())
	}
}

func (c *call) fail(class fault.Class, err error, words skills.Phrase, more ...fault.Option) error {
	return fault.New(class, "skill "+c.server.Name+": call", err, append(more, fault.WithPublic(words.In(c.language)))...)
}
