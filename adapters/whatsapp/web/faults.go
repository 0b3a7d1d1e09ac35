//go:build !nowhatsmeow

package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/fault"
)

// limitWait is the wait after a refusal that says there was too much and not how long.
const limitWait = time.Minute

var (
	errDropped  = errors.New("the connection was lost")
	errSilent   = errors.New("WhatsApp does not answer any more")
	errNoLogin  = errors.New("WhatsApp does not let the device in and does not say why")
	errNoAnswer = errors.New("WhatsApp did not say that it has the message")
	errStopped  = errors.New("the connection was given up")
)

// ended says why a connection is over, if an event means that it is; nil if not.
func (d *Device) ended(evt any) error {
	human := func(what string, opts ...fault.Option) error {
		return fault.New(fault.NeedsHuman, "connect", fmt.Errorf("account %s: %s", d.o.Account, what), opts...)
	}
	switch e := evt.(type) {
	case *events.Disconnected:
		return fault.New(fault.Retryable, "connect", errDropped)
	case *events.KeepAliveTimeout:
		if e.ErrorCount < 2 {
			return nil
		}
		return fault.New(fault.Retryable, "connect", errSilent)
	case *events.LoggedOut:
		if e.Reason == events.ConnectFailureMainDeviceGone || e.Reason == events.ConnectFailureUnknownLogout {
			return human(fmt.Sprintf("WhatsApp closed the account or its phone was logged out (code %d); "+
				"look at WhatsApp on the phone, and when it works there run `parley pair %s`", e.Reason, d.o.Account))
		}
		return human(fmt.Sprintf("the device was logged out, from the phone or by WhatsApp; run `parley pair %s` to link it again", d.o.Account))
	case *events.StreamReplaced:
		return human("another process connected with this linked device; stop it, one device can be connected once")
	case *events.TemporaryBan:
		return human(fmt.Sprintf("WhatsApp banned the number for now (code %d), it says for %v; send less, and less of the same", e.Code, e.Expire),
			fault.WithWait(e.Expire))
	case *events.ClientOutdated:
		return human("WhatsApp does not take this version of its protocol any more (405); install a newer Parley")
	case *events.ConnectFailure:
		if e.Reason >= events.ConnectFailureInternalServerError {
			return fault.New(fault.Retryable, "connect", fmt.Errorf("WhatsApp refuses for now (code %d)", e.Reason))
		}
		return human(fmt.Sprintf("WhatsApp refuses the device (code %d); look at WhatsApp on the phone, and link it again with `parley pair %s`",
			e.Reason, d.o.Account))
	case *events.StreamError:
		return fault.New(fault.Retryable, "connect", fmt.Errorf("WhatsApp ended the connection (code %s)", redact(e.Code)))
	default:
		return nil
	}
}

// connectFault is for a connection that did not come about.
func connectFault(err error) error {
	return fault.New(fault.Retryable, "connect", errors.New(redact(err.Error())))
}

// callFault is for a call that leaves no message.
func callFault(ctx context.Context, op string, err error) error {
	var iq *whatsmeow.IQError
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Retryable, op, ctx.Err())
	case errors.As(err, &iq) && iq.Code != 0:
		return refusal(op, iq.Code)
	default:
		return fault.New(fault.Retryable, op, errors.New(redact(err.Error())))
	}
}

// sendFault is for a message. Of what failed before the message was written whatsmeow
// tells by its own errors; of everything else nobody knows whether it stands.
func sendFault(ctx context.Context, err error) error {
	const op = "send"
	var iq *whatsmeow.IQError
	var dropped *whatsmeow.DisconnectedError
	switch {
	case errors.Is(err, whatsmeow.ErrServerReturnedError):
		_, code, _ := strings.Cut(err.Error(), whatsmeow.ErrServerReturnedError.Error()+" ")
		n, err := strconv.Atoi(code)
		if err != nil {
			return fault.New(fault.Retryable, op, errNoAnswer, fault.Unsure())
		}
		return refusal(op, n)
	case errors.As(err, &iq) && iq.Code != 0:
		return refusal(op, iq.Code)
	case errors.Is(err, whatsmeow.ErrNotConnected), errors.Is(err, whatsmeow.ErrNotLoggedIn), errors.Is(err, whatsmeow.ErrIQTimedOut),
		errors.As(err, &dropped) && strings.HasPrefix(dropped.Action, "info query"):
		return fault.New(fault.Retryable, op, errDropped)
	case errors.Is(err, whatsmeow.ErrRecipientADJID), errors.Is(err, whatsmeow.ErrUnknownServer), errors.Is(err, whatsmeow.ErrNotInGroup),
		errors.Is(err, whatsmeow.ErrGroupNotFound), errors.Is(err, whatsmeow.ErrNoSession):
		return fault.New(fault.Permanent, op, errors.New(redact(err.Error())))
	case ctx.Err() != nil:
		return fault.New(fault.Retryable, op, ctx.Err(), fault.Unsure())
	case errors.Is(err, whatsmeow.ErrMessageTimedOut), dropped != nil:
		return fault.New(fault.Retryable, op, errNoAnswer, fault.Unsure())
	default:
		return fault.New(fault.Retryable, op, errors.New(redact(err.Error())), fault.Unsure())
	}
}

// refusal is WhatsApp's own "no". The numbers are those of HTTP, with some of its own.
func refusal(op string, code int) error {
	err := fmt.Errorf("refused with code %d", code)
	switch {
	case code == 429 || code == 420 || code == 419: // too much; a limit of the account
		return fault.New(fault.RateLimited, op, err, fault.WithWait(limitWait), fault.WithScope(fault.ScopeAccount))
	case code >= 500 && code < 600, code == 408:
		return fault.New(fault.Retryable, op, err)
	default:
		return fault.New(fault.Permanent, op, err)
	}
}

// fileFault is for a file that could not be had.
func fileFault(ctx context.Context, op string, err error) error {
	var refused whatsmeow.DownloadHTTPError
	var network net.Error
	permanent := func(cause error) error { return fault.New(fault.Permanent, op, cause) }
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Retryable, op, ctx.Err())
	case errors.Is(err, transport.ErrAnswerTooLong):
		return permanent(transport.ErrFileTooLarge)
	case errors.Is(err, errHost):
		return permanent(errHost)
	case errors.Is(err, errPrivate):
		return permanent(errPrivate)
	case errors.As(err, &refused) && refused.StatusCode >= 400 && refused.StatusCode < 500 && refused.StatusCode != http.StatusTooManyRequests:
		return permanent(fmt.Errorf("the file is not there any more (status %d)", refused.StatusCode))
	case errors.As(err, &refused), errors.As(err, &network):
		return fault.New(fault.Retryable, op, errors.New(redact(err.Error())))
	case errors.Is(err, whatsmeow.ErrInvalidMediaHMAC), errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256), errors.Is(err, whatsmeow.ErrInvalidMediaSHA256),
		errors.Is(err, whatsmeow.ErrFileLengthMismatch), errors.Is(err, whatsmeow.ErrTooShortFile):
		return permanent(errors.New("the file is not the one that was announced"))
	default:
		return callFault(ctx, op, err)
	}
}
