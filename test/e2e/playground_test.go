package e2e

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/test/hubtest"
)

// player plays in the playground as somebody who only has a browser, and one without
// scripts at that.
type player struct {
	t   *testing.T
	hub *hubtest.Hub
}

func newPlayer(t *testing.T) player {
	t.Helper()
	h := hubtest.New(t, "")
	h.Start()
	h.WaitReady()
	return player{t, h}
}

// eventually waits for something that nobody tells.
func (p player) eventually(what string, ok func() bool) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(hubtest.Patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			lines := p.hub.Lines()
			p.t.Fatalf("%s: it did not happen\n%s", what, strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	}
}

// page gives the playground; empty while the hub restarts.
func (p player) page() string {
	status, body, err := p.hub.Get("/")
	if err != nil || status != http.StatusOK {
		return ""
	}
	return body
}

// do sends a phone's form and gives the status.
func (p player) do(path, phone, place, as, text string) int {
	p.t.Helper()
	form := url.Values{"phone": {phone}, "place": {place}, "as": {as}, "text": {text}}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://"+p.hub.Address+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

func (p player) say(phone, place, as, text string) {
	p.t.Helper()
	if status := p.do("/say", phone, place, as, text); status != http.StatusSeeOther {
		p.t.Fatalf("%s on %s: %d", as, phone, status)
	}
}

var (
	botBubbles = regexp.MustCompile(`(?s)<li class="bubble bot.*?</li>`)
	tags       = regexp.MustCompile(`<[^>]*>`)
)

// answers are what the bot said in a chat, as text.
func (p player) answers(chat string) []string {
	_, rest, _ := strings.Cut(p.page(), `id="chat-`+chat+`"`)
	pane, _, _ := strings.Cut(rest, "</ol>")
	var out []string
	for _, li := range botBubbles.FindAllString(pane, -1) {
		out = append(out, html.UnescapeString(tags.ReplaceAllString(li, "")))
	}
	return out
}

// notes are the lines about a phone's faults.
func (p player) notes(phone string) string {
	_, rest, _ := strings.Cut(p.page(), `id="notes-`+phone+`"`)
	notes, _, _ := strings.Cut(rest, "</div>")
	return html.UnescapeString(tags.ReplaceAllString(notes, ""))
}

var phoneNames = []string{"telegram", "slack", "whatsapp", "discord"}

// TestPlayground starts the hub without any configuration and talks to it on each
// phone, as both people, in private and in groups.
func TestPlayground(t *testing.T) {
	t.Parallel()
	p := newPlayer(t)
	for _, phone := range phoneNames {
		for _, as := range []string{"ada", "ben"} {
			p.say(phone, "private", as, "/whoami")
			name := "Name: " + strings.ToUpper(as[:1]) + as[1:]
			p.eventually(as+" is answered on "+phone, func() bool {
				all := p.answers(phone + "-" + as)
				return len(all) == 1 && (strings.Contains(all[0], name) || strings.Contains(all[0], "Name: "+as))
			})
		}
		if phone == "whatsapp" {
			continue // the Cloud API has no groups
		}
		p.say(phone, "group", "ada", "what a day")
		p.say(phone, "group", "ben", "@parley /status")
		p.eventually("Ben is answered in the group on "+phone, func() bool {
			all := p.answers(phone + "-group")
			return len(all) == 1 && strings.Contains(all[0], "I am up. Version dev")
		})
	}
	for _, wrong := range []struct {
		phone, place, as string
		status           int
	}{
		{"fax", "private", "ada", http.StatusNotFound}, {"whatsapp", "group", "ada", http.StatusNotFound},
		{"slack", "private", "eve", http.StatusUnprocessableEntity},
	} {
		if status := p.do("/say", wrong.phone, wrong.place, wrong.as, "hello"); status != wrong.status {
			t.Errorf("%+v: %d", wrong, status)
		}
	}
	if code := p.hub.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, line := range p.hub.Lines() {
		if strings.Contains(line, "of-no-real") || strings.Contains(line, "playground-words") {
			t.Errorf("a secret in the log: %s", line)
		}
	}
}

// TestPlaygroundFaults meets every fault on every phone: the answer comes once, and the
// page says what happened. Telegram cannot tell whether a message was sent: there the
// lost one comes twice, and the page says so.
func TestPlaygroundFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct{ id, over string }{
		{"busy", "The answer came after"}, {"error", "The answer came all the same"}, {"twice", "answered once"},
		{"lost", "nothing is doubled"}, {"gone", " is back"},
	} {
		t.Run(fault.id, func(t *testing.T) {
			t.Parallel()
			p := newPlayer(t)
			for _, phone := range phoneNames {
				if status := p.do("/fail?fault="+fault.id, phone, "private", "ada", ""); status != http.StatusSeeOther {
					t.Fatalf("%s: %d", phone, status)
				}
			}
			if fault.id == "gone" {
				p.eventually("the page says who is out", func() bool { return strings.Count(p.page(), "connection refused</span>") >= 3 })
			}
			for _, phone := range phoneNames {
				p.say(phone, "private", "ada", "What is new?")
			}
			for _, phone := range phoneNames {
				over, want := fault.over, 1
				if fault.id == "lost" && phone == "telegram" {
					over, want = "sent it once more", 2
				}
				p.eventually("it is over on "+phone, func() bool { return strings.Contains(p.notes(phone), over) })
				p.eventually("the answer stands on "+phone, func() bool {
					all := p.answers(phone + "-ada")
					return len(all) == want && strings.Contains(all[0], "/whoami")
				})
			}
			p.hub.WaitReady()
			// What is answered now stands behind all that the fault left.
			for _, phone := range phoneNames {
				want := len(p.answers(phone+"-ada")) + 1
				p.say(phone, "private", "ada", "/help")
				p.eventually(phone+" goes on", func() bool { return len(p.answers(phone+"-ada")) >= want })
				if got := p.answers(phone + "-ada"); len(got) != want {
					t.Errorf("%s shows %d answers, want %d: %q", phone, len(got), want, got)
				}
			}
		})
	}
}

