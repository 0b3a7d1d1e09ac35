package telegram

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// maxDownload is the largest file the public server hands out
// (https://core.telegram.org/bots/api#getfile).
const maxDownload = 20 << 20

var errFileTooLarge = errors.New("the file is larger than it may be")

// Fetch implements adapters.Fetcher. The reader lives no longer than ctx.
func (a *Adapter) Fetch(ctx context.Context, ref core.FileRef, limit int64) (io.ReadCloser, error) {
	limit = min(limit, maxDownload)
	fileID, _, err := parseFile(ref)
	if err != nil || fileID == "" {
		return nil, permanent("fetch", "the file is %w", errForeignID)
	}
	var f file
	if err := a.api.call(ctx, "getFile", params{"file_id": fileID}, &f); err != nil {
		return nil, err
	}
	if f.FileSize > limit {
		return nil, fault.New(fault.Permanent, "fetch", fmt.Errorf("%w: %d bytes, at most %d", errFileTooLarge, f.FileSize, limit))
	}
	if f.FilePath == "" {
		return nil, fault.New(fault.Retryable, "fetch", errors.New("the server did not say where the file is"))
	}
	return a.api.download(ctx, f.FilePath, limit)
}

// download opens a file by the path getFile gave.
func (a *api) download(ctx context.Context, path string, limit int64) (io.ReadCloser, error) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		if s == ".." || s == "." {
			return nil, permanent("fetch", "the server gave a path with %q in it", s)
		}
		segments[i] = url.PathEscape(s)
	}
	address := a.base + "/file/bot" + a.token.Reveal() + "/" + strings.Join(segments, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Permanent, "fetch", a.clean(ctx, err))
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fault.New(fault.Retryable, "fetch", a.clean(ctx, err))
	}
	if resp.StatusCode == http.StatusOK && resp.ContentLength <= limit {
		over := fault.New(fault.Permanent, "fetch", errFileTooLarge)
		return &download{capped: capped{ReadCloser: resp.Body, left: limit, over: over}, api: a, ctx: ctx}, nil
	}
	closeErr := resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK:
		return nil, fault.New(fault.Permanent, "fetch", errFileTooLarge)
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= http.StatusInternalServerError:
		return nil, fault.New(fault.Retryable, "fetch", errors.Join(fmt.Errorf("status %d", resp.StatusCode), closeErr))
	default:
		return nil, fault.New(fault.Permanent, "fetch", fmt.Errorf("status %d: the file is gone", resp.StatusCode))
	}
}

// download is a file on its way; its errors are faults.
type download struct {
	capped
	api *api
	ctx context.Context //nolint:containedctx // lives as long as the reader
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	n, err := d.capped.Read(p)
	var known *fault.Error
	if err == nil || err == io.EOF || errors.As(err, &known) { //nolint:errorlint // io.EOF is compared as the io package says
		return n, err
	}
	return n, fault.New(fault.Retryable, "fetch", d.api.clean(d.ctx, err))
}
