// Package sessiontest has directories for the tests of those who ask one.
package sessiontest

import (
	"context"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

// Unlinked is the Directory in which every account is a person of its own.
type Unlinked struct{}

var _ session.Directory = Unlinked{}

// PersonOf derives the person from the sender's realm and id.
func (Unlinked) PersonOf(_ context.Context, s core.Sender) (core.PersonID, error) {
	return s.Person(), nil
}

// Guess is PersonOf.
func (Unlinked) Guess(s core.Sender) core.PersonID { return s.Person() }

// Lives is always true: nobody becomes part of anybody.
func (Unlinked) Lives(context.Context, core.PersonID) (bool, error) { return true, nil }
