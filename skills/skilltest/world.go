package skilltest

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
)

// World is skills.World in memory. What Manifest does not allow is refused as the hub
// refuses it; the zero World refuses everything. It is safe for concurrent use.
type World struct {
	Manifest skills.Manifest
	// Language is that of refusals.
	Language string
	// Answers serves the calls; nil for nobody who answers.
	Answers http.Handler
	// Secrets are those of the configuration.
	Secrets map[string]string
	// Models answer, by the name of their pool; the default one is called "default".
	Models map[string]models.Client
	// Unreachable is true for somebody who never wrote in private.
	Unreachable bool

	mu         sync.Mutex
	own, their map[string][]byte
	told       [][]core.Part
	denied     []skills.Permission
}

var _ skills.World = (*World)(nil)

var (
	errNobody   = errors.New("nobody answers")
	errNoSecret = errors.New("the configuration has no such secret")
	errNoPool   = errors.New("there is no such pool of models")
)

// NewWorld makes the world of a skill.
func NewWorld(m skills.Manifest) *World { return &World{Manifest: m} }

// Denied gives what was refused, in order.
func (w *World) Denied() []skills.Permission {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.denied)
}

// Told gives what was said elsewhere, in order.
func (w *World) Told() [][]core.Part {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told)
}

func (w *World) deny(p skills.Permission, what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.denied = append(w.denied, p)
	return skills.Denied(w.Manifest.Name, p, what, w.Language)
}

// HTTP implements skills.World.
func (w *World) HTTP() skills.HTTP { return calls{w} }

type calls struct{ w *World }

// Do implements skills.HTTP. Redirections are not followed.
func (c calls) Do(r *http.Request) (*http.Response, error) {
	standard := map[string]string{"http": "80", "https": "443"}[r.URL.Scheme]
	port := r.URL.Port()
	if port == "" {
		port = standard
	}
	if ok, _ := c.w.Manifest.Permissions.MayCall(r.URL.Hostname(), port, port == standard); !ok || standard == "" {
		return nil, c.w.deny(skills.PermitHost, r.URL.Host)
	}
	if err := r.Context().Err(); err != nil {
		return nil, fault.New(fault.Retryable, "call "+r.URL.Hostname(), err)
	}
	if c.w.Answers == nil {
		return nil, fault.New(fault.Retryable, "call "+r.URL.Hostname(), errNobody)
	}
	rec := httptest.NewRecorder()
	c.w.Answers.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// Secret implements skills.World.
func (w *World) Secret(name string) (secret.String, error) {
	if !w.Manifest.Permissions.MayRead(name) {
		return secret.String{}, w.deny(skills.PermitSecret, name)
	}
	value, ok := w.Secrets[name]
	if !ok {
		return secret.String{}, fault.New(fault.NeedsHuman, "secret "+name, errNoSecret)
	}
	return secret.New(value), nil
}

// Chat implements skills.World.
func (w *World) Chat(ctx context.Context, pool string, r models.Request) iter.Seq2[models.Delta, error] {
	fail := func(err error) iter.Seq2[models.Delta, error] {
		return func(yield func(models.Delta, error) bool) { yield(models.Delta{}, err) }
	}
	if pool == "" {
		pool = skills.DefaultPool
	}
	if !w.Manifest.Permissions.MayAsk(pool, skills.DefaultPool) {
		return fail(w.deny(skills.PermitModel, pool))
	}
	client, ok := w.Models[pool]
	if !ok {
		return fail(fault.New(fault.NeedsHuman, "pool "+pool, errNoPool))
	}
	r.For.Skill = w.Manifest.Name
	return client.Chat(ctx, r)
}

// Tell implements skills.World.
func (w *World) Tell(_ context.Context, parts ...core.Part) (bool, error) {
	if !w.Manifest.Permissions.Elsewhere {
		return false, w.deny(skills.PermitElsewhere, "tell")
	}
	if w.Unreachable {
		return false, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, slices.Clone(parts))
	return true, nil
}

// Storage implements skills.World.
func (w *World) Storage() skills.Storage { return kept{w, &w.own} }

// PersonStorage implements skills.World. It is the same whoever speaks.
func (w *World) PersonStorage() skills.Storage { return kept{w, &w.their} }

// kept is one space of a skill.
type kept struct {
	w  *World
	in *map[string][]byte
}

func (k kept) may(name string, value []byte) error {
	switch {
	case k.w.Manifest.Permissions.Storage <= 0:
		return k.w.deny(skills.PermitStorage, "none")
	case name == "" || len(name) > skills.MaxStorageName || len(value) > skills.MaxStorageValue:
		return fault.New(fault.Permanent, "storage", errors.New("the name or the value is too long, or there is no name"))
	}
	return nil
}

// Get implements skills.Storage.
func (k kept) Get(_ context.Context, name string) ([]byte, bool, error) {
	if err := k.may(name, nil); err != nil {
		return nil, false, err
	}
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	value, ok := (*k.in)[name]
	return slices.Clone(value), ok, nil
}

// Set implements skills.Storage.
func (k kept) Set(_ context.Context, name string, value []byte) error {
	_, err := k.put(name, nil, append([]byte{}, value...), false)
	return err
}

// Swap implements skills.Storage.
func (k kept) Swap(_ context.Context, name string, was, value []byte) (bool, error) {
	return k.put(name, was, value, true)
}

// Delete implements skills.Storage.
func (k kept) Delete(_ context.Context, name string) error {
	_, err := k.put(name, nil, nil, false)
	return err
}

func (k kept) put(name string, was, value []byte, only bool) (bool, error) {
	if err := k.may(name, value); err != nil {
		return false, err
	}
	k.w.mu.Lock()
	old, there := (*k.in)[name]
	if only && (there != (was != nil) || string(old) != string(was)) {
		k.w.mu.Unlock()
		return false, nil
	}
	next := maps.Clone(*k.in)
	if next == nil {
		next = map[string][]byte{}
	}
	delete(next, name)
	if value != nil {
		next[name] = slices.Clone(value)
	}
	full := size(next) > k.w.Manifest.Permissions.Storage && size(next) > size(*k.in)
	if !full {
		*k.in = next
	}
	k.w.mu.Unlock()
	if full {
		return false, fault.New(fault.Permanent, "storage", skills.ErrFull)
	}
	return true, nil
}

func size(entries map[string][]byte) int64 {
	n := 0
	for name, value := range entries {
		n += len(name) + len(value)
	}
	return int64(n)
}

// Names implements skills.Storage.
func (k kept) Names(_ context.Context, prefix string) ([]string, error) {
	if err := k.may("-", nil); err != nil {
		return nil, err
	}
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(*k.in)) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}
