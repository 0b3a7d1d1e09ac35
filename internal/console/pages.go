package console

import (
	"net/http"
	"slices"
	"time"
)

// maxPaths is how many messages' paths a page shows; console.js drops the oldest
// beyond the same number.
const maxPaths = 50

// frame is what every page has.
type frame struct {
	Title  string
	Here   string
	Status statusView
	// Playground tells whether there is one to link to.
	Playground bool
}

type playgroundView struct {
	frame
	Slots  []slotView
	People []personView
	Paths  []pathView
	Notes  notesView
	// Troubles are those of the hub.
	Troubles []Fault
	// Notice is what went wrong with the form that was sent.
	Notice string
}

type overviewView struct {
	frame
	Overview hubView
	Paths    []pathView
}

// slotView is a place on the desk: a phone, or some with a switch between them.
type slotView struct {
	ID, Name string
	Phones   []phoneView
	// First is the one that a narrow page shows.
	First bool
}

// phoneView is one phone ready for the template.
type phoneView struct {
	// Look is the phone whose look it has.
	Look, Mode, Remark string
	Link               linkView
	// Checked is set for the one that a switch shows.
	Checked  bool
	ID, Name string
	People   []personView
	Places   []placeView
	Panes    []paneView
	Faults   []Fault
	Notes    notesView
	Health   healthView
	// Typed is a text that could not be sent and is kept in the composer.
	Typed string
}

type personView struct {
	Person
	Index, Hue int
	Initial    string
	Checked    bool
}

type placeView struct {
	Place
	Index   int
	Checked bool
}

// paneView is one chat of a phone: of one person, or of all.
type paneView struct {
	Chat, Phone string
	Place       Place
	PlaceIndex  int
	Owner       string
	OwnerIndex  int
	Shared      bool
	Form        string
	Bubbles     []bubbleView
	Label       string
}

func (c *Console) frame(title, here string) frame {
	return frame{Title: title, Here: here, Status: viewStatus(c.o.Status()), Playground: c.o.Playground != nil}
}

// playgroundState is what a form that was sent leaves in the page.
type playgroundState struct {
	phone, place, as, typed, notice string
}

func (c *Console) playgroundPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c.showPlayground(w, http.StatusOK, playgroundState{phone: q.Get("phone"), place: q.Get("place"), as: q.Get("as")})
}

func (c *Console) showPlayground(w http.ResponseWriter, status int, s playgroundState) {
	view := playgroundView{frame: c.frame("Playground", "playground"), Paths: c.paths(), Notes: c.viewNotes(TheHub), Troubles: c.o.Playground.Troubles(), Notice: s.notice}
	health := healthOf(c.o.Status())
	for _, phone := range c.phones {
		v := phoneView{
			ID: phone.ID, Name: phone.Name, Faults: phone.Faults, Health: health(phone), Look: phone.ID, Mode: phone.Mode,
			Notes: c.viewNotes(phone.ID), People: c.people(phone, s.as), Link: c.viewLink(phone.ID), Remark: phone.Remark,
			Checked: phone.With == "",
		}
		if phone.With != "" {
			v.Look = phone.With
		}
		if phone.ID == s.phone {
			v.Typed = s.typed
		}
		v.Places, v.Panes = c.places(phone, s)
		view.put(v, s.phone)
	}
	if i := slices.IndexFunc(view.Slots, func(l slotView) bool { return l.First }); i < 0 && len(view.Slots) > 0 {
		view.Slots[0].First = true
	}
	if len(c.phones) > 0 {
		view.People = c.people(c.phones[0], s.as)
	}
	c.page(w, status, "playground", view)
}

// put gives a phone its place; shown is the phone that a form was sent from.
func (v *playgroundView) put(p phoneView, shown string) {
	i := slices.IndexFunc(v.Slots, func(l slotView) bool { return l.ID == p.Look })
	if i < 0 {
		v.Slots = append(v.Slots, slotView{ID: p.Look, Name: p.Name})
		i = len(v.Slots) - 1
	}
	slot := &v.Slots[i]
	slot.Phones = append(slot.Phones, p)
	if p.ID != shown {
		return
	}
	slot.First = true
	for j := range slot.Phones {
		slot.Phones[j].Checked = slot.Phones[j].ID == shown
	}
}

// people marks the one who speaks: who spoke last, else the first.
func (c *Console) people(phone Phone, as string) []personView {
	chosen := max(0, slices.IndexFunc(phone.People, func(p Person) bool { return p.ID == as }))
	out := make([]personView, 0, len(phone.People))
	for i, p := range phone.People {
		out = append(out, personView{Person: p, Index: i, Hue: c.hues[p.ID], Initial: initial(p.Name), Checked: i == chosen})
	}
	return out
}

// places are the entries of the list of chats and the chats behind them.
func (c *Console) places(phone Phone, s playgroundState) ([]placeView, []paneView) {
	chosen := 0
	if phone.ID == s.phone {
		chosen = max(0, slices.IndexFunc(phone.Places, func(p Place) bool { return p.ID == s.place }))
	}
	var places []placeView
	var panes []paneView
	for i, place := range phone.Places {
		places = append(places, placeView{Place: place, Index: i, Checked: i == chosen})
		for j, person := range phone.People {
			chat := place.Chats[person.ID]
			if slices.ContainsFunc(panes, func(p paneView) bool { return p.Chat == chat }) {
				continue
			}
			pane := paneView{
				Chat: chat, Phone: phone.ID, Place: place, PlaceIndex: i, Owner: person.Name, OwnerIndex: j,
				Shared: place.shared(), Form: "composer-" + phone.ID,
			}
			pane.Label = phone.Name + ", " + place.Title
			if !pane.Shared {
				pane.Label += ", as " + person.Name
			}
			for _, b := range c.o.Playground.Transcript(chat) {
				pane.Bubbles = append(pane.Bubbles, c.viewBubble(phone.ID, chat, b))
			}
			panes = append(panes, pane)
		}
	}
	return places, panes
}

// shared tells whether all people have one chat in this place.
func (p Place) shared() bool {
	first := ""
	for _, chat := range p.Chats {
		if first != "" && chat != first {
			return false
		}
		first = chat
	}
	return len(p.Chats) > 1
}

func (c *Console) overviewPage(w http.ResponseWriter, _ *http.Request) {
	view := overviewView{frame: c.frame("Overview", "overview"), Overview: c.viewHub(c.o.Status()), Paths: c.paths()}
	c.page(w, http.StatusOK, "overview", view)
}

func (c *Console) paths() []pathView {
	if c.o.Journeys == nil {
		return nil
	}
	recent := c.o.Journeys.Recent(maxPaths)
	out := make([]pathView, 0, len(recent))
	for _, j := range recent {
		out = append(out, viewPath(j))
	}
	return out
}

func initial(name string) string {
	for _, r := range name {
		return string(r)
	}
	return "?"
}

// clock is how a time of day is shown, in the hub's own time zone.
func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// machine is how a time is given to programs.
func machine(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
