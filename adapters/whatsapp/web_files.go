package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/adapters/whatsapp/web"
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
	f.Caption = m.Caption
	if m.Blob == "" {
		f.Kind, f.Name = m.Kind, m.Name
	}
	if f.Kind == core.Voice && f.MIME == "audio/ogg" {
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
	f, ok := a.files.Get(m.Blob)
	if ok {
		return f, nil
	}
	source, err := transport.OpenFile(ctx, a.blobs, m, maxDownload)
	if err != nil {
		return web.File{}, err
	}
	data, err := io.ReadAll(source)
	if err = errors.Join(err, source.Close()); err != nil {
		return web.File{}, readFault(err)
	}
	if shown, limited := shownTypes[mediaTypes[m.Kind]]; limited && !slices.Contains(shown, mediaType(source.MIME)) {
		m.Kind = core.Document // what is not shown can still be had
	}
	f, err = a.device.Upload(ctx, m.Kind, data)
	if err != nil {
		return web.File{}, err
	}
	f.MIME, f.Name = source.MIME, source.Name
	f.Width, f.Height, f.Seconds = uint32(max(m.Width, 0)), uint32(max(m.Height, 0)), uint32(max(m.Seconds, 0))
	a.files.Set(m.Blob, f)
	return f, nil
}

// readFault keeps the class of what reading a file failed with.
func readFault(err error) error {
	if fault.ClassOf(err) == fault.Bug {
		return fault.New(fault.Retryable, "upload", err)
	}
	return err
}
