package records

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core"
)

// Bounds on linking.
const (
	// CodeLife is how long a link code may be used.
	CodeLife = 10 * time.Minute
	// MaxWrong is how many wrong codes an account may try within CodeLife, MaxCodes how
	// many it may ask for.
	MaxWrong = 5
	MaxCodes = 5
	// AnswersKept is how long the rerun of a turn is known as one.
	AnswersKept = 48 * time.Hour
)

// People keeps who is who: which accounts are one person, and where they can be
// reached. All methods are safe for concurrent use, and their errors are faults.
// recordstest.RunPeople proves an implementation.
//
// Everybody begins as the person that core.PersonOf derives from the account: its
// base. A link says that a base is another person; it rewrites nothing, and a link
// that is taken away gives the account its own back. What a method changes for a turn
// it changes once: the same turn again gets the same answer and no Delta.
type People interface {
	// Links gives every link.
	Links(ctx context.Context) ([]Link, error)
	// LinksSince gives the links that changed behind a mark, as they are now, and the mark
	// of what it gave. all says that it gave every link: behind the zero mark, and when
	// what is stored does not go on from the mark, since an older state was put back or
	// another server took over.
	LinksSince(ctx context.Context, since Mark) (changed []Belongs, all bool, now Mark, err error)
	// Accounts gives the accounts of a person in the order in which they joined; none
	// for somebody who is not linked.
	Accounts(ctx context.Context, person core.PersonID) ([]Link, error)
	// Issue makes a link code for an account. Earlier codes of the account end.
	Issue(ctx context.Context, why Cause, account Account) (Issued, error)
	// Redeem makes the person who is behind an account part of the person who got the
	// code, with all their accounts, in one transaction.
	Redeem(ctx context.Context, why Cause, code string, by Account) (Redeemed, error)
	// Void ends a code that others may have seen. One that is not there is no error.
	Void(ctx context.Context, code string) error
	// Join links without a code: the person behind joining becomes part of the one
	// behind to.
	Join(ctx context.Context, why Cause, to, joining Account) (Joined, error)
	// Unlink takes one account away from the person behind of. Where others are the
	// person that is derived from it, it becomes a new one; they keep the memory.
	Unlink(ctx context.Context, why Cause, of core.PersonID, choice Choice) (Parted, error)
	// Forget erases all that is kept of a person over all accounts, as Store.Erase
	// does, with addresses, codes and wishes; with links, their links too. What the
	// audit says stays.
	Forget(ctx context.Context, why Cause, person core.PersonID, links bool) (Forgotten, error)
	// Seen notes where accounts were heard. What is older than what is known, or than
	// an erasure, is passed over.
	Seen(ctx context.Context, at []Address) error
	// Addresses tells where a person was heard, the last place first.
	Addresses(ctx context.Context, person core.PersonID) ([]Address, error)
	// SetReach keeps where a person wants to be reached, Reach tells it.
	SetReach(ctx context.Context, person core.PersonID, r Reach) error
	Reach(ctx context.Context, person core.PersonID) (Reach, error)
	// Note adds to the audit what was done elsewhere. The same cause and action twice
	// is once.
	Note(ctx context.Context, why Cause, action Action, subjects ...core.PersonID) error
	// Audit hands what was done to a person to fn, in the order of time; an error of
	// fn ends it and is returned as it is.
	Audit(ctx context.Context, person core.PersonID, fn func(Audited) error) error
}

// Account is an account of a person on a platform, with its private chat with the
// bot, which may be unknown.
type Account struct {
	Who  core.Sender
	Home core.Conversation
}

// Base is the person that the account is without a link.
func (a Account) Base() core.PersonID { return a.Who.Person() }

// Link says which person an account is.
type Link struct {
	Account
	Person core.PersonID
	// At is when the account joined.
	At time.Time
}

// Belongs says which person an account is now.
type Belongs struct {
	Base core.PersonID
	// Person is empty where the account has no link any more.
	Person core.PersonID
}

