package recordstest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/records"
)

// RunOrders puts what takes operators' orders to hubs through the contract. open gives new,
// empty records; the suite closes them.
func RunOrders(t *testing.T, open func(t *testing.T) Records) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *desk)
	}{
		{"OrdersAreSeenOnce", ordersAreSeenOnce},
		{"OrdersAtOnce", ordersAtOnce},
		{"OrdersKeepSwitches", ordersKeepSwitches},
		{"OrdersAreReported", ordersAreReported},
		{"OrdersEnd", ordersEnd},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t)
			t.Cleanup(func() {
				if err := r.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test.run(t, &desk{t: t, Records: r, now: past})
		})
	}
}

func (d *desk) order(what records.What, switches ...records.Switch) int64 {
	d.t.Helper()
	why := d.cause(records.Account{})
	why.Actor = records.Operator
	id, err := d.Order(d.t.Context(), why, what, switches...)
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

func ordersAreSeenOnce(t *testing.T, d *desk) {
	if id, err := d.LastOrder(t.Context()); id != 0 || err != nil {
		t.Fatalf("of nobody: %d, %v", id, err)
	}
	first := d.order(records.OrderLook)
	second := d.order(records.OrderReload)
	if last, err := d.LastOrder(t.Context()); last != second || err != nil || second <= first {
		t.Fatalf("%d, %d, the last %d, %v", first, second, last, err)
	}
	for since, want := range map[int64][]records.What{0: {records.OrderLook, records.OrderReload}, first: {records.OrderReload}, second: nil} {
		all, err := d.OrdersSince(t.Context(), since)
		if err != nil {
			t.Fatal(err)
		}
		var got []records.What
		for _, o := range all {
			got = append(got, o.What)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("since %d (-want +got):\n%s", since, diff)
		}
	}
}

func ordersAtOnce(t *testing.T, d *desk) {
	var giving sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]bool{}
	for range 8 {
		giving.Go(func() {
			id, err := d.Order(t.Context(), records.Cause{Turn: "t", Actor: records.Operator, At: past}, records.OrderLook)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[id] = true
		})
	}
	giving.Wait()
	if len(seen) != 8 || seen[0] {
		t.Errorf("ids %v", seen)
	}
}

func ordersKeepSwitches(t *testing.T, d *desk) {
	chat := records.Switch{Pool: "chat", Weights: "blue=0 green=1", Configured: "abc"}
	d.order(records.OrderUse, chat, records.Switch{Pool: "big", Weights: "main=1", Configured: "def"})
	chat.Weights, chat.Configured = "blue=50 green=50", "ghi"
	d.order(records.OrderUse, chat)
	chat.At, chat.Actor = d.now, records.Operator
	d.order(records.OrderUse, records.Switch{Pool: "big"}, records.Switch{Pool: "never"})
	got, err := d.Switches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]records.Switch{chat}, got); diff != "" {
		t.Errorf("switches (-want +got):\n%s", diff)
	}
	old := chat
	old.Configured = "abc"
	if err := d.EndSwitch(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Switches(t.Context()); len(got) != 1 || err != nil {
		t.Errorf("the end of an older one ended %v, %v", got, err)
	}
	if err := d.EndSwitch(t.Context(), chat); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Switches(t.Context()); len(got) > 0 || err != nil {
		t.Errorf("ended, and still there: %v, %v", got, err)
	}
	var audited []records.Action
	err = d.Audit(t.Context(), records.ModelSubject("chat"), func(a records.Audited) error {
		if a.Actor != records.Operator {
			t.Errorf("%+v", a)
		}
		audited = append(audited, a.Action)
		return nil
	})
	if diff := cmp.Diff([]records.Action{records.AuditUse, records.AuditUse}, audited); diff != "" || err != nil {
		t.Errorf("audit (-want +got):\n%s%v", diff, err)
	}
}

func ordersAreReported(t *testing.T, d *desk) {
	first := d.order(records.OrderLook)
	second := d.order(records.OrderLook)
	report := func(node string, seen int64, body string) records.Report {
		t.Helper()
		r := records.Report{Node: node, Seen: seen, At: d.now, Body: body}
		if err := d.Report(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	report("a", first, "old")
	alone := report("", first, "alone")
	a, b := report("a", second, "new"), report("b", second, "b")
	for order, want := range map[int64][]records.Report{first: {alone, a, b}, second: {a, b}, second + 1: nil} {
		got, err := d.Reports(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("reports on %d (-want +got):\n%s", order, diff)
		}
	}
}

func ordersEnd(t *testing.T, d *desk) {
	first := d.order(records.OrderLook)
	if err := d.Report(t.Context(), records.Report{Seen: first, At: d.now}); err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(72 * time.Hour)
	second := d.order(records.OrderReload)
	d.now = d.now.Add(72 * time.Hour)
	third := d.order(records.OrderLook)
	all, err := d.OrdersSince(t.Context(), 0)
	if err != nil || len(all) != 1 || all[0].ID != third || third <= second {
		t.Errorf("kept %+v, %v", all, err)
	}
	if got, err := d.Reports(t.Context(), 0); len(got) > 0 || err != nil {
		t.Errorf("kept %+v, %v", got, err)
	}
}
