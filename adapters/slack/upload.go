package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// A file goes out in two parts: first it is uploaded for the bot alone, which leaves no
// message and may be done again, then one message names its page. Slack shows a file
// with a message of the bot that links to it in its text, and lets everybody see it who
// reads the message (https://github.com/slackapi/bolt-python/issues/1018,
// https://github.com/slackapi/python-slack-sdk/issues/1194). The message that
// files.completeUploadExternal would make takes no metadata, so it could not be found
// again when its answer is lost; and an image block with slack_file is refused until
// Slack has processed the picture, some time after the upload.

var (
	errNoBlobs   = errors.New("nothing here keeps files")
	errEmptyFile = errors.New("the file is empty, and Slack takes no empty files")
	errOddUpload = errors.New("the answer says nowhere where the file goes")
)

// uploaded is a file that Slack has.
type uploaded struct{ id, page string }

// pieceKey names one message of a reply.
type pieceKey struct {
	reply core.ReplyID
	piece int
}

// withFile uploads the file of a message, if it has one, and completes the message with
// it. What was uploaded for a message that was refused then serves the next try.
func (a *Adapter) withFile(ctx context.Context, r core.Reply, m outgoing) (outgoing, error) {
	if m.file == nil {
		return m, nil
	}
	key := pieceKey{r.ID, len(r.Sent)}
	file, known := a.uploads.Get(key)
	if !known {
		var err error
		if file, err = a.upload(ctx, *m.file); err != nil {
			return outgoing{}, err
		}
		a.uploads.Set(key, file)
	}
	return m.showing(file), nil
}

// upload gives Slack a file, which nobody but the bot sees yet
// (https://docs.slack.dev/messaging/working-with-files#upload). It needs the scopes
// files:write and files:read. No error of it is unsure: it leaves no message.
func (a *Adapter) upload(ctx context.Context, m core.Media) (uploaded, error) {
	if a.blobs == nil {
		return uploaded{}, fault.New(fault.Permanent, "upload", errNoBlobs)
	}
	content, info, err := a.blobs.Open(ctx, m.Blob)
	if err != nil {
		return uploaded{}, err
	}
	file, err := a.uploadFrom(ctx, fileName(m), content, info.Size)
	if closeErr := content.Close(); closeErr != nil {
		a.log.Debug().Err(closeErr).Msg("a file was not closed")
	}
	if err != nil {
		return uploaded{}, noMessage(err)
	}
	return file, nil
}

func (a *Adapter) uploadFrom(ctx context.Context, name string, content io.Reader, size int64) (uploaded, error) {
	if size <= 0 {
		return uploaded{}, fault.New(fault.Permanent, "upload", errEmptyFile)
	}
	var where struct {
		URL string `json:"upload_url"`
		ID  string `json:"file_id"`
	}
	args := url.Values{"filename": {name}, "length": {strconv.FormatInt(size, 10)}}
	if err := a.api.ask(ctx, "files.getUploadURLExternal", args, &where); err != nil {
		return uploaded{}, err
	}
	if !idShape.MatchString(where.ID) {
		return uploaded{}, fault.New(fault.Retryable, "upload", errOddUpload)
	}
	if err := a.api.put(ctx, where.URL, content, size); err != nil {
		return uploaded{}, err
	}
	summary, err := json.Marshal([]map[string]string{{"id": where.ID, "title": name}})
	if err != nil {
		return uploaded{}, fault.New(fault.Bug, "upload", err)
	}
	var done struct {
		Files []file `json:"files"`
	}
	if err := a.api.ask(ctx, "files.completeUploadExternal", url.Values{"files": {string(summary)}}, &done); err != nil {
		return uploaded{}, err
	}
	if len(done.Files) == 1 && done.Files[0].Permalink != "" {
		return uploaded{id: where.ID, page: done.Files[0].Permalink}, nil
	}
	// The documented answer has the id and the title alone.
	info, err := a.fileInfo(ctx, where.ID)
	if err == nil && !linkable(info.Permalink) {
		err = fault.New(fault.Retryable, "upload", errOddUpload)
	}
	return uploaded{id: where.ID, page: info.Permalink}, err
}

// noMessage is the fault for what failed before there could be a message. That the app
// may not send files is no reason for its other messages to wait: this one is given up,
// with the words that say which scope is missing.
func noMessage(err error) error {
	class := fault.ClassOf(err)
	if refused(err) == "missing_scope" {
		class = fault.Permanent
	}
	return fault.New(class, "upload", errors.New(err.Error()), fault.WithWait(fault.Wait(err)), fault.WithScope(fault.ScopeOf(err)))
}

// put sends the bytes of a file to where Slack wants them. The address must be the
// platform's; it is a secret of its own, so no token goes with it and no error names it.
func (a *api) put(ctx context.Context, address string, content io.Reader, size int64) error {
	u, err := url.Parse(address)
	if err != nil || !a.ours(u) {
		return fault.New(fault.Permanent, "upload", errForeignHost)
	}
	source := &watched{Reader: io.LimitReader(content, size)}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), source)
	if err != nil {
		return fault.New(fault.Permanent, "upload", a.clean(ctx, err))
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := doer{a.http}.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		err = errors.Join(err, resp.Body.Close())
	}
	switch {
	case source.err != nil: // the store's own fault says more than the broken call
		return source.err
	case err != nil:
		return fault.New(fault.Retryable, "upload", a.clean(ctx, err))
	case resp.StatusCode == http.StatusTooManyRequests:
		return fault.New(fault.RateLimited, "upload", fmt.Errorf("status %d", resp.StatusCode), fault.WithWait(waitOf(resp)))
	case resp.StatusCode != http.StatusOK:
		// The address is used up or too old; the next try gets another one.
		return fault.New(fault.Retryable, "upload", fmt.Errorf("status %d", resp.StatusCode))
	}
	return nil
}

// watched remembers why reading failed.
type watched struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// extensions are the names of files whose kind has a usual one.
var extensions = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "audio/ogg": ".ogg", "audio/mpeg": ".mp3",
	"audio/mp4": ".m4a", "video/mp4": ".mp4", "application/pdf": ".pdf", "text/plain": ".txt",
}

// fileName is the name that people see. Slack goes by its ending.
func fileName(m core.Media) string {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == '/' || r == '\\' || r == 0x7f {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(m.Name, "\ufffd"))
	if name = strings.TrimSpace(name); name == "" || name == "." || name == ".." {
		name = string(m.Kind)
	}
	kind, _, err := mime.ParseMediaType(m.MIME)
	if path.Ext(name) == "" && err == nil {
		name += extensions[kind]
	}
	return name
}
