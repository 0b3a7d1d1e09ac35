package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/parley-hub/parley/adapters/whatsapp/web"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// fetch gets a file as a whole: it cannot be believed before its end was seen.
func (a *Web) fetch(ctx context.Context, ref core.FileRef, limit int64) (io.ReadCloser, error) {
	f, err := web.ParseFile(ref)
	if err != nil {
		return nil, permanent("fetch", "the file is %w", err)
	}
	data, err := a.device.Download(ctx, f, limit)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// file gives a media as it lies on WhatsApp's servers: one that came from there is sent
// on as it is, one of the hub is uploaded, once while that is remembered.
func (a *Web) file(ctx context.Context, m core.Media) (web.File, error) {
	f, err := a.stored(ctx, m)
	f.Kind, f.Caption, f.Name = m.Kind, m.Caption, m.Name
	if m.MIME != "" {
		f.MIME = m.MIME
	}
	if m.Kind == core.Voice && f.MIME == "audio/ogg" {
		f.MIME = "audio/ogg; codecs=opus" // phones play nothing else as a voice message
	}
	return f, err
}

func (a *Web) stored(ctx context.Context, m core.Media) (web.File, error) {
	if m.Blob == "" {
		f, err := web.ParseFile(m.File)
		if err != nil {
			return f, permanent("send", "the file is %w", err)
		}
		return f, nil
	}
	a.mu.Lock()
	f, ok := a.files.get(m.Blob)
	a.mu.Unlock()
	if ok {
		return f, nil
	}
	data, err := a.read(ctx, m.Blob)
	if err != nil {
		return web.File{}, err
	}
	f, err = a.device.Upload(ctx, m.Kind, data)
	if err != nil {
		return web.File{}, err
	}
	f.MIME = http.DetectContentType(data)
	f.Width, f.Height, f.Seconds = uint32(max(m.Width, 0)), uint32(max(m.Height, 0)), uint32(max(m.Seconds, 0))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files.set(m.Blob, f)
	return f, nil
}

var errNoBlobs = errors.New("nothing keeps files here")

// read reads a file of the hub.
func (a *Web) read(ctx context.Context, ref core.BlobRef) ([]byte, error) {
	if a.blobs == nil {
		return nil, fault.New(fault.Permanent, "upload", errNoBlobs)
	}
	r, _, err := a.blobs.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(blobs.Limit(r, maxDownload))
	if err = errors.Join(err, r.Close()); err != nil && fault.ClassOf(err) == fault.Bug {
		err = fault.New(fault.Retryable, "upload", err)
	}
	return data, err
}
