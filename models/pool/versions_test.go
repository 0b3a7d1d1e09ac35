package pool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// versioned is a pool of one worker for each version.
func versioned(weights map[string]int, chats map[string]script) (pool.Options, map[string]*scripted) {
	o := pool.Options{Name: "main"}
	clients := map[string]*scripted{}
	for _, name := range []string{"blue", "green"} {
		if chats[name] == nil {
			continue
		}
		c := &scripted{chat: chats[name]}
		clients[name] = c
		o.Versions = append(o.Versions, pool.Version{
			Name: name, Model: "m-" + name, Weight: weights[name], Workers: []pool.Worker{{Name: "w-" + name, Client: c}},
		})
	}
	return o, clients
}

func askAs(t *testing.T, c models.Client, affinity string) modeltest.Result {
	t.Helper()
	r := modeltest.Ask("hi")
	r.Affinity = affinity
	return modeltest.Collect(t, t.Context(), c, r)
}

func TestVersionsShareByWeightAndStick(t *testing.T) {
	chats := map[string]script{"blue": says("blue"), "green": says("green")}
	o, _ := versioned(map[string]int{"blue": 90, "green": 10}, chats)
	p := pool.New(o)
	first := map[string]string{}
	green := 0
	for i := range 1000 {
		who := fmt.Sprint("conversation ", i)
		first[who] = askAs(t, p, who).Text
		if first[who] == "green" {
			green++
		}
		if again := askAs(t, p, who); again.Text != first[who] || again.Last.Model != "m-"+first[who] {
			t.Fatalf("%s went from %s to %+v", who, first[who], again)
		}
	}
	if green < 60 || green > 140 {
		t.Errorf("green got %d of 1000 at a weight of 10", green)
	}
	// More weight for green moves some to it, and nobody away from it.
	o, _ = versioned(map[string]int{"blue": 50, "green": 50}, chats)
	p.Reload(o)
	for who, before := range first {
		if now := askAs(t, p, who).Text; before == "green" && now != "green" {
			t.Errorf("%s left green when green got more weight", who)
		}
	}
}

func TestVersionThatCannotAnswerIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := versioned(map[string]int{"blue": 1, "green": 1}, map[string]script{"blue": fails(errDown), "green": says("green")})
		p := pool.New(o)
		for i := range 40 {
			askAs(t, p, fmt.Sprint(i)) // opens blue
		}
		for i := range 100 {
			if res := askAs(t, p, fmt.Sprint(i)); res.Text != "green" {
				t.Errorf("%+v", res)
			}
		}
	})
}

func TestRollback(t *testing.T) {
	slowly := func(text string, after time.Duration) script {
		return func(ctx context.Context, yield func(models.Delta, error) bool) {
			time.Sleep(after)
			says(text)(ctx, yield)
		}
	}
	sometimes := func() script {
		n := 0
		return func(ctx context.Context, yield func(models.Delta, error) bool) {
			if n++; n%4 == 0 {
				fails(errDown)(ctx, yield)
				return
			}
			says("green")(ctx, yield)
		}
	}
	for name, test := range map[string]struct {
		green script
		back  bool
		why   string
	}{
		"well":      {says("green"), false, ""},
		"fails":     {sometimes(), true, "of its attempts fail"},
		"is slow":   {slowly("green", 3*time.Second), true, "first content takes"},
		"bad input": {fails(errBad), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, clients := versioned(map[string]int{"blue": 60, "green": 40}, map[string]script{"blue": slowly("blue", time.Second), "green": test.green})
				p := pool.New(o)
				for i := range 200 {
					askAs(t, p, fmt.Sprint(i))
				}
				v := p.Versions()[1]
				if (v.RolledBack != "") != test.back || (v.Weight == 0) != test.back || !strings.Contains(v.RolledBack, test.why) {
					t.Errorf("%+v", v)
				}
				before := clients["green"].calls.Load()
				for i := range 100 {
					askAs(t, p, fmt.Sprint(i))
				}
				if got := clients["green"].calls.Load() - before; (got == 0) != test.back {
					t.Errorf("green was asked %d times", got)
				}
				// The same configuration keeps it out, another weight is a new decision.
				p.Reload(o)
				if (p.Versions()[1].RolledBack != "") != test.back {
					t.Error("a reload without a change changed it")
				}
				o.Versions[1].Weight = 39
				p.Reload(o)
				if p.Versions()[1].RolledBack != "" {
					t.Error("the operator's decision was not taken")
				}
			})
		})
	}
}