// TestPlaygroundRestart restarts the hub while it answers on every phone, and what is
// written meanwhile is answered too: each once.
func TestPlaygroundRestart(t *testing.T) {
	t.Parallel()
	p := newPlayer(t)
	for _, phone := range phoneNames {
		p.say(phone, "private", "ada", "Tell me a story")
	}
	for _, grows := range []string{"telegram", "slack", "discord"} {
		p.eventually("the answer grows on "+grows, func() bool { return len(p.answers(grows+"-ada")) == 1 })
	}
	if status := p.do("/trouble?fault=restart", "", "", "", ""); status != http.StatusOK {
		t.Fatal(status)
	}
	for _, phone := range phoneNames {
		p.say(phone, "private", "ben", "Hello")
	}
	p.eventually("the hub was restarted", func() bool {
		return p.hub.Count("parley is up") == 2 && strings.Contains(p.notes("hub"), "The hub is back")
	})
	whole := func(chat string) bool {
		all := p.answers(chat)
		return len(all) == 1 && strings.Contains(all[0], "/whoami") // the end of what the offline model says
	}
	for _, phone := range phoneNames {
		for _, as := range []string{"ada", "ben"} {
			p.eventually(fmt.Sprintf("%s is answered on %s", as, phone), func() bool { return whole(phone + "-" + as) })
		}
	}
	p.hub.WaitReady()
	for _, phone := range phoneNames {
		p.say(phone, "private", "ada", "/help")
		p.eventually(phone+" goes on", func() bool { return len(p.answers(phone+"-ada")) == 2 })
	}
	if code := p.hub.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestPlaygroundModelIsOut takes the model away: what was asked waits, and is answered
// once when it is back.
func TestPlaygroundModelIsOut(t *testing.T) {
	t.Parallel()
	p := newPlayer(t)
	if status := p.do("/trouble?fault=out", "", "", "", ""); status != http.StatusOK {
		t.Fatal(status)
	}
	for _, phone := range phoneNames {
		p.say(phone, "private", "ada", "Hello")
		p.say(phone, "private", "ben", "/help")
	}
	for _, phone := range phoneNames {
		p.eventually("what needs no model works on "+phone, func() bool { return len(p.answers(phone+"-ben")) == 1 })
	}
	p.eventually("the model is back", func() bool { return strings.Contains(p.notes("hub"), "The model is as it was") })
	for _, phone := range phoneNames {
		p.eventually("Ada is answered on "+phone, func() bool {
			all := p.answers(phone + "-ada")
			return len(all) == 1 && strings.Contains(all[0], "/whoami")
		})
	}
}
