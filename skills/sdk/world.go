package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

// maxBody bounds the body of a call over HTTP, in bytes.
const maxBody = 4 << 20

var (
	errLongBody = errors.New("the body of the call is longer than 4 MiB")
	errNoText   = errors.New("the name is no UTF-8")
)

// world is what a skill reaches, through the hub.
type world struct {
	hub *hub
	// ctx is the turn's, for what has none of its own.
	ctx context.Context
}

var _ skills.World = (*world)(nil)

// HTTP implements skills.World.
func (w *world) HTTP() skills.HTTP { return calls{w.hub} }

// Secret implements skills.World.
func (w *world) Secret(name string) (secret.String, error) {
	if !utf8.ValidString(name) {
		return secret.String{}, fault.New(fault.Permanent, "secret", errNoText)
	}
	a, err := w.hub.call(w.ctx, &protocol.Call{Is: &protocol.Call_Secret{Secret: name}})
	if err != nil {
		return secret.String{}, err
	}
	return secret.New(string(a.GetData())), nil
}

// Chat implements skills.World.
func (w *world) Chat(ctx context.Context, pool string, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		asked, err := protocol.EncodeRequest(pool, r)
		if err != nil {
			yield(models.Delta{}, fault.New(fault.Bug, "ask model", err))
			return
		}
		opened := &protocol.Call{Is: &protocol.Call_Chat{Chat: asked}}
		if _, err := w.hub.call(ctx, opened); err != nil {
			yield(models.Delta{}, err)
			return
		}
		defer w.hub.close(opened.GetId())
		for {
			a, err := w.hub.call(ctx, &protocol.Call{Is: &protocol.Call_Next{Next: opened.GetId()}})
			var d models.Delta
			if err == nil && a.GetDone() {
				return
			}
			if err == nil {
				d, err = protocol.DecodeDelta(a.GetData())
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// close gives back what a call opened.
func (h *hub) close(id uint64) {
	h.mu.Lock()
	h.last++
	call := &protocol.Call{Id: h.last, Is: &protocol.Call_Close{Close: id}}
	h.mu.Unlock()
	_ = h.send(&protocol.ToHub{Is: &protocol.ToHub_Call{Call: call}})
}

// Tell implements skills.World.
func (w *world) Tell(ctx context.Context, parts ...core.Part) (bool, error) {
	p, err := protocol.EncodeParts(parts)
	if err != nil {
		return false, fault.New(fault.Bug, "tell", err)
	}
	a, err := w.hub.call(ctx, &protocol.Call{Is: &protocol.Call_Tell{Tell: p}})
	return a.GetYes(), err
}

// calls are those over HTTP.
type calls struct{ hub *hub }

// Do implements skills.HTTP.
func (c calls) Do(r *http.Request) (*http.Response, error) {
	out := &protocol.HTTPRequest{Method: r.Method, Url: r.URL.String(), Headers: protocol.EncodeHeaders(r.Header)}
	if r.Host != "" && r.Host != r.URL.Host {
		return nil, fault.New(fault.Permanent, "call "+r.URL.Hostname(), errors.New("the Host is another one than the URL's"))
	}
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return nil, err
		}
		if len(body) > maxBody {
			return nil, fault.New(fault.Permanent, "call "+r.URL.Hostname(), errLongBody)
		}
		out.Body = body
	}
	opened := &protocol.Call{Is: &protocol.Call_Http{Http: out}}
	a, err := c.hub.call(r.Context(), opened)
	if err != nil {
		return nil, err
	}
	status := int(a.GetStatus())
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: protocol.DecodeHeaders(a.GetHeaders()), ContentLength: a.GetLength(), Request: r,
		Body: &pieces{ctx: r.Context(), hub: c.hub, id: opened.GetId()},
	}, nil
}

// pieces read what a call opened, piece by piece.
type pieces struct {
	ctx  context.Context
	hub  *hub
	id   uint64
	rest []byte
	err  error
}

