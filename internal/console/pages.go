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
	Chats []chatView
	Paths []pathView
	// Notice is what went wrong with the form that was sent.
	Notice string
}

type overviewView struct {
	frame
	Overview hubView
	Paths    []pathView
}

// chatView is one pane.
type chatView struct {
	Chat
	Speakers []speakerView
	Bubbles  []bubbleView
	// Typed is a text that could not be sent and is kept in the composer.
	Typed string
	First bool
}

type speakerView struct {
	Person
	Hue     int
	Initial string
	Checked bool
}

func (c *Console) frame(title, here string) frame {
	return frame{Title: title, Here: here, Status: viewStatus(c.o.Status()), Playground: c.o.Playground != nil}
}

// playgroundState is what a form that was sent leaves in the page.
type playgroundState struct {
	chat, as, typed, notice string
}

func (c *Console) playgroundPage(w http.ResponseWriter, r *http.Request) {
	c.showPlayground(w, http.StatusOK, playgroundState{as: r.URL.Query().Get("as")})
}

func (c *Console) showPlayground(w http.ResponseWriter, status int, s playgroundState) {
	view := playgroundView{frame: c.frame("Playground", "playground"), Paths: c.paths(), Notice: s.notice}
	for i, chat := range c.o.Playground.Chats() {
		v := chatView{Chat: chat, First: i == 0}
		if chat.ID == s.chat {
			v.Typed = s.typed
		}
		v.Speakers = c.speakers(chat, s.as)
		for _, b := range c.o.Playground.Transcript(chat.ID) {
			v.Bubbles = append(v.Bubbles, c.viewBubble(chat.ID, b))
		}
		view.Chats = append(view.Chats, v)
	}
	c.page(w, status, "playground", view)
}

// speakers marks the one who speaks: who spoke last, else the first.
func (c *Console) speakers(chat Chat, as string) []speakerView {
	chosen := max(0, slices.IndexFunc(chat.Speakers, func(p Person) bool { return p.ID == as }))
	out := make([]speakerView, 0, len(chat.Speakers))
	for i, p := range chat.Speakers {
		out = append(out, speakerView{Person: p, Hue: c.hues[p.ID], Initial: initial(p.Name), Checked: i == chosen})
	}
	return out
}

func (c *Console) overviewPage(w http.ResponseWriter, _ *http.Request) {
	view := overviewView{frame: c.frame("Overview", "overview"), Overview: c.viewHub(), Paths: c.paths()}
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
