package discord

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// maxUpload is the largest file a bot may post where nobody paid for more
// (https://docs.discord.com/developers/reference#uploading-files).
const maxUpload = 10 << 20

// errNoSize is in the fault for a file of Discord's whose size is not known.
var errNoSize = errors.New("the size of the file is not known")

// leaveWith leaves a message with the file it has; p is its body.
func (a *Adapter) leaveWith(ctx context.Context, call request, m outgoing, p payload) (core.Receipt, error) {
	if m.media == nil {
		return a.leave(ctx, call)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the reading of the file, however the call ended
	f, err := a.open(ctx, *m.media)
	if err != nil {
		return core.Receipt{}, err
	}
	p.Attachments = []attached{{Filename: f.Name}}
	fields, err := json.Marshal(p)
	if err != nil {
		_ = f.Close() // nothing of it was read
		return core.Receipt{}, fault.New(fault.Bug, call.op, err)
	}
	call.body, call.form = nil, transport.NewForm(map[string]string{"payload_json": string(fields)}, "files[0]", f)
	return a.leave(ctx, call)
}

// open opens a file to be posted: one of the hub's, or one that was posted before.
func (a *Adapter) open(ctx context.Context, m core.Media) (*transport.OutFile, error) {
	if m.Blob != "" {
		return transport.OpenFile(ctx, a.blobs, m, maxUpload)
	}
	switch {
	case m.Size <= 0:
		return nil, fault.New(fault.Permanent, "fetch", errNoSize)
	case m.Size > maxUpload:
		return nil, transport.TooLarge(m.Size, maxUpload)
	}
	body, err := a.Fetch(ctx, m.File, maxUpload)
	if err != nil {
		return nil, err
	}
	return transport.NewOutFile(m, body, m.Size), nil
}

// carry makes a call with a form: discordgo would hold it in memory.
func (a *api) carry(ctx context.Context, r request, client *http.Client) ([]byte, error) {
	req, err := r.form.Request(ctx, r.method, r.url)
	if err != nil {
		_ = r.form.Close() // nothing of it was read
		return nil, err
	}
	req.Header.Set("Authorization", a.session.Token)
	req.Header.Set("User-Agent", a.session.UserAgent)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // what was read is complete or an error already
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = errRefused
	}
	return body, err
}

// errRefused stands for an answer that is not a success; its body says more.
var errRefused = errors.New("the call was refused")
