package telegram

import (
	"context"
	"encoding/json"
	"net/http"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core"
)

// The largest files a bot may upload (https://core.telegram.org/bots/api#sending-files).
const (
	maxUpload = 50 << 20
	maxPhoto  = 10 << 20
)

// upload leaves a message with a file of the hub. A picture too large for a photo goes as
// a document.
func (a *Adapter) upload(ctx context.Context, m outgoing, p params) (core.Receipt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the reading of the file, however the call ended
	f, err := transport.OpenFile(ctx, a.blobs, *m.file, maxUpload)
	if err != nil {
		return core.Receipt{}, err
	}
	if m.method == "sendPhoto" && f.Size > maxPhoto {
		m = m.asDocument()
	}
	var result sentMessage
	if err := a.api.upload(ctx, m.method, p, m.field, f, &result); err != nil {
		return core.Receipt{}, err
	}
	return a.receipt(m.method, result)
}

// upload makes a call that carries a file. It does by hand what the library does: its
// UploadFiles leaves a goroutine behind and forgets the code of a refusal.
func (a *api) upload(ctx context.Context, method string, p params, field string, f *transport.OutFile, result any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout+adapters.FileTime(f.Size))
	defer cancel()
	form := transport.NewForm(p, field, f)
	b := &bound{ctx: ctx, http: a.http}
	resp, err := a.carry(ctx, method, form, b)
	switch {
	case err == nil && resp.Ok:
		return a.decode(method, b, resp, result)
	case err == nil:
		verdict := &tgbotapi.Error{Code: resp.ErrorCode, Message: resp.Description}
		if resp.Parameters != nil {
			verdict.ResponseParameters = *resp.Parameters
		}
		return a.answer(method, b, resp, verdict).fault(a.account)
	case form.Err() != nil:
		return form.Err()
	}
	out := a.answer(method, b, resp, err)
	out.sent = out.sent && (b.status != 0 || form.Whole())
	return out.fault(a.account)
}

// carry sends a form and reads what the server says to it.
func (a *api) carry(ctx context.Context, method string, form *transport.Form, b *bound) (*tgbotapi.APIResponse, error) {
	req, err := form.Request(ctx, http.MethodPost, a.base+"/bot"+a.token.Reveal()+"/"+method)
	if err != nil {
		_ = form.Close() // nothing of it was read
		return nil, err
	}
	answer, err := b.Do(req) //nolint:contextcheck // bound to the same context
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // what was read is complete or an error already
	resp := &tgbotapi.APIResponse{}
	return resp, json.NewDecoder(answer.Body).Decode(resp)
}
