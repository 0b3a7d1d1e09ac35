package playground

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/offline"
	discordsim "github.com/parley-hub/parley/simulators/discord"
)

// TestIncidents tells the story of each fault without a hub: the test says what one
// would do.
func TestIncidents(t *testing.T) {
	p, _ := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	updates := p.Subscribe(ctx)
	told := func(want string) {
		t.Helper()
		for {
			lines := p.Notes("discord")
			if len(lines) > 0 && strings.Contains(lines[len(lines)-1].Text, want) {
				return
			}
			next(t, updates, func(u console.Update) bool { return u.Phone == "discord" })
		}
	}
	d := p.seat("discord").phone.(*discord)
	hub := func(stage core.Stage) { p.Observe(core.Event{Stage: stage, Account: "discord"}) }
	post := func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+*d.host.Load()+"/api/v10/channels/"+d.channels[ada]+"/messages", strings.NewReader(`{"content":"x"}`))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bot "+discordToken)
		req.Header.Set("User-Agent", "DiscordBot (test, 1)")
		req.Header.Set("Content-Type", "application/json")
		return send(req, http.StatusOK)
	}
	for _, c := range []struct {
		kind   faultKind
		stages []core.Stage
		over   string
	}{
		{faultBusy, []core.Stage{core.StageDelivered}, "The answer came after"},
		{faultError, []core.Stage{core.StageDelivered}, "The answer came all the same"},
		{faultLost, []core.Stage{core.StageDelivered}, "nothing is doubled"},
		{faultLost, []core.Stage{core.StageUnsure, core.StageDelivered}, "sent it once more"},
	} {
		if err := p.Fail(ctx, "discord", string(c.kind)); err != nil {
			t.Fatal(err)
		}
		told("Armed")
		if err := post(); err != nil {
			t.Errorf("%s met a draft: %v", c.kind, err)
		}
		hub(core.StageSkill)
		if err := post(); err == nil {
			t.Errorf("%s met nothing", c.kind)
		}
		told(strings.TrimPrefix(struck[c.kind], "%s"))
		for _, s := range c.stages {
			hub(s)
		}
		told(c.over)
		if err := post(); err != nil {
			t.Errorf("%s was met twice: %v", c.kind, err)
		}
	}
	if err := errors.Join(p.Fail(ctx, "discord", string(faultBusy)), p.Fail(ctx, "discord", string(faultTwice))); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Speak(discordsim.Utterance{Channel: d.channels[ada], From: d.people[ada], Text: "x"}); err != nil {
		t.Fatal(err)
	}
	told("delivered your message twice")
	hub(core.StageSkill)
	if err := post(); err != nil {
		t.Errorf("a fault that another took the place of was met: %v", err)
	}
	hub(core.StageDuplicate)
	told("answered once")
}

// TestLine cuts a platform off and mends it: it comes back at its place.
func TestLine(t *testing.T) {
	p, _ := start(t)
	s := p.seat("slack")
	ask := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.line.address+"/api/api.test", nil)
		if err != nil {
			return err
		}
		return send(req, http.StatusOK)
	}
	for range 2 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		s.line.cut()
		if err := ask(); err == nil {
			t.Error("a platform that is cut off answers")
		}
		if err := s.line.mend(); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
}

// TestTroubles asks for restarts, one at a time, and for a model that is out or slow.
func TestTroubles(t *testing.T) {
	p, _ := start(t)
	trouble := func(kind troubleKind) {
		t.Helper()
		if err := p.Fail(t.Context(), console.TheHub, string(kind)); err != nil {
			t.Fatal(err)
		}
	}
	last := func() string {
		lines := p.Notes(console.TheHub)
		return lines[len(lines)-1].Text
	}
	p.Hub("http://127.0.0.1:1")
	if n := len(p.Notes(console.TheHub)); n != 0 {
		t.Errorf("%d notes about a start", n)
	}
	trouble(troubleRestart)
	trouble(troubleRestart)
	<-p.Restarts()
	select {
	case <-p.Restarts():
		t.Error("two restarts at once")
	default:
	}
	p.Hub("http://127.0.0.1:1")
	if n := len(p.Notes(console.TheHub)); n != 2 || !strings.Contains(last(), "back after") {
		t.Errorf("%d notes, the last %q", n, last())
	}
	if err := p.Fail(t.Context(), console.TheHub, "fire"); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("a trouble of no kind: %v", err)
	}
	for _, f := range p.Troubles() {
		if f.ID == "" || f.Label == "" || f.About == "" {
			t.Errorf("%+v", f)
		}
	}
}

// TestModels asks a model in each mood.
func TestModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Playground{}
		p.incidents = newIncidents(p)
		words := offline.New(nil, time.Millisecond)
		whole, _ := ask(t, words)
		began := time.Now()
		text, err := ask(t, p.Model(words))
		quick := time.Since(began)
		if err != nil || text != whole {
			t.Errorf("%q, %v", text, err)
		}
		if err := p.trouble(troubleOut); err != nil {
			t.Fatal(err)
		}
		if text, err := ask(t, p.Model(words)); fault.ClassOf(err) != fault.Retryable || text != "" {
			t.Errorf("a model that is out says %q, %v", text, err)
		}
		if err := p.trouble(troubleSlow); err != nil || (moody{p, nil}).mood() != troubleOut {
			t.Errorf("two moods at once: %s, %v", (moody{p, nil}).mood(), err)
		}
		time.Sleep(outFor + time.Second)
		if text, err := ask(t, p.Model(words)); err != nil || text != whole {
			t.Errorf("afterwards %q, %v", text, err)
		}
		if err := p.trouble(troubleSlow); err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		if text, err := ask(t, p.Model(words)); err != nil || text != whole || time.Since(began) < slowFor || quick > time.Second {
			t.Errorf("slow in %v, quick in %v: %q, %v", time.Since(began), quick, text, err)
		}
		p.Close()
	})
}

func ask(t *testing.T, c models.Client) (text string, err error) {
	t.Helper()
	for d, err := range c.Chat(t.Context(), models.Request{}) {
		if err != nil {
			return text, err
		}
		text += d.Text
	}
	return text, nil
}
