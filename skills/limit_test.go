package skills_test

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

const ran = "ran"

// limited is a limiter on a clock that the test holds, around skills that say ran.
type limited struct {
	*skills.Limiter
	now  time.Time
	next int
}

func limit(o skills.LimitOptions) *limited {
	l := &limited{now: skilltest.Now}
	o.Now = func() time.Time { return l.now }
	l.Limiter = skills.NewLimiter(o)
	return l
}

// run sends a turn, a new one unless o.ID is set, and gives what was answered.
func (l *limited) run(t testing.TB, o skilltest.TurnOptions) string {
	t.Helper()
	if o.ID == "" {
		l.next++
		o.ID = "turn " + strconv.Itoa(l.next)
	}
	var w skilltest.RecordingWriter
	h := l.Middleware(handler(func() error { w.Reply(core.Text{Text: ran}); return nil }))
	if err := h.Handle(t.Context(), skilltest.NewTurn(o), &w); err != nil {
		t.Fatal(err)
	}
	return w.Text()
}

func wants(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
}

const notice = "You have reached the limit of messages here (2 in 10 s). You can write again in 5 s; until then I do not answer."

func TestLimitTellsOnceAndHeals(t *testing.T) {
	l := limit(skills.LimitOptions{Count: 2, Per: 10 * time.Second})
	anna := skilltest.TurnOptions{}
	wants(t, l.run(t, anna), ran)
	wants(t, l.run(t, anna), ran)
	wants(t, l.run(t, anna), notice)
	wants(t, l.run(t, anna), "")
	wants(t, l.run(t, skilltest.TurnOptions{Name: "Bob"}), ran)
	l.now = l.now.Add(5 * time.Second)
	wants(t, l.run(t, anna), ran)
	wants(t, l.run(t, anna), "")
	l.now = l.now.Add(5 * time.Second)
	wants(t, l.run(t, anna), ran)
	wants(t, l.run(t, anna), notice)
	if got := l.Refused(); got != 4 {
		t.Errorf("%d were refused, want 4", got)
	}
}

func TestLimitSpeaksGermanAndRoundsUp(t *testing.T) {
	for per, said := range map[time.Duration]string{
		24 * time.Hour: "24 h", time.Hour: "1 h", 90 * time.Minute: "90 min", 90 * time.Second: "90 s", time.Minute: "1 min",
		1500 * time.Millisecond: "2 s", time.Millisecond: "1 s",
	} {
		l := limit(skills.LimitOptions{Count: 1, Per: per})
		wants(t, l.run(t, skilltest.TurnOptions{Language: "de"}), ran)
		wants(t, l.run(t, skilltest.TurnOptions{Language: "de"}), "Du hast die Grenze für Nachrichten erreicht (1 in "+said+
			"). In "+said+" kannst du wieder schreiben; bis dahin antworte ich nicht.")
	}
}

