package slack

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// pageSize and maxPages bound how far a look-up goes.
	pageSize = 200
	maxPages = 10
)

var errHistoryTooLong = errors.New("too many messages came after it to look through")

// history is the part of an answer that a look-up reads.
type history struct {
	Messages []struct {
		TS       string `json:"ts"`
		Metadata *struct {
			EventType string `json:"event_type"`
			Payload   struct {
				Reply string `json:"reply"`
				Piece *int   `json:"piece"`
			} `json:"event_payload"`
		} `json:"metadata"`
	} `json:"messages"`
	More     bool `json:"has_more"`
	Metadata struct {
		Cursor string `json:"next_cursor"`
	} `json:"response_metadata"`
}

// find gives the message of the piece; "" when it is not on this page.
func (h history) find(r core.Reply) string {
	for _, m := range h.Messages {
		if meta := m.Metadata; meta != nil && meta.EventType == metadataType && meta.Payload.Reply == string(r.ID) &&
			meta.Payload.Piece != nil && *meta.Payload.Piece == len(r.Sent) {
			return m.TS
		}
	}
	return ""
}

// Reconcile implements adapters.Reconciler: it looks for the metadata of the piece in
// the thread it would stand in, or in the channel.
func (a *Adapter) Reconcile(ctx context.Context, r core.Reply) (core.Receipt, bool, error) {
	r.Final = true
	_, more, err := piece(r)
	if err != nil {
		return core.Receipt{}, false, err
	}
	to, err := addressOfReply(r)
	if err != nil {
		return core.Receipt{}, false, err
	}
	method := "conversations.history"
	args := url.Values{"channel": {to.channel}, "include_all_metadata": {"true"}, "limit": {strconv.Itoa(pageSize)}}
	if to.thread != "" {
		method = "conversations.replies"
		args.Set("ts", to.thread)
	}
	if after := before(r); after != "" {
		args.Set("oldest", after)
	}
	for range maxPages {
		var page history
		if err := a.api.ask(ctx, method, args, &page); err != nil {
			return core.Receipt{}, false, err
		}
		if ts := page.find(r); ts != "" {
			return core.Receipt{Message: core.MessageID(ts), At: moment(ts, a.now()), More: more}, true, nil
		}
		if !page.More || page.Metadata.Cursor == "" {
			return core.Receipt{}, false, nil
		}
		args.Set("cursor", page.Metadata.Cursor)
	}
	return core.Receipt{}, false, fault.New(fault.Permanent, method, errHistoryTooLong)
}

// before is a message that surely stands before the piece: the piece before it, or
// the message it answers.
func before(r core.Reply) string {
	after := string(r.InReplyTo)
	if n := len(r.Sent); n > 0 {
		after = string(r.Sent[n-1])
	}
	if _, err := parseTS(after); err != nil {
		return ""
	}
	return after
}
