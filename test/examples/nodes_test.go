package examples

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	hubworld "github.com/parley-hub/parley/internal/world"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/plugintest"
	"github.com/parley-hub/parley/skills/skilltest"
	"github.com/parley-hub/parley/storage/redisstore"
	"github.com/parley-hub/parley/test/redistest"
)

// newNode is a node's own process of a skill, its own connection to what nodes share, and the
// world between them.
func newNode(t *testing.T, program, redis string) skills.Handler {
	t.Helper()
	store, err := redisstore.Open(redisstore.Options{URL: secret.New(redis)})
	if err != nil {
		t.Fatal(err)
	}
	s := plugintest.Start(t, program)
	w := hubworld.New(hubworld.Options{
		Models: &models.Registry{}, Store: store, Observer: core.ObserverFunc(func(core.Event) {}), Now: time.Now,
		Reach: func(context.Context, core.PersonID) ([]session.Address, error) { return nil, nil },
		At: func(context.Context, core.PersonID, core.Conversation, core.PersonID) (bool, error) {
			return false, nil
		},
	})
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	with, release := w.Outside(s.Manifest())
	t.Cleanup(release)
	return skills.Chain(s, with)
}

// TestPollOnThreeNodes has forty people vote on three nodes at once, and change their minds at
// once on another: each vote is counted, once.
func TestPollOnThreeNodes(t *testing.T) {
	redis, program := redistest.Start(t), plugintest.Build(t, "../../skills/examples/poll")
	var nodes []skills.Handler
	for range 3 {
		nodes = append(nodes, newNode(t, program, redis.URL()))
	}
	turn := func(node int, o skilltest.TurnOptions) *skilltest.RecordingWriter {
		o.Place = core.Group
		var w skilltest.RecordingWriter
		if err := nodes[node%len(nodes)].Handle(t.Context(), skilltest.NewTurn(o), &w); err != nil {
			t.Error(err)
		}
		return &w
	}
	begun := turn(0, skilltest.TurnOptions{Command: "poll", Args: "q?; a; b; c", Name: "Ada"})
	buttons := begun.Replies()[0][1].(core.Buttons).Rows
	press := func(node int, who string, b core.Button) string {
		return turn(node, skilltest.TurnOptions{Name: who, Parts: []core.Part{core.Action{Data: b.Data}}}).Text()
	}
	a, b, c, end := buttons[0][0], buttons[0][1], buttons[1][0], buttons[2][0]
	var voting sync.WaitGroup
	for n := range 40 {
		voting.Go(func() {
			who := fmt.Sprint("P", n)
			press(n, who, []core.Button{a, b, c}[n%3])
			press(n+1, who, []core.Button{a, b}[n%2])
		})
	}
	voting.Wait()
	bar := strings.Repeat("■", 20)
	if got, want := press(2, "Ada", end), "The vote is over.\n\nq?\n"+bar+" a: 20\n"+bar+" b: 20\nc: 0"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