// TestReload: who was admitted keeps the version, what is known of workers stays, and
// workers that left drain.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan struct{})
		holds := func(ctx context.Context, yield func(models.Delta, error) bool) {
			select {
			case <-finish:
				says("old")(ctx, yield)
			case <-ctx.Done():
				yield(models.Delta{}, ctx.Err())
			}
		}
		old := &scripted{chat: holds}
		p := pool.New(pool.Options{Name: "main", Model: "m", Workers: []pool.Worker{{Name: "a", Client: old, Slots: 1}, {Name: "b", Client: old, Slots: 1}}})
		var askers sync.WaitGroup
		for range 6 { // four are at work, two wait
			askers.Go(func() {
				if res := askAs(t, p, ""); res.Text != "old" || res.Last.Model != "m" {
					t.Errorf("%+v", res)
				}
			})
		}
		synctest.Wait()
		fresh := &scripted{chat: says("new")}
		p.Reload(pool.Options{Name: "main", Model: "n", Workers: []pool.Worker{{Name: "a", Client: fresh}}})
		for range 20 {
			if res := askAs(t, p, ""); res.Text != "new" || res.Last.Model != "n" {
				t.Errorf("an answer of the old version came after the switch: %+v", res)
			}
		}
		draining := 0
		for _, w := range p.Workers() {
			if w.State == models.StateDraining && w.InFlight == 2 {
				draining++
			}
		}
		if draining != 2 || p.Loads()["a"] != 2 {
			t.Errorf("%+v, %v", p.Workers(), p.Loads())
		}
		close(finish)
		askers.Wait()
		if all := p.Workers(); len(all) != 1 || all[0].Model != "n" {
			t.Errorf("what was drained is still there: %+v", all)
		}
		if len(p.Loads()) != 0 {
			t.Errorf("%v", p.Loads())
		}
	})
}

func TestReloadKeepsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &scripted{chat: fails(errDown)}
		o := pool.Options{Name: "main", Model: "m", Workers: []pool.Worker{{Name: "a", Client: bad}}}
		p := pool.New(o)
		for range 3 {
			askAs(t, p, "")
		}
		other := &scripted{chat: says("b")}
		o.Workers = append(o.Workers, pool.Worker{Name: "b", Client: other})
		p.Reload(o)
		all := p.Workers()
		if all[0].State != models.StateOpen || !errors.Is(all[0].Err, errDown) || all[1].State != models.StateNew {
			t.Errorf("%+v", all)
		}
		if res := askAs(t, p, ""); res.Text != "b" || fault.ClassOf(res.Err) != 0 {
			t.Errorf("%+v", res)
		}
	})
}

func TestGoes(t *testing.T) {
	chats := map[string]script{"blue": says("blue"), "green": says("green")}
	o, _ := versioned(map[string]int{"blue": 60, "green": 40}, chats)
	p := pool.New(o)
	for i := range 100 {
		who := fmt.Sprint("conversation ", i)
		if got := p.Goes(who); len(got) != 1 || got[0].Name != askAs(t, p, who).Text || got[0].Model != "m-"+got[0].Name {
			t.Fatalf("%s goes to %+v", who, got)
		}
	}
	if got := p.Goes(""); len(got) != 2 || got[0].Name != "blue" || got[1].Name != "green" {
		t.Errorf("without affinity: %+v", got)
	}
	if v, ok := p.Heaviest(); !ok || v.Name != "blue" {
		t.Errorf("heaviest: %+v", v)
	}
	o, _ = versioned(map[string]int{"blue": 0, "green": 40}, chats)
	p.Reload(o)
	for _, affinity := range []string{"", "conversation 1"} {
		if got := p.Goes(affinity); len(got) != 1 || got[0].Name != "green" {
			t.Errorf("%q, when blue has no weight: %+v", affinity, got)
		}
	}
}
