package admission

import (
	"errors"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

func TestCrowd(t *testing.T) {
	c, ann, ben := NewCrowd(), models.Payer{Person: "ann"}, models.Payer{Person: "ben"}
	enter := func(p models.Payer, most int) func() {
		t.Helper()
		leave, err := c.Enter(p, most)
		if err != nil {
			t.Fatal(err)
		}
		return leave
	}
	first, second := enter(ann, 2), enter(ann, 2)
	var many *TooMany
	if _, err := c.Enter(ann, 2); !errors.As(err, &many) || many.Most != 2 || fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) == 0 || fault.Public(err) == "" {
		t.Errorf("the third of two: %v", err)
	}
	other, nobody, free := enter(ben, 2), enter(models.Payer{}, 1), enter(ann, 0)
	first()
	third := enter(ann, 2)
	for _, leave := range []func(){second, third, other, nobody, free} {
		leave()
	}
	if len(c.here) > 0 {
		t.Errorf("left behind: %v", c.here)
	}
}
