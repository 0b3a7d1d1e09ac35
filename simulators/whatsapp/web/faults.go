//go:build !nowhatsmeow

package web

import (
	"net/http"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// FaultKind names a way to fail.
type FaultKind string

// The kinds of faults.
const (
	// FaultRefuse refuses with Code: the HTTP status of an upgrade or a transfer, the
	// reason of a failed login, the error of an ack of a message or of an iq.
	FaultRefuse FaultKind = "refuse"
	// FaultDropBefore cuts the connection; the stanza is lost.
	FaultDropBefore FaultKind = "drop_before"
	// FaultDropAfter takes the stanza, relays it, and cuts the connection instead of answering.
	FaultDropAfter FaultKind = "drop_after"
	// FaultIgnore loses the stanza. Lost acks of deliveries are made by it.
	FaultIgnore FaultKind = "ignore"
	// FaultNoAnswer takes the stanza, and its answer is lost.
	FaultNoAnswer FaultKind = "no_answer"
	// FaultSilence makes a dead peer of the server: the connection stays, nothing comes.
	FaultSilence FaultKind = "silence"
	// FaultStreamError ends the connection with Code and Conflict; the stanza is lost.
	FaultStreamError FaultKind = "stream_error"
	// FaultDelay takes the stanza after Delay, or after Release when Delay is zero. Later
	// stanzas of the connection wait behind it.
	FaultDelay FaultKind = "delay"
	// FaultGarble changes a byte of the ciphertext, of a message or of a file.
	FaultGarble FaultKind = "garble"
	// FaultEmpty answers with nothing in it: no devices ("iq usync"), no keys ("iq encrypt").
	FaultEmpty FaultKind = "empty"
	// FaultDuplicate delivers twice (At "delivery").
	FaultDuplicate FaultKind = "duplicate"
	// FaultReorder holds a delivery until the next one is out (At "delivery").
	FaultReorder FaultKind = "reorder"
)

// Where faults happen; further ones are the tags of stanzas and "iq " with its namespace.
const (
	atUpgrade  = "upgrade"
	atLogin    = "login"
	atPair     = "pair"
	atDelivery = "delivery"
	atUpload   = "upload"
	atDownload = "download"
)

// Fault is one entry of the script of failures.
type Fault struct {
	Kind FaultKind
	// At is upgrade, login, upload, download, delivery (a message on its way to the device),
	// or a stanza of the client: message, receipt, ack, "iq usync" and so on. Empty means
	// whatever a client does.
	At string
	// Number and Chat (a person or a group) say whose; empty means all.
	Number, Chat string
	// Skip lets so many matches through first.
	Skip int
	// Count is how many it meets; zero means one, negative all until it is removed.
	Count int
	Code  int
	// Conflict is the type of the conflict that a stream error tells: replaced or device_removed.
	Conflict string
	Delay    time.Duration
}

// FaultHandle is an injected fault.
type FaultHandle = simulators.Injected[Fault]

// Inject adds a fault to the script.
func (s *Server) Inject(f Fault) *FaultHandle { return s.faults.Add(f, f.Skip, f.Count) }

// take finds the fault that meets something.
func (s *Server) take(at, number, chat string) *FaultHandle {
	return s.faults.Take(func(f Fault) bool {
		return (f.At == at || f.At == "" && at != atDelivery) &&
			(f.Number == "" || f.Number == number) && (f.Chat == "" || f.Chat == chat)
	})
}

// meetHTTP does what a fault does to an HTTP request. It tells false when that is all.
func (s *Server) meetHTTP(w http.ResponseWriter, h *FaultHandle, call Call) bool {
	f := h.Fault
	call.Fault, call.Code = f.Kind, f.Code
	switch f.Kind {
	case FaultRefuse:
		http.Error(w, http.StatusText(f.Code), f.Code)
	case FaultDelay:
		if h.Hold(s.ctx, f.Delay) {
			return true
		}
		simulators.Cut()
	case FaultDropBefore, FaultIgnore, FaultStreamError:
		simulators.Cut()
	case FaultSilence:
		<-s.ctx.Done()
		simulators.Cut()
	default:
		return true
	}
	s.record(call)
	return false
}
