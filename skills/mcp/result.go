package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"path"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var (
	errTool  = errors.New("the tool says that it failed")
	errWants = errors.New("the server asks for a person's or a model's answer")
)

// maxPublic bounds what a person is told of a failure, in characters.
const maxPublic = 1000

// parts makes parts of what a server answered: words, and files that are kept. At least one.
func (c *call) parts(ctx context.Context, r *sdk.CallToolResult) ([]core.Part, error) {
	if r.NeedsInput() {
		c.server.o.Observe(c.server.Name, Asked)
		return nil, c.fail(fault.Permanent, errWants, wantsMore)
	}
	g := &gathered{c: c, left: c.server.o.Limits.Text}
	for _, content := range r.Content {
		if err := g.take(ctx, content); err != nil {
			return nil, err
		}
	}
	if len(r.Content) == 0 && r.StructuredContent != nil {
		// Servers give the same as text too; one that does not means this.
		data, err := json.Marshal(r.StructuredContent)
		if err != nil {
			return nil, c.fail(fault.Permanent, err, failed)
		}
		g.words(string(data))
	}
	if r.IsError {
		words := failed.In(c.language)
		if said := line(g.text(), maxPublic); said != "" {
			words = said
		}
		return nil, fault.New(fault.Permanent, "skill "+c.server.Name+": call", errTool, fault.WithPublic(words))
	}
	return g.all(), nil
}

// gathered is what was taken of a result so far.
type gathered struct {
	c     *call
	said  []string
	left  int // of the bound of the words
	cut   bool
	files []core.Part
	over  bool // there were more files
}

// take takes one piece of the result.
func (g *gathered) take(ctx context.Context, content sdk.Content) error {
	switch is := content.(type) {
	case *sdk.TextContent:
		g.words(is.Text)
	case *sdk.ImageContent:
		return g.file(ctx, core.Media{Kind: core.Image, MIME: is.MIMEType, Name: named("image", is.MIMEType)}, is.Data)
	case *sdk.AudioContent:
		return g.file(ctx, core.Media{Kind: core.Audio, MIME: is.MIMEType, Name: named("audio", is.MIMEType)}, is.Data)
	case *sdk.ResourceLink:
		// What it leads to is not fetched: it may be of the server's own, or anywhere.
		g.words(strings.TrimSpace(is.Name + " " + is.URI))
	case *sdk.EmbeddedResource:
		return g.resource(ctx, is.Resource)
	}
	return nil
}

func (g *gathered) resource(ctx context.Context, r *sdk.ResourceContents) error {
	switch {
	case r == nil:
		return nil
	case r.Text != "":
		g.words(r.Text)
		return nil
	}
	name := path.Base(strings.TrimRight(r.URI, "/"))
	if name == "." || name == "/" || name == "" {
		name = named("file", r.MIMEType)
	}
	return g.file(ctx, core.Media{Kind: core.Document, MIME: r.MIMEType, Name: line(name, maxFileName)}, r.Blob)
}

// maxFileName is the longest name of a file, in characters.
const maxFileName = 100

// words takes text as far as there is room.
func (g *gathered) words(text string) {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\ufffd")
	if strings.TrimSpace(text) == "" {
		return
	}
	if len(text) > g.left {
		text, g.cut = strings.ToValidUTF8(text[:g.left], ""), true
	}
	g.left -= len(text)
	if text != "" {
		g.said = append(g.said, text)
	}
}

func (g *gathered) text() string { return strings.Join(g.said, "\n") }

// file keeps a file as far as there is room.
func (g *gathered) file(ctx context.Context, m core.Media, data []byte) error {
	if len(g.files) >= g.c.server.o.Limits.Files {
		g.over = true
		return nil
	}
	if t, _, err := mime.ParseMediaType(m.MIME); err != nil {
		m.MIME = "application/octet-stream"
	} else {
		m.MIME = t
	}
	kept, err := g.c.turn.Files.Keep(ctx, m, bytes.NewReader(data))
	if err != nil {
		return err
	}
	g.files = append(g.files, kept)
	return nil
}

// named gives a name to a file that has none.
func named(base, kind string) string {
	if ext := extensions[kind]; ext != "" {
		return base + ext
	}
	return base
}

// extensions are those of what servers give most. The system's own table differs from one
// to the next.
var extensions = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp",
	"audio/wav": ".wav", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "application/pdf": ".pdf",
}

// all gives the words first, then the files.
func (g *gathered) all() []core.Part {
	if g.cut {
		g.said = append(g.said, cutOff.In(g.c.language))
	}
	if g.over {
		g.said = append(g.said, filesLeftOut.In(g.c.language))
	}
	var out []core.Part
	if text := g.text(); text != "" {
		out = append(out, core.Text{Text: text})
	}
	if out = append(out, g.files...); len(out) == 0 {
		out = append(out, core.Text{Text: done.In(g.c.language)})
	}
	return out
}