// Mark is a state of the links.
type Mark struct {
	// Life is that of the server which told it.
	Life int64
	// Version grows with every change of links.
	Version int64
}

// Operator is the actor of what is done on the command line.
const Operator = "operator"

// Cause says why something is done.
type Cause struct {
	// Turn makes a rerun harmless.
	Turn core.EnvelopeID
	// Actor is the base of who did it, or Operator.
	Actor string
	At    time.Time
}

// Delta is what became of links.
type Delta struct {
	Set     []Link
	Removed []core.PersonID // bases
}

// Outcome is what became of a request.
type Outcome string

// The outcomes.
const (
	// Done: it is done now.
	Done Outcome = "done"
	// Wrong: there is no such code, or not any more.
	Wrong Outcome = "wrong"
	// TooMany: too many were tried or asked for; again at Until.
	TooMany Outcome = "too_many"
	// Same: the account is linked with itself.
	Same Outcome = "same"
	// Already: both accounts are one person already.
	Already Outcome = "already"
	// Alone: the account is linked with nobody.
	Alone Outcome = "alone"
	// Unknown: the person has no such account.
	Unknown Outcome = "unknown"
)

// Issued is a code that was asked for: Done or TooMany.
type Issued struct {
	Outcome Outcome
	// Code is eight characters without look-alikes; empty for TooMany.
	Code string
	// Until is when the code ends, or when the next may be asked for.
	Until time.Time
}

// Redeemed is what became of a code: Done, Wrong, TooMany, Same or Already.
type Redeemed struct {
	Joined
	// Left is how many tries are left after a wrong one.
	Left int
	// Until is when the next may be tried after too many.
	Until time.Time
}

// Joined is what became of a link: Done, Same or Already.
type Joined struct {
	Outcome Outcome
	// With is the account that was joined; zero unless Done or Already.
	With Account
	// Person is whom all accounts are now, Was whom the joining ones were.
	Person, Was core.PersonID
	// Accounts are all accounts of the person now.
	Accounts []Link
	Delta    Delta `json:"-"`
}

// Choice names one of a person's accounts: by its base, or by its place in Accounts,
// counted from 1.
type Choice struct {
	Base  core.PersonID
	Place int
}

// Parted is what became of a link that was taken away: Done, Alone or Unknown.
type Parted struct {
	Outcome Outcome
	// Left is the account that left, Rest are the others.
	Left  Account
	Rest  []Link
	Delta Delta `json:"-"`
}

// Forgotten tells what was erased.
type Forgotten struct {
	// Entries is how many lines of transcripts, Accounts of how many accounts.
	Entries  int64
	Accounts int
	Delta    Delta `json:"-"`
}

// Address is where an account can be reached: its private chat through one of the
// bot's accounts.
type Address struct {
	Base core.PersonID
	In   core.Conversation
	// At is when the account was last heard there.
	At time.Time
}

// Mode says where somebody wants to be reached.
type Mode string

// The modes.
const (
	// ReachLast is where they were last heard; it is what holds without a wish.
	ReachLast Mode = "last"
	// ReachAll is each of their accounts.
	ReachAll Mode = "all"
	// ReachOne is the account named.
	ReachOne Mode = "one"
)

// Reach is where a person wants to be reached.
type Reach struct {
	Mode Mode
	// Base is the account of ReachOne.
	Base core.PersonID
}

// Action is what the audit knows.
type Action string

// The actions.
const (
	AuditLink   Action = "link"
	AuditUnlink Action = "unlink"
	AuditIssued Action = "code_issued"
	AuditFailed Action = "code_failed"
	AuditForget Action = "forget"
	AuditExport Action = "export"
	AuditSent   Action = "sent"
)

// Audited is one line of the audit: somebody did something to an account.
type Audited struct {
	At      time.Time
	Actor   string
	Action  Action
	Subject core.PersonID
}
