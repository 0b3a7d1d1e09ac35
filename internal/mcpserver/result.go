package mcpserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

const (
	// maxFiles bounds the files of one result together, in bytes.
	maxFiles = 8 << 20

	unanswerable = "[The skill asked this and waits for an answer, which cannot be given here.]"
	elsewhere    = "[The skill also said something in another chat.]"
)

// result gives what a skill said. It is never empty.
func (s *Server) result(ctx context.Context, r skills.Result) (*mcp.CallToolResult, error) {
	g := &given{s: s, left: maxFiles}
	for _, parts := range r.Said {
		if err := g.take(ctx, parts); err != nil {
			return nil, err
		}
	}
	if r.Question != nil {
		if err := g.take(ctx, r.Question.Parts); err != nil {
			return nil, err
		}
		g.words(unanswerable)
	}
	if len(r.Elsewhere) > 0 {
		g.words(elsewhere)
	}
	if r.LeftOut > 0 {
		g.words(fmt.Sprintf("[%d bytes are left out: it was too long.]", r.LeftOut))
	}
	if len(g.content) == 0 {
		g.words("Done.")
	}
	return &mcp.CallToolResult{Content: g.content}, nil
}

// given is a result that is being made.
type given struct {
	s       *Server
	content []mcp.Content
	left    int64
}

func (g *given) words(text string) {
	if strings.TrimSpace(text) != "" {
		g.content = append(g.content, &mcp.TextContent{Text: text})
	}
}

func (g *given) take(ctx context.Context, parts []core.Part) error {
	for _, part := range parts {
		switch p := part.(type) {
		case core.Media:
			if err := g.file(ctx, p); err != nil {
				return err
			}
		case core.Buttons:
			for _, row := range p.Rows {
				for _, b := range row {
					g.words(strings.TrimSpace("[" + b.Label + "] " + b.URL))
				}
			}
		case core.Location:
			g.words(strings.TrimSpace(fmt.Sprintf("%s %s %f, %f", p.Title, p.Address, p.Latitude, p.Longitude)))
		case core.Contact:
			g.words(p.Name + " " + p.Phone)
		default:
			g.words(core.JoinText([]core.Part{part}))
		}
	}
	return nil
}

var errTooLarge = errors.New("the files of the result are too large")

// file gives a file with its bytes.
func (g *given) file(ctx context.Context, m core.Media) error {
	from, err := g.s.o.Hub.Open(ctx, m)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	data, err := io.ReadAll(io.LimitReader(from, g.left+1))
	if err != nil {
		return fault.New(fault.Retryable, "read file", err)
	}
	if g.left -= int64(len(data)); g.left < 0 {
		return fault.New(fault.Permanent, "read file", errTooLarge, fault.WithPublic("What the skill answered is too large."))
	}
	switch m.Kind {
	case core.Image, core.Sticker:
		g.content = append(g.content, &mcp.ImageContent{Data: data, MIMEType: m.MIME})
	case core.Audio, core.Voice:
		g.content = append(g.content, &mcp.AudioContent{Data: data, MIMEType: m.MIME})
	default:
		g.content = append(g.content, &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{
			URI: "file:///" + strings.ReplaceAll(m.Name, "/", "_"), MIMEType: m.MIME, Blob: data,
		}})
	}
	g.words(m.Caption)
	return nil
}
