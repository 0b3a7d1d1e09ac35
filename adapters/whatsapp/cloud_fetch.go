package whatsapp

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// maxDownload is the largest file the platform carries, a document.
const maxDownload = 100 << 20

var (
	errFileHost    = errors.New("the file is said to lie on a host that is none of the platform's")
	errFilePrivate = errors.New("the file is said to lie on an address that is not public")
	errFileDiffers = errors.New("the file is not the one that was announced")
)

// mediaInfo is where a file is (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media).
type mediaInfo struct {
	URL    string `json:"url"`
	SHA256 string `json:"sha256"`
	// Size is in bytes; a number, or a number in quotes.
	Size json.RawMessage `json:"file_size"`
}

func (m mediaInfo) size() int64 {
	n, err := strconv.ParseInt(strings.Trim(string(m.Size), `"`), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// sum reads the announced hash, in hexadecimal or base64; nil when there is none.
func (m mediaInfo) sum() []byte {
	if sum, err := hex.DecodeString(m.SHA256); err == nil && len(sum) == sha256.Size {
		return sum
	}
	if sum, err := base64.StdEncoding.DecodeString(m.SHA256); err == nil && len(sum) == sha256.Size {
		return sum
	}
	return nil
}

// Fetch implements adapters.Fetcher. The reader lives no longer than ctx. At the end of
// the file it fails when what came is not what was announced.
func (a *Cloud) Fetch(ctx context.Context, ref core.FileRef, limit int64) (io.ReadCloser, error) {
	limit = min(limit, maxDownload)
	id, err := parseFile(ref)
	if err != nil {
		return nil, permanent("fetch", "the file is %w", err)
	}
	var info mediaInfo
	if err := a.api.do(ctx, call{op: "fetch", method: http.MethodGet, path: id}, &info); err != nil {
		return nil, err
	}
	sum := info.sum()
	switch {
	case info.size() > limit:
		return nil, transport.TooLarge(info.size(), limit)
	case sum == nil:
		return nil, fault.New(fault.Retryable, "fetch", errShape)
	}
	address, err := a.mediaAddress(ctx, info.URL)
	if err != nil {
		return nil, err
	}
	return a.download(ctx, address, limit, info.size(), sum)
}

// lookup finds the addresses of a host.
type lookup func(ctx context.Context, host string) ([]netip.Addr, error)

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// mediaDomains are where the platform keeps files.
var mediaDomains = []string{"fbcdn.net", "whatsapp.net", "fbsbx.com"}

// mediaAddress looks at an address before the token goes there: it must be the API's
// own, or one of the platform's that is not inside somebody's network.
func (a *Cloud) mediaAddress(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Host == "" {
		return "", fault.New(fault.Permanent, "fetch", errFileHost)
	}
	base := a.api.base
	if u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host) {
		return u.String(), nil
	}
	if u.Scheme != "https" || (u.Port() != "" && u.Port() != "443") || !ofPlatform(u.Hostname()) {
		return "", fault.New(fault.Permanent, "fetch", errFileHost)
	}
	addresses, err := a.lookup(ctx, u.Hostname())
	if err != nil {
		return "", fault.New(fault.Retryable, "fetch", a.api.clean(ctx, err))
	}
	for _, ip := range addresses {
		if ip = ip.Unmap(); !ip.IsGlobalUnicast() || ip.IsPrivate() {
			return "", fault.New(fault.Permanent, "fetch", errFilePrivate)
		}
	}
	return u.String(), nil
}

func ofPlatform(host string) bool {
	host = strings.ToLower(host)
	for _, d := range mediaDomains {
		if strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

// download opens a file.
func (a *Cloud) download(ctx context.Context, address string, limit, size int64, sum []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Permanent, "fetch", a.api.clean(ctx, err))
	}
	req.Header.Set("Authorization", "Bearer "+a.api.token.Reveal())
	clean := func(err error) error { return a.api.clean(ctx, err) }
	body, err := transport.Download(a.api.http, req, limit, clean, func(status int) error {
		if status == http.StatusNotFound || status == http.StatusGone {
			// An address lives for five minutes; a new one may be had.
			return fault.New(fault.Retryable, "fetch", fmt.Errorf("status %d", status))
		}
		return permanent("fetch", "status %d", status)
	})
	if err != nil {
		return nil, err
	}
	return &download{ReadCloser: body, size: size, want: sum, hash: sha256.New()}, nil
}

// download is a file on its way; its errors are faults.
type download struct {
	io.ReadCloser
	// size is what was announced; 0 for nothing.
	size, read int64
	want       []byte
	hash       hash.Hash
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.read += int64(n)
	d.hash.Write(p[:n])
	if err == io.EOF && (d.size != 0 && d.read != d.size || string(d.hash.Sum(nil)) != string(d.want)) {
		return n, fault.New(fault.Permanent, "fetch", errFileDiffers)
	}
	return n, err
}
