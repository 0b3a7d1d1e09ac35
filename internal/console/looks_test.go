package console_test

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-hub/parley/internal/console"
)

// TestLooks takes the pages in both schemes and on smaller screens.
func TestLooks(t *testing.T) {
	p, j := newPlayground(), newJourneys()
	furnish(p, j)
	b := open(t, newConsole(t, console.Options{Playground: p, Journeys: j}))
	b.until(`document.querySelector("#live.on") !== null`)
	p.typing("whatsapp-ada", true)
	b.until(`document.querySelector("#chat-whatsapp-ada .typing") !== null`)
	for _, open := range []string{"#path-t3 summary", "#connect summary", "#phone-discord .faults summary", "#phone-telegram .attach summary"} {
		b.do(chromedp.Click(chromedp.CSS(open)))
	}
	for _, scheme := range []string{"light", "dark"} {
		b.look("playground", scheme)
	}
	b.do(chromedp.Click(chromedp.CSS("#phone-slack .places label:nth-of-type(2)")), chromedp.Click(chromedp.CSS("#phone-telegram .places label:nth-of-type(2)")))
	b.do(chromedp.Click(chromedp.CSS("#phone-discord .who label:nth-of-type(2)")))
	for _, scheme := range []string{"light", "dark"} {
		b.look("groups", scheme)
	}
	b.do(chromedp.EmulateViewport(1000, 900))
	b.look("medium", "light")
	b.do(chromedp.EmulateViewport(390, 844), chromedp.Click(chromedp.CSS(".tabs label:nth-of-type(3)")))
	b.until(`[...document.querySelectorAll(".phone")].filter((p) => p.checkVisibility()).map((p) => p.id).join() === "phone-whatsapp"`)
	for _, scheme := range []string{"light", "dark"} {
		b.look("narrow", scheme)
	}
	if wide := value[int](b, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the narrow page is %d pixels wide and has to be scrolled sideways", wide)
	}
	b.clean()
}

func TestOverviewLooks(t *testing.T) {
	j := newJourneys()
	furnish(newPlayground(), j)
	b := open(t, newConsole(t, console.Options{Journeys: j, Status: hub}))
	b.until(`document.querySelector("#live.on") !== null`)
	for _, scheme := range []string{"light", "dark"} {
		b.look("overview", scheme)
	}
	if got := value[string](b, `document.querySelector("#hub .paste").textContent`); got != "https://bot.example.org/webhooks/support" {
		t.Errorf("webhook address %q", got)
	}
	b.clean()
}

// furnish fills the chats with one of everything.
func furnish(p *playground, j *journeys) {
	style := func(text string, set func(*console.Style)) console.Run {
		r := console.Run{Text: text}
		set(&r.Style)
		return r
	}
	bold := func(s *console.Style) { s.Bold = true }
	for id, path := range map[string]string{"picture": "samples/picture.png", "voice": "samples/voice.ogg"} {
		data, err := os.ReadFile(path)
		if err != nil {
			panic(err) // it is part of this package
		}
		p.files[id] = data
	}
	for _, phone := range []string{"telegram", "slack", "whatsapp", "discord"} {
		chat := phone + "-ada"
		p.put(chat, console.Bubble{User: "ada", From: "Ada", Status: "read", Runs: plain("Hi! What can you do?")})
		p.put(chat, console.Bubble{Bot: true, From: "Parley", Edited: phone == "slack", Runs: []console.Run{
			style("Quite a bit.", bold), {Text: " I answer, "}, style("remember", func(s *console.Style) { s.Italic = true }),
			{Text: " what you told me, and know "}, style("/help", func(s *console.Style) { s.Code = true }),
			{Text: ". See the "}, {Text: "documentation", Link: "https://example.org/docs"}, {Text: ".\n\nHere is how to call me:"},
			style("curl -s localhost:8080/healthz\nok", func(s *console.Style) { s.Pre, s.Language = true, "sh" }),
			{Text: "And a secret: "}, style("the cake is real", func(s *console.Style) { s.Spoiler = true }),
		}, Reactions: []console.Reaction{{Emoji: "👍", Count: 1}}})
		asked := p.put(chat, console.Bubble{User: "ada", From: "Ada", Status: "delivered", Runs: plain("Remind me to water the plants."), Files: []console.File{
			{ID: "picture", Kind: "image"}, {ID: "voice", Kind: "audio", Voice: true}, {ID: "paper", Name: "plants.pdf", Kind: "file", Size: 12_000},
		}})
		answer := console.Bubble{
			Bot: true, From: "Parley", Above: "Ada used a command", Runs: plain("When shall I remind you?"),
			ReplyTo: &console.Quote{ID: asked, From: "Ada", Text: "Remind me to water the plants."},
			Buttons: [][]console.Button{{{Label: "Tonight", Data: "1"}, {Label: "Tomorrow", Data: "2"}}, {{Label: "About reminders", URL: "https://example.org/"}}},
		}
		if phone == "whatsapp" {
			answer.Above, answer.Menu = "", &console.Menu{Label: "Choose", Rows: []console.Button{{Label: "Next week", About: "On Monday", Data: "3"}}}
		}
		p.put(chat, answer)
		if phone != "whatsapp" {
			group := phone + "-group"
			p.put(group, console.Bubble{User: "ada", From: "Ada", Runs: plain("Lunch at twelve?")})
			question := p.put(group, console.Bubble{User: "ben", From: "Ben", Runs: []console.Run{style("@Parley", func(s *console.Style) { s.Mention = true }), {Text: " what is for lunch?"}}})
			said := console.Bubble{Bot: true, From: "Parley", Runs: []console.Run{style("Soup", bold), {Text: " and bread, "}, style("risotto", func(s *console.Style) { s.Strike = true }), {Text: " sold out."}}}
			if phone == "slack" {
				said.Thread = question
			}
			p.put(group, said)
		}
	}
	p.put("telegram-ada", console.Bubble{Bot: true, From: "Parley", Draft: true, Runs: plain("On the last rock before the open sea stood a lighthouse whose")})
	p.put("discord-ben", console.Bubble{User: "ben", From: "Ben", Runs: plain("Do you know what Ada told you?")})
	p.put("discord-ben", console.Bubble{Bot: true, From: "Parley", Runs: []console.Run{
		{Text: "No. Each person has a memory of their own:"},
		style("What one person says in private is never read in another conversation.", func(s *console.Style) { s.Quote = true }),
	}})
	p.note("slack", console.Note{At: morning, Text: "Slack said 429, wait 4 s. The answer waits."})
	p.note("discord", console.Note{At: morning, Text: "Armed: write something, and Discord will fail at the answer."})
	p.note("discord", console.Note{At: morning.Add(time.Second), Text: "The answer came all the same, after 1.2s.", Over: true})

	j.put(answered("t1", morning))
	bad := answered("t2", morning.Add(9*time.Second))
	bad.Steps = append(bad.Steps[:3:3],
		console.Step{Stage: "retry", At: morning.Add(10 * time.Second), Took: time.Second, Fault: "retryable", Skill: "chat", Count: 1},
		console.Step{Stage: "buried", At: morning.Add(11 * time.Second), Fault: "permanent", Count: 1})
	j.put(bad)
	j.put(answered("t3", morning.Add(30*time.Second)))
	ignored := answered("t4", morning.Add(40*time.Second))
	ignored.Steps = append(ignored.Steps[:2:2], console.Step{Stage: "ignored", At: morning.Add(40 * time.Second), Rule: "not-addressed", Count: 1})
	j.put(ignored)
}
