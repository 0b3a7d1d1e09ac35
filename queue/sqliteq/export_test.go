package sqliteq

// InProcess tells how many mailboxes are held in process and how many bytes of
// memories the cache holds.
func (e *Engine) InProcess() (mailboxes int, cached int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.mailboxes), e.cached
}

// Alarms tells for how many mailboxes the clock is set.
func (e *Engine) Alarms() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.alarms)
}

// SweepEvery is how often the engine purges.
const SweepEvery = sweepEvery

// ParseNotes is for the fuzz target.
var ParseNotes = parseNotes
