package discord

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/bwmarrin/discordgo"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var (
	errForeignHost = errors.New("the file is not on one of Discord's hosts")
	errFileGone    = errors.New("the file is gone")
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
	clean := func(err error) error { return a.clean(ctx, err) }
	return transport.Download(a.http, req, limit, clean, func(status int) error {
		return permanent("fetch", "%w: status %d", errFileGone, status)
	})
}

// serves tells whether an address is on a host that files may come from.
func (a *api) serves(u *url.URL) bool {
	if u.Scheme == a.base.Scheme && u.Host == a.base.Host {
		return true
	}
	return u.Scheme == "https" && u.Port() == "" && slices.Contains(mediaHosts, u.Hostname())
}
