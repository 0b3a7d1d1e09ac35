package console

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// statusView is the state in the head of every page.
type statusView struct {
	Version  string
	Pools    []poolView
	Connect  string
	Problems []string
}

type poolView struct {
	Text, Class string
}

// hubView is the overview.
type hubView struct {
	Overview
	Uptime string
	Boxes  []boxView
}

type boxView struct {
	Box
	Age string
}

func viewStatus(o Overview) statusView {
	v := statusView{Version: o.Version, Connect: o.Connect, Problems: o.Problems}
	for _, p := range o.Pools {
		up := 0
		for _, w := range p.Workers {
			if w.Up {
				up++
			}
		}
		name := p.Model
		if name == "" {
			name = p.Name
		}
		pool := poolView{Class: "good", Text: name + ", " + strconv.Itoa(up) + " of " + strconv.Itoa(len(p.Workers)) + " workers"}
		switch {
		case up == 0:
			pool.Class = "bad"
		case up < len(p.Workers):
			pool.Class = "warn"
		}
		v.Pools = append(v.Pools, pool)
	}
	return v
}

func (c *Console) viewHub(o Overview) hubView {
	v := hubView{Overview: o}
	now := c.o.Now()
	if !o.Started.IsZero() {
		v.Uptime = age(now.Sub(o.Started))
	}
	v.Accounts = slices.Clone(o.Accounts)
	for i, a := range v.Accounts {
		v.Accounts[i].State = strings.ReplaceAll(a.State, "_", " ")
	}
	for _, b := range o.Boxes {
		view := boxView{Box: b}
		if !b.Oldest.IsZero() {
			view.Age = age(now.Sub(b.Oldest))
		}
		v.Boxes = append(v.Boxes, view)
	}
	return v
}

// age is how long ago something was, for people.
func age(d time.Duration) string {
	whole := func(unit time.Duration) string { return strconv.FormatInt(int64(d/unit), 10) }
	switch {
	case d < time.Second:
		return "under 1 s"
	case d < 2*time.Minute:
		return whole(time.Second) + " s"
	case d < 2*time.Hour:
		return whole(time.Minute) + " min"
	case d < 48*time.Hour:
		return whole(time.Hour) + " h"
	default:
		return whole(24*time.Hour) + " days"
	}
}
