package world

import (
	"context"
	"errors"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/storage"
)

// kept is one space of a skill.
type kept struct {
	w     *world
	space storage.Space
}

var fullWords = skills.Phrase{
	"en": "There is no room left to keep this.",
	"de": "Dafür ist kein Platz mehr.",
}

// may tells whether the skill may keep anything.
func (k kept) may() error {
	if k.w.m.Permissions.Storage <= 0 {
		return k.w.denied(skills.PermitStorage, "none")
	}
	return nil
}

// Get implements skills.Storage.
func (k kept) Get(ctx context.Context, name string) ([]byte, bool, error) {
	if err := k.may(); err != nil {
		return nil, false, err
	}
	return k.w.p.o.Store.Get(ctx, k.space, name)
}

// Set implements skills.Storage.
func (k kept) Set(ctx context.Context, name string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	_, err := k.put(ctx, storage.Write{Name: name, Value: value})
	return err
}

// Swap implements skills.Storage.
func (k kept) Swap(ctx context.Context, name string, was, value []byte) (bool, error) {
	return k.put(ctx, storage.Write{Name: name, Value: value, If: true, Was: was})
}

// Delete implements skills.Storage.
func (k kept) Delete(ctx context.Context, name string) error {
	_, err := k.put(ctx, storage.Write{Name: name})
	return err
}

// put makes a change within the manifest's quota.
func (k kept) put(ctx context.Context, w storage.Write) (bool, error) {
	if err := k.may(); err != nil {
		return false, err
	}
	w.Space, w.Quota = k.space, k.w.m.Permissions.Storage
	done, err := k.w.p.o.Store.Put(ctx, w)
	if errors.Is(err, storage.ErrFull) {
		err = fault.New(fault.Permanent, "skill "+k.w.m.Name, skills.ErrFull, fault.WithPublic(fullWords.In(k.w.t.Envelope.From.Language)))
		k.w.refused(skills.PermitStorage, err)
	}
	return done, err
}

// Names implements skills.Storage.
func (k kept) Names(ctx context.Context, prefix string) ([]string, error) {
	if err := k.may(); err != nil {
		return nil, err
	}
	return k.w.p.o.Store.Names(ctx, k.space, prefix)
}
