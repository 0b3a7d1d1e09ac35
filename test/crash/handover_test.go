package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/test/hubtest"
)

var handover = flag.Int("handover", 1, "how often what only one hub may receive changes hands, and how long that takes is told")

// single are the platforms whose messages one hub at a time receives, with the names of
// their accounts.
var single = map[string]string{"telegram": "telegram", "discord gateway": "discord-gateway"}

// TestHandover has what only one hub may receive change hands, and nothing may be lost by
// it. It tells how long somebody waits for an answer who writes at the moment in
// which the hub that receives it ends: by kill -9, and by SIGTERM. It asserts no time.
func TestHandover(t *testing.T) {
	for name, account := range single {
		t.Run(name, func(t *testing.T) {
			o := optionsOfCluster(t)
			o.platforms, o.people = []string{name}, 1
			w := newWorld(t, o)
			w.start()
			w.measure(account, "nothing happens", func(*node) {})
			w.measure(account, "kill -9", func(n *node) { n.Kill() })
			w.measure(account, "SIGTERM", func(n *node) { n.Signal(syscall.SIGTERM) })
			if v := w.crowds[0].judge(); v.lost+v.reordered+v.crossed+v.wrongContext+v.other > 0 || v.doubled > w.mayDouble(w.crowds[0]) {
				t.Errorf("%+v", v)
			}
		})
	}
}

// measure ends who receives again and again, and reports how long the answers took.
func (w *world) measure(account, how string, end func(*node)) {
	w.t.Helper()
	var took []time.Duration
	for range *handover {
		var who *node
		if !w.wait("one hub receives and the others stand by", func() (err error) {
			who, err = w.receiver(account)
			return err
		}) {
			return
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), hubtest.Patience)
		began := time.Now()
		end(who)
		err := w.crowds[0].burst(ctx, 0, 1)
		took = append(took, time.Since(began))
		cancel()
		if err != nil {
			w.t.Fatalf("%v\n%s", err, strings.Join(who.Lines(), "\n"))
		}
		if how != "nothing happens" {
			w.again(who)
		}
	}
	slices.Sort(took)
	w.t.Logf("%s, %d times: median %v, worst %v", how, len(took),
		took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

// again starts a hub anew that was told to end.
func (w *world) again(n *node) {
	<-n.Ended()
	n.Start()
	w.up(n)
}

// receiver is the hub that receives an account's messages, where all others stand by.
func (w *world) receiver(account string) (*node, error) {
	var found *node
	for _, n := range w.nodes {
		_, text, err := n.Get("/metrics")
		if err != nil {
			return nil, err
		}
		in := func(state string) bool {
			return strings.Contains(text, fmt.Sprintf("parley_account_state{account=%q,state=%q} 1", account, state))
		}
		switch {
		case in("standby"):
		case in("healthy") && found == nil:
			found = n
		default:
			return nil, fmt.Errorf("%s neither receives nor stands by, or two receive", n.name)
		}
	}
	if found == nil {
		return nil, errors.New("nobody receives")
	}
	return found, nil
}
