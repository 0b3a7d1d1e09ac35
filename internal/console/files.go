package console

import (
	"bytes"
	_ "embed" // for the samples
	"io"
	"net/http"
	"path"
	"strings"
	"time"
)

// maxUpload bounds a file that is sent, in bytes.
const maxUpload = 5 << 20

// The samples are sent by one press: for who has no picture or voice note at hand.
//
//go:embed samples/picture.png
var samplePicture []byte

//go:embed samples/voice.ogg
var sampleVoice []byte

func sample(kind string) *Upload {
	switch kind {
	case "picture":
		return &Upload{Name: "lighthouse.png", MIME: "image/png", Data: samplePicture}
	case "voice":
		return &Upload{Name: "voice.ogg", MIME: "audio/ogg", Data: sampleVoice}
	default:
		return nil
	}
}

// fileKinds are the types of files that go in and out, with what a bubble makes of
// each. Everything else is refused on its way in and downloaded on its way out.
var fileKinds = map[string]string{
	"image/png": "image", "image/jpeg": "image", "image/gif": "image", "image/webp": "image",
	"audio/ogg": "audio", "audio/mpeg": "audio", "audio/wav": "audio", "audio/mp4": "audio", "audio/webm": "audio",
	"application/pdf": "file",
}

// typeOf finds the type of a file by its bytes; whoever sent it may say anything.
func typeOf(data []byte) string {
	kind, _, _ := strings.Cut(http.DetectContentType(data), ";")
	switch kind {
	case "application/ogg":
		return "audio/ogg"
	case "audio/wave":
		return "audio/wav"
	case "video/mp4":
		return "audio/mp4" // what phones record as a voice note
	case "video/webm":
		return "audio/webm" // what browsers record
	default:
		return kind
	}
}

// upload reads the file of a form; nil when none was chosen. Words refuse it.
func upload(r *http.Request) (file *Upload, words string) {
	part, header, err := r.FormFile("file")
	if err != nil || header.Size == 0 {
		return nil, "" // an empty choice
	}
	defer func() { _ = part.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(part, maxUpload+1))
	if err != nil {
		return nil, "This file cannot be read."
	}
	if len(data) > maxUpload {
		return nil, "That file is too large: 5 MB at most."
	}
	kind := typeOf(data)
	if fileKinds[kind] == "" {
		return nil, "Send a picture (PNG, JPEG, GIF, WebP), a sound (Ogg, MP3, WAV, MP4, WebM) or a PDF."
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, path.Base(header.Filename))
	return &Upload{Name: name, MIME: kind, Data: data}, ""
}

// file serves a file out of a phone.
func (c *Console) file(w http.ResponseWriter, r *http.Request) {
	data, ok := c.o.Playground.File(r.PathValue("phone"), r.PathValue("file"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	kind := typeOf(data)
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if shown := fileKinds[kind]; shown != "image" && shown != "audio" {
		kind = "application/octet-stream"
		h.Set("Content-Disposition", "attachment")
	}
	h.Set("Content-Type", kind)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data)) // a player asks for parts
}
