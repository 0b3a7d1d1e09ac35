package discord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/bwmarrin/discordgo"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var (
	errFileTooLarge = errors.New("the file is larger than it may be")
	errForeignHost  = errors.New("the file is not on one of Discord's hosts")
	errFileGone     = errors.New("the file is gone")
)

// mediaHosts serve what was posted (https://docs.discord.com/developers/reference#cdn-endpoints).
var mediaHosts = []string{"cdn.discordapp.com", "media.discordapp.net"}

// Fetch implements adapters.Fetcher. Only Discord's own hosts are asked. The reader
// lives no longer than ctx.
func (a *Adapter) Fetch(ctx context.Context, ref core.FileRef, limit int64) (io.ReadCloser, error) {
	f, err := parseFile(ref)
	if err != nil {
		return nil, permanent("fetch", "the file is %w", err)
	}
	body, err := a.api.download(ctx, f.address, limit)
	if !errors.Is(err, errFileGone) {
		return body, err
	}
	// The address has ended; the message knows the current one.
	if _, bad := parseID(f.message); bad != nil {
		return nil, err
	}
	var m message
	call := request{op: "fetch", method: http.MethodGet, url: discordgo.EndpointChannelMessage(f.channel, f.message)}
	if err := a.api.call(ctx, call, &m); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(m.Attachments, func(x attachment) bool { return x.ID == f.attachment })
	if i < 0 {
		return nil, fault.New(fault.Permanent, "fetch", errFileGone)
	}
	return a.api.download(ctx, m.Attachments[i].URL, limit)
}

// download opens a file. No token goes with it.
func (a *api) download(ctx context.Context, address string, limit int64) (io.ReadCloser, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || !a.serves(u) {
		return nil, fault.New(fault.Permanent, "fetch", errForeignHost)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Permanent, "fetch", errForeignHost)
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
		return nil, fault.New(fault.Permanent, "fetch", fmt.Errorf("%w: %d bytes, at most %d", errFileTooLarge, resp.ContentLength, limit))
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= http.StatusInternalServerError:
		return nil, fault.New(fault.Retryable, "fetch", errors.Join(fmt.Errorf("status %d", resp.StatusCode), closeErr))
	default:
		return nil, fault.New(fault.Permanent, "fetch", fmt.Errorf("%w: status %d", errFileGone, resp.StatusCode))
	}
}

// serves tells whether an address is on a host that files may come from.
func (a *api) serves(u *url.URL) bool {
	if u.Scheme == a.base.Scheme && u.Host == a.base.Host {
		return true
	}
	return u.Scheme == "https" && u.Port() == "" && slices.Contains(mediaHosts, u.Hostname())
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
