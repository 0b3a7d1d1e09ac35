//go:build !nowhatsmeow

package web

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// keysOf is what decides the keys of each kind of file.
var keysOf = map[core.MediaKind]whatsmeow.MediaType{
	core.Image: whatsmeow.MediaImage, core.Sticker: whatsmeow.MediaImage, core.Video: whatsmeow.MediaVideo,
	core.Audio: whatsmeow.MediaAudio, core.Voice: whatsmeow.MediaAudio, core.Document: whatsmeow.MediaDocument,
}

// overhead is how many bytes a file on the server has more than its own at most: the
// padding of a block and the seal.
const overhead = 16 + 10

// remote is what all messages with a file have.
type remote interface {
	GetDirectPath() string
	GetMediaKey() []byte
	GetFileSHA256() []byte
	GetFileEncSHA256() []byte
	GetFileLength() uint64
	GetMimetype() string
}

func fileOf(kind core.MediaKind, m remote) File {
	return File{
		Kind: kind, MIME: m.GetMimetype(), Path: m.GetDirectPath(), Key: m.GetMediaKey(),
		Sum: m.GetFileSHA256(), SealedSum: m.GetFileEncSHA256(), Size: m.GetFileLength(),
	}
}

// filePart reads a file that somebody sent.
func filePart(m *waE2E.Message) []core.Part {
	var f File
	switch {
	case m.GetImageMessage() != nil:
		i := m.GetImageMessage()
		f = fileOf(core.Image, i)
		f.Caption, f.Width, f.Height = i.GetCaption(), i.GetWidth(), i.GetHeight()
	case m.GetVideoMessage() != nil, m.GetPtvMessage() != nil:
		v := m.GetVideoMessage()
		if v == nil {
			v = m.GetPtvMessage()
		}
		f = fileOf(core.Video, v)
		f.Caption, f.Width, f.Height, f.Seconds = v.GetCaption(), v.GetWidth(), v.GetHeight(), v.GetSeconds()
	case m.GetAudioMessage() != nil:
		a := m.GetAudioMessage()
		f = fileOf(core.Audio, a)
		if a.GetPTT() {
			f.Kind = core.Voice
		}
		f.Seconds = a.GetSeconds()
	case m.GetDocumentMessage() != nil:
		d := m.GetDocumentMessage()
		f = fileOf(core.Document, d)
		f.Caption, f.Name = d.GetCaption(), d.GetFileName()
	case m.GetStickerMessage() != nil:
		s := m.GetStickerMessage()
		f = fileOf(core.Sticker, s)
		f.Width, f.Height = s.GetWidth(), s.GetHeight()
	default:
		return nil
	}
	return []core.Part{f.Media()}
}

// findFiles learns which hosts keep files, if it is not known: the one thing about a file
// that whatsmeow asks over the connection.
func (c *connection) findFiles(ctx context.Context) error {
	return c.call(ctx, func() error {
		_, err := c.client.DangerousInternals().RefreshMediaConn(c.ctx, false) //nolint:staticcheck // what needs it asks under a context that may end
		return err
	})
}

// Download gets a file of at most limit bytes. Where it lies is decided by WhatsApp and
// the path on its servers: an address that a sender wrote into a message is not used.
func (d *Device) Download(ctx context.Context, f File, limit int64) ([]byte, error) {
	const op = "fetch"
	if int64(f.Size) > limit {
		return nil, transport.TooLarge(int64(f.Size), limit)
	}
	keys, known := keysOf[f.Kind]
	if !known || f.Path == "" || len(f.Key) == 0 || len(f.SealedSum) == 0 {
		return nil, fault.New(fault.Permanent, op, errHost)
	}
	c, done, err := d.use(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := c.findFiles(ctx); err != nil {
		return nil, callFault(ctx, op, err)
	}
	sized := context.WithValue(ctx, sizeKey{}, limit+overhead)
	data, err := c.client.DownloadMediaWithPath(sized, f.Path, f.SealedSum, f.Sum, f.Key, -1, keys, "")
	switch {
	case err != nil:
		return nil, fileFault(ctx, op, err)
	case int64(len(data)) > limit:
		return nil, transport.TooLarge(int64(len(data)), limit)
	default:
		return data, nil
	}
}

// Upload puts a file on WhatsApp's servers, sealed with a key of its own.
func (d *Device) Upload(ctx context.Context, kind core.MediaKind, data []byte) (File, error) {
	const op = "upload"
	keys, known := keysOf[kind]
	if !known {
		return File{}, fault.New(fault.Permanent, op, fmt.Errorf("files of kind %q cannot be sent", kind))
	}
	c, done, err := d.use(ctx)
	if err != nil {
		return File{}, err
	}
	defer done()
	if err := c.findFiles(ctx); err != nil {
		return File{}, callFault(ctx, op, err)
	}
	r, err := c.client.Upload(ctx, data, keys)
	if err != nil {
		return File{}, fileFault(ctx, op, err)
	}
	return File{
		Kind: kind, Path: r.DirectPath, Key: r.MediaKey, Sum: r.FileSHA256, SealedSum: r.FileEncSHA256, Size: r.FileLength,
	}, nil
}
