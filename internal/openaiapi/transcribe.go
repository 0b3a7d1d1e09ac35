package openaiapi

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// maxField bounds a field of a form that is not its file, in bytes.
const maxField = 64 << 10

// audioFormats are the endings by which workers know formats
// (https://platform.openai.com/docs/api-reference/audio/createTranscription).
var audioFormats = []string{".flac", ".mp3", ".mp4", ".mpeg", ".mpga", ".m4a", ".oga", ".ogg", ".opus", ".wav", ".webm"}

var language = regexp.MustCompile(`^[a-z]{2,3}$`)

type transcribeRequest struct {
	models.TranscribeRequest
	model, format string
	// spool holds the recording: it may have to be sent to more than one worker.
	spool *os.File
}

// transcribe answers POST /audio/transcriptions.
func (c *call) transcribe() error {
	r := &transcribeRequest{format: "json"}
	defer r.drop()
	if err := c.readForm(r); err != nil {
		return err
	}
	client, err := c.pick(r.model)
	if err != nil {
		return err
	}
	transcriber, ok := client.(models.Transcriber)
	if !ok {
		return cannot(c.model, "hears no recordings")
	}
	r.Band, r.For, r.Trace = c.key.Band, c.payer(), c.id
	t, err := transcriber.Transcribe(c.r.Context(), r.TranscribeRequest)
	if err != nil {
		return err
	}
	c.version(t.Version, t.Model)
	if r.format == "text" {
		c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		c.send(http.StatusOK, []byte(t.Text+"\n"))
		return nil
	}
	b := appendQuoted([]byte(`{"text":`), t.Text)
	if r.format == "verbose_json" {
		b = appendQuoted(append(b, `,"task":"transcribe","language":`...), t.Language)
		b = strconv.AppendFloat(append(b, `,"duration":`...), t.Seconds, 'f', -1, 64)
	}
	c.answer(http.StatusOK, append(b, '}'))
	return nil
}

// readForm reads the whole form; the recording goes to a file.
func (c *call) readForm(r *transcribeRequest) error {
	body, done, err := c.open()
	if err != nil {
		return err
	}
	defer done()
	c.r.Body = io.NopCloser(body)
	parts, err := c.r.MultipartReader()
	if err != nil {
		return wrong("", "The body must be a form (multipart/form-data).")
	}
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c.unread(err)
		}
		if err := c.readField(r, part); err != nil {
			return err
		}
	}
	// A caller that leaves is noticed only behind the body's end.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return c.unread(err)
	}
	if r.spool == nil {
		return inside("file", wrong(codeMissing, "is required: a recording"))
	}
	return nil
}

func (c *call) readField(r *transcribeRequest, part *multipart.Part) error {
	name := part.FormName()
	if name == "file" {
		return c.spool(r, part)
	}
	data, err := io.ReadAll(io.LimitReader(part, maxField+1))
	switch {
	case err != nil:
		return c.unread(err)
	case len(data) > maxField:
		return inside(name, wrong(codeValue, "is too long"))
	}
	return inside(name, r.field(name, string(data)))
}

// field reads a field that is not the file. Unknown ones are ignored.
func (r *transcribeRequest) field(name, text string) error {
	switch name {
	case "model":
		r.model = text
	case "language":
		if r.Language = strings.ToLower(text); r.Language != "" && !language.MatchString(r.Language) {
			return wrong(codeValue, "must be a language's code (ISO 639-1), as in en")
		}
	case "response_format":
		if !slices.Contains([]string{"json", "text", "verbose_json"}, text) {
			return wrong(codeValue, "must be json, text or verbose_json")
		}
		r.format = text
	case "stream":
		if text == "true" {
			return unsupported("is")
		}
	case "temperature":
		if n, err := strconv.ParseFloat(text, 64); err != nil || n != 0 {
			return unsupported("other than 0 is")
		}
	case "prompt", "include[]", "timestamp_granularities[]", "chunking_strategy":
		if text != "" {
			return unsupported("is")
		}
	}
	return nil
}

// spool puts the recording into a file that no longer has a name when it is read, so
// that a crash leaves nothing behind.
func (c *call) spool(r *transcribeRequest, part *multipart.Part) error {
	ending := strings.ToLower(path.Ext(part.FileName()))
	switch {
	case r.spool != nil:
		return inside("file", wrong(codeValue, "is given twice"))
	case !slices.Contains(audioFormats, ending):
		return inside("file", wrong(codeValue, "must have a name that ends in one of: %s", strings.Join(audioFormats, ", ")))
	}
	file, err := os.CreateTemp(c.api.o.Dir, "parley-recording-*")
	if err != nil {
		return fault.New(fault.NeedsHuman, "spool a recording", err)
	}
	r.spool = file
	_ = os.Remove(file.Name()) // where that cannot be done while it is open, drop does it
	out := &spoolWriter{to: file}
	r.Size, err = io.Copy(out, part)
	switch {
	case out.err != nil:
		return fault.New(fault.NeedsHuman, "spool a recording", out.err)
	case err != nil:
		return c.unread(err)
	case r.Size == 0:
		return inside("file", wrong(codeValue, "is empty"))
	}
	r.Name = "recording" + ending
	r.Audio = func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(file, 0, r.Size)), nil }
	return nil
}

// spoolWriter tells a full disk from a caller that sends badly.
type spoolWriter struct {
	to  io.Writer
	err error
}

func (w *spoolWriter) Write(p []byte) (n int, err error) {
	n, w.err = w.to.Write(p)
	return n, w.err
}

func (r *transcribeRequest) drop() {
	if r.spool != nil {
		_ = r.spool.Close()
		_ = os.Remove(r.spool.Name())
	}
}
