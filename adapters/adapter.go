package adapters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

// Adapter is one account on one platform. All methods are safe for concurrent use.
type Adapter interface {
	Describe() Description
	Receiver
	Sender
}

// Description says what an adapter is.
type Description struct {
	Account  core.Account
	Platform string
	// Mode is how messages come in ("poll", "webhook"), for people to read.
	Mode string
	// Singles name what of receiving only one node may do at a time: one name for a
	// receiver, several for a PartReceiver. Empty when all nodes may receive.
	Singles      []string
	Capabilities Capabilities
}

// Capabilities are what the platform can do, as data.
type Capabilities struct {
	// EditsIn lists the places where a draft is shown by editing a message; DraftsIn
	// those with drafts that vanish by themselves.
	EditsIn  []core.Place
	DraftsIn []core.Place
	// DraftEvery is the shortest time between two drafts of one reply, by place.
	DraftEvery map[core.Place]time.Duration
	// TypingFor is how long the platform shows one typing signal; 0 for no typing.
	TypingFor time.Duration
	// Limits the platform puts on calls.
	Limits Limits
	// Overlap is for platforms that cannot tell whether a message was sent: what is
	// under way when the process dies may be sent twice. So that this is one message
	// and not many, sends of the account follow each other; one that takes longer
	// than this lets the next begin. 0 sends as many at once as there is work.
	Overlap time.Duration
	// Repeatable is true where the same reply, sent again soon, brings back the message
	// that stands instead of a second one.
	Repeatable bool
	// SingleSender is true where only who receives for the account can send: the node
	// that has its connection. Where there are several nodes, its replies wait in an
	// outbox of their own for Deliverer.Serve.
	SingleSender bool
	// Support tells what becomes of everything a message can hold.
	Support Support
}

// Limits are what an account may call. Zero means no limit known.
type Limits struct {
	Account Rate `yaml:"account"`
	// Chat and Group hold for each single chat, by its place.
	Chat  Rate `yaml:"chat"`
	Group Rate `yaml:"group"`
}

// Rate is a token bucket: Count calls each Per, and up to Burst at once.
type Rate struct {
	Count int           `yaml:"count"`
	Per   time.Duration `yaml:"per"`
	Burst int           `yaml:"burst"`
}

// Inbox takes envelopes.
type Inbox interface {
	// Accept stores the envelope; on nil it would survive kill -9. The same
	// envelope twice is stored once and is nil both times. On an error nothing is
	// stored and the platform must keep the message.
	Accept(ctx context.Context, e core.Envelope) error
}

// Receiver brings messages in.
type Receiver interface {
	// Run receives until ctx ends (then it returns nil) or fails (then a fault). As
	// soon as the platform let it in, it says so with Connected.
	Run(ctx context.Context, in Inbox) error
}

// Connected tells whoever watches a receiver through its inbox that the platform
// let it in: the account is healthy from now on, though nothing came in yet.
func Connected(in Inbox) {
	if w, ok := in.(interface{ Connected() }); ok {
		w.Connected()
	}
}

// Sender brings replies out.
type Sender interface {
	// Send puts the next message of the reply into the chat: the one behind those
	// in r.Sent. It makes one call that can leave a message. An error is a fault;
	// fault.IsUnsure tells that the message may stand there all the same. A reply
	// that is not Final is a draft: it is always one message, cut with an ellipsis
	// where it is too long, and its receipt never says More.
	Send(ctx context.Context, r core.Reply) (core.Receipt, error)
}

// Editor can change a message it sent.
type Editor interface {
	// Edit makes the message show the piece of the reply behind those in r.Sent. The
	// receipt is as for Send, drafts too. Editing to what already stands there is a
	// success. A message that is gone is a Permanent fault.
	Edit(ctx context.Context, id core.MessageID, r core.Reply) (core.Receipt, error)
}

// Reconciler can find out whether a message whose outcome is unknown stands.
type Reconciler interface {
	// Reconcile looks for the piece of the reply behind those in r.Sent. Found gives
	// the receipt that Send would have given; not found, without an error, is certain:
	// the piece may be sent. An error leaves it unknown.
	Reconcile(ctx context.Context, r core.Reply) (receipt core.Receipt, found bool, err error)
}

// Drafter can show a growing answer without leaving a message.
type Drafter interface {
	Draft(ctx context.Context, r core.Reply) error
}

// Typer can show that the bot is working.
type Typer interface {
	Typing(ctx context.Context, to core.Conversation) error
}

// Webhooker is called by its platform.
type Webhooker interface {
	// Webhook handles the platform's calls. It verifies before it parses and
	// answers 401 to what is not from the platform.
	Webhook(in Inbox) http.Handler
}

// Fetcher can get the bytes of a file.
type Fetcher interface {
	// Fetch opens a file of at most limit bytes; a larger one is a Permanent fault.
	// The reader itself ends with a fault when more comes than was announced.
	Fetch(ctx context.Context, f core.FileRef, limit int64) (io.ReadCloser, error)
}

