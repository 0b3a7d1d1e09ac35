package slack

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

var errForeignHost = errors.New("an address that was given out is on a host that is not the platform's; it is not called")

// Fetch implements adapters.Fetcher. It needs the scope files:read. The reader lives
// no longer than ctx.
func (a *Adapter) Fetch(ctx context.Context, ref core.FileRef, limit int64) (io.ReadCloser, error) {
	id, _, err := parseFile(ref)
	if err != nil {
		return nil, permanent("fetch", "the file is %w", err)
	}
	info, err := a.fileInfo(ctx, id)
	if err != nil {
		return nil, err
	}
	if info.Size > limit {
		return nil, transport.TooLarge(info.Size, limit)
	}
	where := info.URLDownload
	if where == "" {
		where = info.URLPrivate
	}
	return a.api.download(ctx, where, limit)
}

// fileInfo asks what Slack knows of a file.
func (a *Adapter) fileInfo(ctx context.Context, id string) (file, error) {
	var info struct {
		File file `json:"file"`
	}
	err := a.api.ask(ctx, "files.info", url.Values{"file": {id}}, &info)
	return info.File, err
}

// download opens a file. The token goes with the request, so the address must be the
// platform's: whoever shares a remote file chooses its address.
func (a *api) download(ctx context.Context, address string, limit int64) (io.ReadCloser, error) {
	u, err := url.Parse(address)
	if err != nil || !a.ours(u) {
		return nil, fault.New(fault.Permanent, "fetch", errForeignHost)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Permanent, "fetch", a.clean(ctx, err))
	}
	req.Header.Set("Authorization", "Bearer "+a.bot.Reveal())
	clean := func(err error) error { return a.clean(ctx, err) }
	return transport.Download(a.http, req, limit, clean, func(status int) error {
		if status < http.StatusBadRequest { // to the page where people log in
			return permanent("fetch", "the app may not read this file: add the scope files:read at https://api.slack.com/apps")
		}
		return permanent("fetch", "status %d: the file is gone", status)
	})
}

// ours tells whether an address is on the host that every call goes to, or, at the public
// platform, on one of its others. Nothing else may be called or have the token.
func (a *api) ours(u *url.URL) bool {
	own, err := url.Parse(a.endpoint)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == own.Scheme && strings.EqualFold(u.Host, own.Host) {
		return true
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	public := host == "slack.com" || strings.HasSuffix(host, ".slack.com") || strings.HasSuffix(host, ".slack-gov.com")
	return u.Scheme == "https" && port == "" && public
}