// Read implements io.Reader.
func (p *pieces) Read(into []byte) (int, error) {
	for len(p.rest) == 0 && p.err == nil {
		a, err := p.hub.call(p.ctx, &protocol.Call{Is: &protocol.Call_Next{Next: p.id}})
		switch {
		case err != nil:
			p.err = err
		case a.GetDone():
			p.err = io.EOF
		default:
			p.rest = a.GetData()
		}
	}
	if len(p.rest) == 0 {
		return 0, p.err
	}
	n := copy(into, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (p *pieces) Close() error {
	if p.err == nil {
		p.err = io.ErrClosedPipe
		p.hub.close(p.id)
	}
	return nil
}

// Storage implements skills.World.
func (w *world) Storage() skills.Storage { return kept{hub: w.hub} }

// PersonStorage implements skills.World.
func (w *world) PersonStorage() skills.Storage { return kept{hub: w.hub, person: true} }

// kept is one space of the skill.
type kept struct {
	hub    *hub
	person bool
}

func (k kept) ask(ctx context.Context, r *protocol.StorageRequest) (*protocol.Answer, error) {
	if !utf8.ValidString(r.GetName()) {
		return nil, fault.New(fault.Permanent, "storage", errNoText)
	}
	r.Person = k.person
	return k.hub.call(ctx, &protocol.Call{Is: &protocol.Call_Storage{Storage: r}})
}

// Get implements skills.Storage.
func (k kept) Get(ctx context.Context, name string) ([]byte, bool, error) {
	a, err := k.ask(ctx, &protocol.StorageRequest{Verb: protocol.StorageRequest_GET, Name: name})
	if err == nil && a.GetYes() && a.GetData() == nil {
		return []byte{}, true, nil // an empty value, which Swap tells from none
	}
	return a.GetData(), a.GetYes(), err
}

// Set implements skills.Storage.
func (k kept) Set(ctx context.Context, name string, value []byte) error {
	_, err := k.ask(ctx, &protocol.StorageRequest{Verb: protocol.StorageRequest_SET, Name: name, Value: bytes.Clone(value)})
	return err
}

// Swap implements skills.Storage.
func (k kept) Swap(ctx context.Context, name string, was, value []byte) (bool, error) {
	a, err := k.ask(ctx, &protocol.StorageRequest{Verb: protocol.StorageRequest_SWAP, Name: name, Was: was, Value: value})
	return a.GetYes(), err
}

// Delete implements skills.Storage.
func (k kept) Delete(ctx context.Context, name string) error {
	_, err := k.ask(ctx, &protocol.StorageRequest{Verb: protocol.StorageRequest_DELETE, Name: name})
	return err
}

// Names implements skills.Storage.
func (k kept) Names(ctx context.Context, prefix string) ([]string, error) {
	a, err := k.ask(ctx, &protocol.StorageRequest{Verb: protocol.StorageRequest_NAMES, Name: prefix})
	return a.GetNames(), err
}

// files are the bytes of a turn's media.
type files struct{ hub *hub }

// Open implements skills.Files.
func (f files) Open(ctx context.Context, m core.Media) (io.ReadCloser, error) {
	media, err := protocol.EncodeMedia(m)
	if err != nil {
		return nil, fault.New(fault.Bug, "open file", err)
	}
	opened := &protocol.Call{Is: &protocol.Call_Open{Open: media}}
	if _, err := f.hub.call(ctx, opened); err != nil {
		return nil, err
	}
	return &pieces{ctx: ctx, hub: f.hub, id: opened.GetId()}, nil
}

// Keep implements skills.Files.
func (f files) Keep(ctx context.Context, m core.Media, r io.Reader) (core.Media, error) {
	media, err := protocol.EncodeMedia(m)
	if err != nil {
		return core.Media{}, fault.New(fault.Bug, "keep file", err)
	}
	opened := &protocol.Call{Is: &protocol.Call_Keep{Keep: media}}
	if _, err := f.hub.call(ctx, opened); err != nil {
		return core.Media{}, err
	}
	for buffer := make([]byte, protocol.Piece); ; {
		n, err := io.ReadFull(r, buffer)
		done := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !done {
			f.hub.close(opened.GetId())
			return core.Media{}, err
		}
		put := &protocol.Put{Id: opened.GetId(), Data: bytes.Clone(buffer[:n]), Done: done}
		a, err := f.hub.call(ctx, &protocol.Call{Is: &protocol.Call_Put{Put: put}})
		if err != nil {
			f.hub.close(opened.GetId())
			return core.Media{}, err
		}
		if done {
			return protocol.DecodeMedia(a.GetData())
		}
	}
}
