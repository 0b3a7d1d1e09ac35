package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// diary notes what happens to stages, in order.
type diary struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func (d *diary) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, what+" at "+time.Since(d.began).String())
}

// stage takes this long to end once it is told to.
func (d *diary) stage(name string, ending time.Duration) stage {
	return stage{name, func(ctx context.Context) error {
		<-ctx.Done()
		d.note(name + " told")
		time.Sleep(ending)
		d.note(name + " ended")
		return nil
	}}
}

// breaks fails by itself after a while.
func (d *diary) breaks(name string, after time.Duration, err error) stage {
	return stage{name, func(ctx context.Context) error {
		select {
		case <-time.After(after):
			d.note(name + " broke")
			return err
		case <-ctx.Done():
			d.note(name + " told")
			return nil
		}
	}}
}

var errBroken = errors.New("broken")

func TestRunStages(t *testing.T) {
	const bound = 10 * time.Second
	for _, c := range []struct {
		name   string
		stages func(d *diary) []stage
		// stop is when the hub is told to stop; 0 for never.
		stop time.Duration
		// together: what happens at one instant has no order.
		together bool
		want     []string
		wantErr  string
	}{
		{
			name: "in reverse, one after the other",
			stages: func(d *diary) []stage {
				return []stage{d.stage("server", time.Second), d.stage("deliverer", 2*time.Second), d.stage("adapters", 3*time.Second)}
			},
			stop: time.Minute,
			want: []string{
				"adapters told at 1m0s", "adapters ended at 1m3s", "deliverer told at 1m3s", "deliverer ended at 1m5s",
				"server told at 1m5s", "server ended at 1m6s",
			},
		},
		{
			name: "past the bound all are told at once",
			stages: func(d *diary) []stage {
				return []stage{d.stage("server", time.Second), d.stage("deliverer", 2*time.Second), d.stage("adapters", 15*time.Second)}
			},
			stop: time.Minute, together: true,
			want: []string{
				"adapters told at 1m0s", "deliverer told at 1m10s", "server told at 1m10s",
				"server ended at 1m11s", "deliverer ended at 1m12s", "adapters ended at 1m15s",
			},
		},
		{
			name: "a failure stops the others",
			stages: func(d *diary) []stage {
				return []stage{d.stage("server", time.Second), d.breaks("deliverer", time.Hour, errBroken), d.stage("adapters", time.Second)}
			},
			want: []string{
				"deliverer broke at 1h0m0s", "adapters told at 1h0m0s", "adapters ended at 1h0m1s",
				"server told at 1h0m1s", "server ended at 1h0m2s",
			},
			wantErr: "deliverer: broken",
		},
		{
			name: "a stage that ends by itself is a failure",
			stages: func(d *diary) []stage {
				return []stage{d.stage("server", 0), d.breaks("adapters", time.Hour, nil)}
			},
			want:    []string{"adapters broke at 1h0m0s", "server told at 1h0m0s", "server ended at 1h0m0s"},
			wantErr: "adapters: ended by itself",
		},
		{
			name: "every failure is told",
			stages: func(d *diary) []stage {
				return []stage{d.breaks("server", time.Hour, errBroken), d.breaks("adapters", time.Hour, errBroken)}
			},
			together: true,
			want:     []string{"adapters broke at 1h0m0s", "server broke at 1h0m0s"},
			wantErr:  "server: broken\nadapters: broken",
		},
		{
			name: "to be cancelled is no failure",
			stages: func(*diary) []stage {
				return []stage{{"server", func(ctx context.Context) error {
					<-ctx.Done()
					return context.Cause(ctx)
				}}}
			},
			stop: time.Second,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &diary{began: time.Now()}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.stop > 0 {
					time.AfterFunc(c.stop, cancel)
				}
				err := runStages(ctx, zerolog.Nop(), bound, c.stages(d))
				if got := errText(err); got != c.wantErr {
					t.Errorf("error %q, want %q", got, c.wantErr)
				}
				if c.together {
					slices.SortStableFunc(d.lines, byInstant)
				}
				if diff := gocmp.Diff(c.want, d.lines); diff != "" {
					t.Errorf("diary (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// byInstant orders lines by their time, then by their words.
func byInstant(a, b string) int {
	at := func(line string) time.Duration {
		_, when, _ := strings.Cut(line, " at ")
		d, err := time.ParseDuration(when)
		if err != nil {
			panic(err)
		}
		return d
	}
	return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a, b))
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestGroupEndsTogether runs equals: the first failure ends all, and a group whose
// members are done lasts until it is told.
func TestGroupEndsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t.Context())
		began := time.Now()
		g.run(func(context.Context) error { return nil })
		g.run(func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		g.run(func(context.Context) error {
			time.Sleep(time.Minute)
			return errBroken
		})
		if err := g.wait(); !errors.Is(err, errBroken) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began = time.Now()
		if err := newGroup(ctx).wait(); err != nil || time.Since(began) != time.Hour {
			t.Errorf("a group of none: %v after %v", err, time.Since(began))
		}
	})
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8080": true, "127.1.2.3:80": true, "[::1]:8080": true, "localhost:8080": true, "127.0.0.1:0": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "192.0.2.7:80": false, "[2001:db8::1]:80": false,
		"example.org:80": false, "localhost.example.org:80": false, "127.0.0.1": false, "": false,
	} {
		if got := loopback(address); got != want {
			t.Errorf("%q: %t", address, got)
		}
	}
}

func TestReachable(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080", ":8080": "127.0.0.1:8080", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80",
		"localhost:1": "localhost:1", "192.0.2.7:80": "192.0.2.7:80",
	} {
		if got := reachable(listen); got != want {
			t.Errorf("%q: %q, want %q", listen, got, want)
		}
	}
}

// TestHubEndsBeforeItsWorld runs a hub in a world: whichever ends first, the hub has ended
// before the world is told.
func TestHubEndsBeforeItsWorld(t *testing.T) {
	for _, c := range []struct {
		name       string
		world, hub error
		stop       bool
		want       string
	}{
		{name: "stopped", stop: true},
		{name: "the hub fails", hub: errBroken, want: "broken"},
		{name: "the world fails", world: errBroken, want: "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.stop {
					time.AfterFunc(time.Minute, cancel)
				}
				hubEnded := false
				err := behind(ctx, func(ctx context.Context) error {
					if c.world != nil {
						time.Sleep(time.Second)
						return c.world
					}
					<-ctx.Done()
					if !hubEnded {
						t.Error("the world was told before the hub had ended")
					}
					return nil
				}, func(ctx context.Context) error {
					if c.hub == nil {
						<-ctx.Done()
					}
					time.Sleep(time.Second)
					hubEnded = true
					return c.hub
				})
				if got := errText(err); got != c.want {
					t.Errorf("error %q, want %q", got, c.want)
				}
			})
		})
	}
}
