package telegram

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// maxDownload is the largest file the public server hands out
// (https://core.telegram.org/bots/api#getfile).
const maxDownload = 20 << 20

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
		return nil, transport.TooLarge(f.FileSize, limit)
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
	clean := func(err error) error { return a.clean(ctx, err) }
	return transport.Download(a.http, req, limit, clean, func(status int) error {
		return permanent("fetch", "status %d: the file is gone", status)
	})
}