func TestLimitIsSharedOverSkills(t *testing.T) {
	l := skills.NewLimiter(skills.LimitOptions{Count: 1, Per: time.Hour})
	calls := 0
	one := l.Middleware(handler(func() error { calls++; return nil }))
	two := l.Middleware(handler(func() error { calls++; return nil }))
	for i, h := range []skills.Handler{one, two} {
		turn := skilltest.NewTurn(skilltest.TurnOptions{ID: strconv.Itoa(i)})
		if err := h.Handle(t.Context(), turn, &skilltest.RecordingWriter{}); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 1 {
		t.Errorf("%d skills ran, want 1", calls)
	}
}

func TestRerunCostsNothing(t *testing.T) {
	l := limit(skills.LimitOptions{Count: 2, Per: 10 * time.Second})
	again := func(id string, attempt int) skilltest.TurnOptions {
		return skilltest.TurnOptions{ID: id, Attempt: attempt}
	}
	wants(t, l.run(t, again("elsewhere", 2)), ran)
	wants(t, l.run(t, again("a", 1)), ran)
	wants(t, l.run(t, again("a", 2)), ran)
	wants(t, l.run(t, again("a", 1)), ran) // handed back by a drain: not counted as an attempt
	wants(t, l.run(t, again("b", 1)), ran)
	wants(t, l.run(t, again("c", 1)), notice)
	wants(t, l.run(t, again("c", 2)), notice)
	wants(t, l.run(t, again("d", 1)), "")
	wants(t, l.run(t, again("d", 2)), "")
	if got := l.Refused(); got != 2 {
		t.Errorf("%d were refused, want 2", got)
	}
}

func TestLimitIsSilentAmongOthers(t *testing.T) {
	l := limit(skills.LimitOptions{Count: 1, Per: 10 * time.Second, MaxText: 10})
	overheard := skilltest.TurnOptions{Place: core.Group, Overheard: true}
	long := overheard
	long.Text = strings.Repeat("a", 11)
	wants(t, l.run(t, long), "")
	wants(t, l.run(t, overheard), "")
	wants(t, l.run(t, skilltest.TurnOptions{Place: core.Group}),
		"You have reached the limit of messages here (1 in 10 s). You can write again in 10 s; until then I do not answer.")
}

func TestMaxText(t *testing.T) {
	const tooLong = "Your message has 11 characters; I read up to 10. Please send less."
	for name, c := range map[string]struct {
		turn skilltest.TurnOptions
		want string
	}{
		"just fits":    {skilltest.TurnOptions{Text: strings.Repeat("ä", 10)}, ran},
		"too long":     {skilltest.TurnOptions{Text: strings.Repeat("ä", 11)}, tooLong},
		"long caption": {skilltest.TurnOptions{Parts: []core.Part{core.Media{Caption: strings.Repeat("a", 11)}}}, tooLong},
		"long args":    {skilltest.TurnOptions{Command: "x", Args: strings.Repeat("a", 11)}, tooLong},
	} {
		t.Run(name, func(t *testing.T) { wants(t, limit(skills.LimitOptions{MaxText: 10}).run(t, c.turn), c.want) })
	}
}

func TestNoLimit(t *testing.T) {
	l := limit(skills.LimitOptions{})
	for range 100 {
		wants(t, l.run(t, skilltest.TurnOptions{Text: strings.Repeat("a", 1000)}), ran)
	}
}

func TestBurst(t *testing.T) {
	l := limit(skills.LimitOptions{Count: 60, Per: time.Minute, Burst: 3})
	for range 3 {
		wants(t, l.run(t, skilltest.TurnOptions{}), ran)
	}
	if got := l.run(t, skilltest.TurnOptions{}); got == ran {
		t.Error("a fourth message came at once")
	}
}

func TestLongestSilentIsForgotten(t *testing.T) {
	l := limit(skills.LimitOptions{Count: 1, Per: time.Hour, MaxPeople: 2})
	by := func(name string) skilltest.TurnOptions { return skilltest.TurnOptions{Name: name} }
	wants(t, l.run(t, by("Anna")), ran)
	wants(t, l.run(t, by("Bob")), ran)
	if got := l.run(t, by("Anna")); got == ran {
		t.Error("Anna was forgotten")
	}
	wants(t, l.run(t, by("Carl")), ran)
	if got := l.run(t, by("Anna")); got == ran {
		t.Error("Anna was forgotten, who wrote after Bob")
	}
	wants(t, l.run(t, by("Bob")), ran)
}

// TestLimitHolds says that in no stretch of time more messages pass than the rate
// and the burst allow, and that somebody who keeps to the rate is never refused.
func TestLimitHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count, burst := rapid.IntRange(1, 20).Draw(rt, "count"), rapid.IntRange(1, 30).Draw(rt, "burst")
		per := time.Duration(rapid.IntRange(1, 600).Draw(rt, "seconds")) * time.Second
		l := limit(skills.LimitOptions{Count: count, Per: per, Burst: burst})
		began, passed := l.now, 0
		for _, ms := range rapid.SliceOfN(rapid.IntRange(0, 5000), 1, 60).Draw(rt, "gaps") {
			l.now = l.now.Add(time.Duration(ms) * time.Millisecond)
			if l.run(t, skilltest.TurnOptions{}) == ran {
				passed++
			}
			allowed := float64(burst) + l.now.Sub(began).Seconds()*float64(count)/per.Seconds()
			if float64(passed) > allowed+1e-6 {
				rt.Fatalf("%d messages passed where %.3f are allowed", passed, allowed)
			}
		}
		steady := skilltest.TurnOptions{Name: "Steady"}
		for range 30 {
			l.now = l.now.Add(per/time.Duration(count) + time.Microsecond)
			if l.run(t, steady) != ran {
				rt.Fatal("somebody who keeps to the rate was refused")
			}
		}
	})
}

func TestLimitForManyAtOnce(t *testing.T) {
	l := skills.NewLimiter(skills.LimitOptions{Count: 50, Per: 1000 * time.Hour, MaxPeople: 4})
	var passed atomic.Int64
	h := l.Middleware(handler(func() error { passed.Add(1); return nil }))
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			turn := skilltest.NewTurn(skilltest.TurnOptions{ID: strconv.Itoa(i)})
			if err := h.Handle(t.Context(), turn, &skilltest.RecordingWriter{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := passed.Load(); got != 50 || l.Refused() != 50 {
		t.Errorf("%d passed and %d were refused, want 50 and 50", got, l.Refused())
	}
}
