package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// maxImage, maxPlayed and maxSticker are the largest files of their types, maxDownload
	// that of all others.
	maxImage   = 5 << 20
	maxPlayed  = 16 << 20
	maxSticker = 500 << 10
	// uploadLife is how long an upload is used again. The platform keeps it for 30 days.
	uploadLife = 24 * time.Hour
)

// shownTypes are the types of files that each type of message shows
// (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types).
// Every other file goes as a document.
var shownTypes = map[string][]string{
	"image":   {"image/jpeg", "image/png"},
	"audio":   {"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"},
	"video":   {"video/mp4", "video/3gpp"},
	"sticker": {"image/webp"},
}

// uploaded names the bytes of an upload: a blob as it was stored at a time.
type uploaded struct {
	blob core.BlobRef
	size int64
	at   time.Time
}

// upload is a file that the platform has.
type upload struct {
	id string
	at time.Time
}

// withFile uploads the file of a message where it has one, and fills in its id. No message
// is left by that: an upload that failed can be repeated.
func (a *Cloud) withFile(ctx context.Context, m fields) (fields, error) {
	name, _ := m["type"].(string)
	body, _ := m[name].(fields)
	p, ok := body["id"].(pending)
	if !ok {
		return m, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the reading of the file, however the call ended
	f, err := transport.OpenFile(ctx, a.blobs, p.Media, maxDownload)
	if err != nil {
		return nil, err
	}
	m, body = maps.Clone(m), maps.Clone(body)
	plain := mediaType(f.MIME)
	if shown, limited := shownTypes[name]; limited && !slices.Contains(shown, plain) {
		delete(m, name)
		name = "document"
	}
	if most := maxSize(name, plain); f.Size > most {
		_ = f.Close() // nothing of it was read
		return nil, fault.New(fault.Permanent, "upload", fmt.Errorf(
			"%w: %d bytes, at most %d of type %s can be sent", transport.ErrFileTooLarge, f.Size, most, plain))
	}
	if name != "audio" || plain != "audio/ogg" {
		delete(body, "voice") // only this type is played as a voice message
	}
	if name == "document" {
		body["filename"] = f.Name
	}
	if body["id"], err = a.upload(ctx, p.Blob, f); err != nil {
		return nil, err
	}
	m["type"], m[name] = name, body
	return m, nil
}

// mediaType is a type without its parameters.
func mediaType(full string) string {
	plain, _, _ := strings.Cut(full, ";")
	return strings.ToLower(strings.TrimSpace(plain))
}

// maxSize is the largest file of a type that a type of message may carry, in bytes.
func maxSize(name, plain string) int64 {
	family, _, _ := strings.Cut(plain, "/")
	switch {
	case name == "sticker":
		return maxSticker
	case family == "image":
		return maxImage
	case family == "audio", family == "video":
		return maxPlayed
	default:
		return maxDownload
	}
}

var errNoUpload = errors.New("the answer names no file")

// upload brings a file to the platform and gives its id. One that was brought lately is
// not brought again.
func (a *Cloud) upload(ctx context.Context, blob core.BlobRef, f *transport.OutFile) (string, error) {
	key := uploaded{blob, f.Size, f.At}
	known, ok := a.uploads.Get(key)
	if ok && a.now().Sub(known.at) < uploadLife {
		return known.id, f.Close()
	}
	if strings.HasPrefix(f.MIME, "text/") {
		f.MIME = "text/plain" // the only type of text that is taken
	}
	form := transport.NewForm(map[string]string{"messaging_product": "whatsapp", "type": f.MIME}, "file", f)
	var made struct {
		ID string `json:"id"`
	}
	err := a.api.do(ctx, call{op: "upload", method: http.MethodPost, path: a.config.PhoneNumberID + "/media", form: form}, &made)
	if err != nil {
		return "", err
	}
	if _, err := parseFile(core.FileRef(made.ID)); err != nil {
		return "", fault.New(fault.Retryable, "upload", errNoUpload)
	}
	a.uploads.Set(key, upload{made.ID, a.now()})
	return made.ID, nil
}
