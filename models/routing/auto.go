package routing

// auto goes to the worker where a prompt is answered soonest.
type auto struct {
	base
	index *Index
}

func (a *auto) Pick(p Prompt, workers []Worker) int {
	if open, _ := a.begin(workers); open == 0 {
		return -1
	}
	return a.byLot(workers)
}

func (a *auto) Cost(p Prompt, w Worker) float64 { return 0 }
