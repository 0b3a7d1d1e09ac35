package world_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/world"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
	"github.com/parley-hub/parley/storage"
	"github.com/parley-hub/parley/storage/sqlitestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a provider with a real store, and what became of what it was asked.
type rig struct {
	*world.Provider
	store *sqlitestore.Store
	pools pools
	at    []session.Address

	mu     sync.Mutex
	denied []string
}

type pools map[string]*model

func (p pools) Client(name string) (models.Client, bool) { m, ok := p[name]; return m, ok }
func (pools) Default() string                            { return "small" }

// model answers with its name, and remembers who asked.
type model struct {
	name string
	last models.Request
}

func (m *model) Chat(_ context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	m.last = r
	return func(yield func(models.Delta, error) bool) {
		yield(models.Delta{Text: m.name, Finish: models.FinishStop}, nil)
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "skills.db"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{store: store, pools: pools{"small": {name: "small"}, "big": {name: "big"}}}
	r.Provider = world.New(world.Options{
		Models: r.pools, Store: store, Now: time.Now,
		Secrets: map[string]map[string]secret.String{
			"poll": {"key": secret.New("hunter2"), "other": secret.New("x")}, "notes": {"key": secret.New("not poll's")},
		},
		Reach: func(_ context.Context, person core.PersonID) ([]session.Address, error) {
			if person == "" {
				return nil, errors.New("nobody")
			}
			return r.at, nil
		},
		At: func(_ context.Context, _ core.PersonID, in core.Conversation, base core.PersonID) (bool, error) {
			return slices.ContainsFunc(r.at, func(a session.Address) bool { return a.In == in && a.Base == base }), nil
		},
		Observer: core.ObserverFunc(func(e core.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if e.Stage != core.StageDenied || e.Skill == "" || e.Err == nil || e.Trace == "" {
				t.Errorf("event %+v", e)
			}
			r.denied = append(r.denied, e.Permission)
		}),
	})
	t.Cleanup(func() {
		if err := errors.Join(r.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// in runs do as a turn of the skill poll, and gives how it ended.
func (r *rig) in(t *testing.T, may skills.Permissions, o skilltest.TurnOptions, do func(w skills.World, reply skills.Writer) error) (*skilltest.RecordingWriter, error) {
	t.Helper()
	m := skills.Manifest{Name: "poll", Permissions: may}
	var w skilltest.RecordingWriter
	with, release := r.Middleware(m)
	defer release()
	h := with(skills.HandlerFunc(func(_ context.Context, turn *skills.Turn, reply skills.Writer) error {
		return do(turn.World, reply)
	}))
	return &w, h.Handle(t.Context(), skilltest.NewTurn(o), &w)
}

// refusals gives what was counted since it was last asked.
func (r *rig) refusals() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := strings.Join(r.denied, " ")
	r.denied = nil
	return out
}

// TestNothingIsAllowed: a skill whose manifest names nothing reaches nothing.
func TestNothingIsAllowed(t *testing.T) {
	r := newRig(t)
	r.at = []session.Address{{In: core.Conversation{Account: "b", Place: core.Private, Chat: "2"}}}
	for name, c := range map[string]struct {
		want string
		do   func(w skills.World, reply skills.Writer) error
	}{
		"http": {"host", func(w skills.World, _ skills.Writer) error {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/", nil)
			if err != nil {
				return err
			}
			resp, err := w.HTTP().Do(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			return err
		}},
		"secret":  {"secret", func(w skills.World, _ skills.Writer) error { _, err := w.Secret("key"); return err }},
		"model":   {"model", func(w skills.World, _ skills.Writer) error { return last(w.Chat(t.Context(), "", models.Request{})) }},
		"storage": {"storage", func(w skills.World, _ skills.Writer) error { return w.Storage().Set(t.Context(), "a", nil) }},
		"person storage": {"storage", func(w skills.World, _ skills.Writer) error {
			_, _, err := w.PersonStorage().Get(t.Context(), "a")
			return err
		}},
		"names": {"storage", func(w skills.World, _ skills.Writer) error { _, err := w.Storage().Names(t.Context(), ""); return err }},
		"tell": {"elsewhere", func(w skills.World, _ skills.Writer) error {
			_, err := w.Tell(t.Context(), core.Text{Text: "x"})
			return err
		}},
		"reply elsewhere": {"elsewhere", func(_ skills.World, reply skills.Writer) error {
			reply.ReplyIn(r.at[0].In, "p", core.Text{Text: "x"})
			return nil // it looks away, and fails all the same
		}},
	} {
		w, err := r.in(t, skills.Permissions{}, skilltest.TurnOptions{Language: "de"}, c.do)
		if !errors.Is(err, skills.ErrDenied) || fault.ClassOf(err) != fault.Permanent || !strings.Contains(fault.Public(err), "nicht darf") {
			t.Errorf("%s: %v, public %q", name, err, fault.Public(err))
		}
		if got := r.refusals(); got != c.want || len(w.Elsewhere()) > 0 {
			t.Errorf("%s: counted as %q, said %v", name, got, w.Elsewhere())
		}
	}
}

// last drains an answer and gives its fault.
func last(answer iter.Seq2[models.Delta, error]) (err error) {
	for _, err = range answer {
	}
	return err
}

func TestSecrets(t *testing.T) {
	r := newRig(t)
	_, err := r.in(t, skills.Permissions{Secrets: []string{"key", "gone"}}, skilltest.TurnOptions{}, func(w skills.World, _ skills.Writer) error {
		s, err := w.Secret("key")
		if err != nil || s.Reveal() != "hunter2" {
			t.Errorf("%q, %v", s.Reveal(), err)
		}
		if _, err := w.Secret("other"); !errors.Is(err, skills.ErrDenied) {
			t.Errorf("a secret that the manifest does not name: %v", err)
		}
		_, err = w.Secret("gone")
		return err
	})
	if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "skills.secrets.poll.gone") {
		t.Errorf("one that is not configured: %v", err)
	}
}

func TestModelsAreBilled(t *testing.T) {
	r := newRig(t)
	_, err := r.in(t, skills.Permissions{Models: []string{"default", "gone"}}, skilltest.TurnOptions{Role: skills.Admin}, func(w skills.World, _ skills.Writer) error {
		for _, pool := range []string{"", "small"} {
			var text string
			for d, err := range w.Chat(t.Context(), pool, models.Request{For: models.Payer{Person: "somebody else"}}) {
				if err != nil {
					return err
				}
				text += d.Text
			}
			if text != "small" {
				t.Errorf("pool %q said %q", pool, text)
			}
		}
		if err := last(w.Chat(t.Context(), "big", models.Request{})); !errors.Is(err, skills.ErrDenied) {
			t.Errorf("big: %v", err)
		}
		if err := last(w.Chat(t.Context(), "gone", models.Request{})); fault.ClassOf(err) != fault.NeedsHuman {
			t.Errorf("gone: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := models.Payer{Account: "account", Person: string(core.PersonOf("realm", "id-Anna")), Role: "admin", Skill: "poll"}
	if got := r.pools["small"].last; got.For != want || got.Trace != "trace" {
		t.Errorf("%+v, want %+v", got.For, want)
	}
}

func TestStorage(t *testing.T) {
	r := newRig(t)
	may := skills.Permissions{Storage: 20}
	in := func(name string, do func(w skills.World) error) {
		t.Helper()
		if _, err := r.in(t, may, skilltest.TurnOptions{Name: name}, func(w skills.World, _ skills.Writer) error { return do(w) }); err != nil {
			t.Fatal(err)
		}
	}
	in("Anna", func(w skills.World) error {
		return errors.Join(w.Storage().Set(t.Context(), "votes", []byte("1")), w.PersonStorage().Set(t.Context(), "mine", []byte("a")), w.PersonStorage().Set(t.Context(), "nil", nil))
	})
	in("Bert", func(w skills.World) error {
		if value, ok, err := w.Storage().Get(t.Context(), "votes"); string(value) != "1" || !ok || err != nil {
			t.Errorf("the skill's own: %q, %v, %v", value, ok, err)
		}
		if _, ok, err := w.PersonStorage().Get(t.Context(), "mine"); ok || err != nil {
			t.Errorf("somebody else's is read: %v, %v", ok, err)
		}
		for _, c := range []struct {
			was, now string
			want     bool
		}{{"2", "3", false}, {"1", "2", true}} {
			if done, err := w.Storage().Swap(t.Context(), "votes", []byte(c.was), []byte(c.now)); done != c.want || err != nil {
				t.Errorf("swap %s: %v, %v", c.was, done, err)
			}
		}
		err := w.PersonStorage().Set(t.Context(), "long", make([]byte, 17))
		if !errors.Is(err, skills.ErrFull) || fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "" {
			t.Errorf("more than the quota: %v", err)
		}
		return nil
	})
	if got := r.refusals(); got != "storage" {
		t.Errorf("counted as %q", got)
	}
	in("Anna", func(w skills.World) error {
		names, err := w.PersonStorage().Names(t.Context(), "")
		if diff := cmp.Diff([]string{"mine", "nil"}, names); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if value, ok, err := w.PersonStorage().Get(t.Context(), "nil"); len(value) > 0 || !ok || err != nil {
			t.Errorf("nil is kept as %q, %v, %v", value, ok, err)
		}
		return errors.Join(err, w.PersonStorage().Delete(t.Context(), "mine"))
	})
	if _, ok, err := r.store.Get(t.Context(), storage.Space{Skill: "poll", Person: core.PersonOf("realm", "id-Anna")}, "mine"); ok || err != nil {
		t.Errorf("it is still there: %v", err)
	}
}

func TestTell(t *testing.T) {
	r := newRig(t)
	tell := func(want bool, o skilltest.TurnOptions) *skilltest.RecordingWriter {
		t.Helper()
		w, err := r.in(t, skills.Permissions{Elsewhere: true}, o, func(w skills.World, _ skills.Writer) error {
			told, err := w.Tell(t.Context(), core.Text{Text: "hi"})
			if told != want {
				t.Errorf("told is %v", told)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	if w := tell(false, skilltest.TurnOptions{Place: core.Group}); len(w.Elsewhere()) > 0 {
		t.Errorf("said %v", w.Elsewhere())
	}
	if w := tell(true, skilltest.TurnOptions{}); len(w.Elsewhere()) != 1 || w.Elsewhere()[0].To.Chat != "chat-Anna" {
		t.Errorf("somebody of whom the records do not know yet was told %v", w.Elsewhere())
	}
	for i := range 2 {
		r.at = append(r.at, session.Address{In: core.Conversation{Account: "b", Place: core.Private, Chat: core.ChatID(fmt.Sprint(i))}, Base: core.PersonID(fmt.Sprint("p", i))})
	}
	got := tell(true, skilltest.TurnOptions{Place: core.Group}).Elsewhere()
	want := []skilltest.Elsewhere{
		{To: r.at[0].In, Person: "p0", Parts: []core.Part{core.Text{Text: "hi"}}}, {To: r.at[1].In, Person: "p1", Parts: []core.Part{core.Text{Text: "hi"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A skill that fails keeps its own fault.
func TestOwnFaultStays(t *testing.T) {
	r := newRig(t)
	own := errors.New("mine")
	_, err := r.in(t, skills.Permissions{}, skilltest.TurnOptions{}, func(_ skills.World, reply skills.Writer) error {
		reply.ReplyIn(core.Conversation{}, "p", core.Text{Text: "x"})
		return own
	})
	if !errors.Is(err, own) {
		t.Errorf("%v", err)
	}
}