// Errors of pairing that callers tell apart.
var (
	// ErrPaired is in the fault for an account that is linked already.
	ErrPaired = errors.New("already linked")
	// ErrCodesExpired is in the fault for codes that nobody scanned in time.
	ErrCodesExpired = errors.New("the codes expired before one was scanned")
)

// PairingCode is what a phone scans to link an account.
type PairingCode struct {
	// Text is what the QR code holds. It is a secret for as long as it is valid.
	Text string
	// For is how long it is valid.
	For time.Duration
}

// Pairer is linked to its account by a code that the account's phone scans, instead of
// by a token in the configuration. Until then Run fails with a NeedsHuman fault; it may
// be under way while Pair is, and finds the account linked when it is next tried.
type Pairer interface {
	// Paired tells whether the account is linked.
	Paired(ctx context.Context) (bool, error)
	// Pair links it. show is given one code after the other, the next when the last one
	// expires; it must not block. nil means that the account is linked. An error is a
	// fault, with ErrPaired or ErrCodesExpired where they are the reason.
	Pair(ctx context.Context, show func(PairingCode)) error
}

// DeepLinker is on a platform where a link opens the private chat with the account and
// has the person who follows it send a command there, after a look at it.
type DeepLinker interface {
	// DeepLink gives that link; empty where none can carry the command. A platform
	// whose links carry one word sends the command "start" with NAME-ARGS behind it. It
	// may ask the platform how the account is called.
	DeepLink(ctx context.Context, c core.Command) (string, error)
}

// Factory makes the adapters of one platform.
type Factory interface {
	// Platform is the name used in the configuration.
	Platform() string
	// Defaults gives a pointer to a fresh configuration with its defaults in it,
	// for the loader to fill.
	Defaults() Config
	// New makes an adapter. It makes no call to the platform.
	New(s Settings) (Adapter, error)
}

// Config is a platform's own section of the configuration.
type Config interface {
	// Validate returns every problem, each with the key it belongs to.
	Validate() []Problem
}

// Problem is one thing wrong with a configuration.
type Problem struct {
	// Key is the path inside the section, "" for the section itself.
	Key string
	// Text says what is wrong and what would be right.
	Text string
}

// Settings is what an adapter is made from.
type Settings struct {
	Account core.Account
	// Config is what Defaults gave, filled and valid.
	Config Config
	// PublicURL is where the platform reaches this account's webhook; empty when
	// the hub has no public address.
	PublicURL string
	// StateDir is where the account may keep small files of its own between lives of
	// the process; empty for nowhere. It exists and only this user can read it.
	StateDir string
	// Database is a PostgreSQL database for state that must outlive the node, so that
	// another one goes on with it; empty for StateDir.
	Database secret.String
	// Memory keeps what other nodes need, or the next life of this one; nil when nothing
	// does, and everything of that kind is forgotten.
	Memory Memory
	// Sent gives the reply that a message of the account is a piece of, with the pieces
	// before it in Reply.Sent; false when it is not known, or not yet. nil when nobody
	// keeps them.
	Sent func(ctx context.Context, chat core.ChatID, message core.MessageID) (r core.Reply, ok bool, err error)
	// Blobs has the bytes of a Media that goes out with a Blob; nil when nothing keeps any.
	Blobs blobs.Opener
	// Client makes all HTTP calls of the adapter; nil means one of its own.
	Client *http.Client
	Log    zerolog.Logger
	// Observer sees what becomes of messages.
	Observer core.Observer
}

// ConfigOf gives the section that a factory makes an adapter from. It is a Bug fault when
// the section is of another platform, a NeedsHuman fault when it is not valid.
func ConfigOf[C interface {
	comparable
	Config
}](s Settings) (C, error) {
	var none C
	c, ok := s.Config.(C)
	if !ok || c == none {
		return none, fault.New(fault.Bug, "new adapter", fmt.Errorf("configuration is a %T", s.Config))
	}
	if problems := c.Validate(); len(problems) > 0 {
		return none, fault.New(fault.NeedsHuman, "new adapter", fmt.Errorf("account %s: %s %s", s.Account, problems[0].Key, problems[0].Text))
	}
	return c, nil
}

// Next gives the message of a reply's plan that comes behind those already sent; more
// tells whether others follow it. A plan without such a message is a Permanent fault.
func Next[M any](plan []M, r core.Reply) (m M, more bool, err error) {
	switch at := len(r.Sent); {
	case len(plan) == 0:
		return m, false, fault.New(fault.Permanent, "send", errors.New("the reply holds nothing that can be shown"))
	case at >= len(plan):
		return m, false, fault.New(fault.Permanent, "send", fmt.Errorf("all %d messages of the reply were sent", len(plan)))
	default:
		return plan[at], at+1 < len(plan), nil
	}
}
