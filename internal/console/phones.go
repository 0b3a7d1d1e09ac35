package console

import (
	"slices"
	"strings"
)

// shownNotes is how many lines a phone shows about its faults.
const shownNotes = 3

// notesView is the lines about a phone's faults, newest first.
type notesView struct {
	Phone string
	Notes []noteView
}

type noteView struct {
	Note
	Time, Machine string
}

// healthView is how a phone's account is.
type healthView struct {
	Phone, Name string
	Up, Known   bool
	State       string
	Detail      string
}

func (c *Console) viewNotes(phone string) notesView {
	v := notesView{Phone: phone}
	all := c.o.Playground.Notes(phone)
	for _, n := range slices.Backward(all[max(0, len(all)-shownNotes):]) {
		v.Notes = append(v.Notes, noteView{n, clock(n.At), machine(n.At)})
	}
	return v
}

// healthOf finds how each phone's account is in an overview.
func healthOf(o Overview) func(Phone) healthView {
	return func(p Phone) healthView {
		v := healthView{Phone: p.ID, Name: p.Name}
		for _, a := range o.Accounts {
			if a.Name == p.Account {
				v.Known, v.Up, v.State, v.Detail = true, a.Up, strings.ReplaceAll(a.State, "_", " "), a.Detail
			}
		}
		return v
	}
}

// findChat finds a chat, the phone it is on, and where.
func (c *Console) findChat(chat string) (Phone, Place, bool) {
	for _, phone := range c.phones {
		for _, place := range phone.Places {
			for _, id := range place.Chats {
				if id == chat {
					return phone, place, true
				}
			}
		}
	}
	return Phone{}, Place{}, false
}

// chatsOf lists the chats of a phone, each once, in the order of its places and people.
func chatsOf(p Phone) []string {
	var out []string
	for _, place := range p.Places {
		for _, person := range p.People {
			if id := place.Chats[person.ID]; !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}
