package admission

import (
	"fmt"
	"sync"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// Crowd bounds how many requests of one person are under way at a time: those that wait
// in line, and those that are answered. It counts those of this process. Its methods are
// safe for concurrent use.
type Crowd struct {
	mu   sync.Mutex
	here map[string]int
}

// NewCrowd makes a Crowd that is empty.
func NewCrowd() *Crowd { return &Crowd{here: map[string]int{}} }

// Enter lets a person's request in, if there are fewer of the person's than most; 0 is no
// bound, and neither are requests of nobody bound. leave must be called once. A refusal is
// a RateLimited fault that wraps a TooMany.
func (c *Crowd) Enter(p models.Payer, most int) (leave func(), err error) {
	if p.Person == "" || most <= 0 {
		return func() {}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.here[p.Person] >= most {
		return nil, fault.New(fault.RateLimited, "admit", &TooMany{Most: most}, fault.WithWait(settleSoon), fault.WithPublic(
			fmt.Sprintf("I am still busy with %d questions of yours. Please wait until one of them is answered.", most)))
	}
	c.here[p.Person]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.here[p.Person]--; c.here[p.Person] == 0 {
			delete(c.here, p.Person)
		}
	}, nil
}

// TooMany is wrapped by the fault of a request beside which a person has too many others.
type TooMany struct{ Most int }

// Error is for the log.
func (e *TooMany) Error() string { return fmt.Sprintf("the person has %d requests under way", e.Most) }

// Full is wrapped by the RateLimited fault of a request for which the line is too long.
type Full struct {
	// Place is where in line it would be, Wait when to come back.
	Place int
	Wait  time.Duration
	// Because says what bound it met: ErrFull, ErrShed, or how long a person waits.
	Because error
}

// Error is for the log.
func (e *Full) Error() string { return fmt.Sprintf("place %d in line: %v", e.Place, e.Because) }

// Unwrap gives what bound it met.
func (e *Full) Unwrap() error { return e.Because }
