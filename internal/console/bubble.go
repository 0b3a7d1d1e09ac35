package console

import (
	"net/url"
	"slices"
	"strings"
)

// hueCount is how many colours the style sheet has for people.
const hueCount = 4

// bubbleView is a Bubble ready for the template.
type bubbleView struct {
	Chat, ID, From string
	Hue            int
	Class          string
	Time, Machine  string
	Edited, Draft  bool
	ReplyTo        *Quote
	Blocks         []block
	Buttons        [][]buttonView
}

// block is a stretch of runs with one frame: a paragraph, code or a quotation.
type block struct {
	Kind     string
	Language string
	Runs     []Run
}

type buttonView struct {
	Label string
	URL   string
	// Press is where the press is sent; empty for a link.
	Press string
	// Form is the composer whose choice of speaker goes with the press.
	Form string
}

func (c *Console) viewBubble(chat string, b Bubble) bubbleView {
	v := bubbleView{
		Chat: chat, ID: b.ID, From: b.From, Class: "them", Time: clock(b.At), Machine: machine(b.At),
		Edited: b.Edited, Draft: b.Draft, ReplyTo: b.ReplyTo, Blocks: blocks(b.Runs),
	}
	switch {
	case b.Bot:
		v.Class = "bot"
	case b.User != "":
		v.Class = "me"
		v.Hue = c.hues[b.User]
	}
	for _, row := range b.Buttons {
		views := make([]buttonView, 0, len(row))
		for _, button := range row {
			views = append(views, viewButton(chat, b.ID, button))
		}
		v.Buttons = append(v.Buttons, views)
	}
	return v
}

func viewButton(chat, bubble string, b Button) buttonView {
	if b.URL != "" {
		return buttonView{Label: b.Label, URL: safeLink(b.URL)}
	}
	q := url.Values{"chat": {chat}, "bubble": {bubble}, "data": {b.Data}}
	return buttonView{Label: b.Label, Press: "/press?" + q.Encode(), Form: "composer-" + chat}
}

// blocks joins neighbouring runs of one kind.
func blocks(runs []Run) []block {
	var out []block
	for _, r := range runs {
		next := block{Kind: "text"}
		switch {
		case r.Pre:
			next = block{Kind: "pre", Language: r.Language}
		case r.Quote:
			next = block{Kind: "quote"}
		}
		r.Link = safeLink(r.Link)
		if n := len(out); n > 0 && out[n-1].Kind == next.Kind && out[n-1].Language == next.Language {
			out[n-1].Runs = append(out[n-1].Runs, r)
			continue
		}
		next.Runs = []Run{r}
		out = append(out, next)
	}
	for i := range out {
		if out[i].Kind == "text" {
			out[i].trim(i > 0, i < len(out)-1)
		}
	}
	return out
}

// trim drops the empty lines between words and a block: the block keeps its own
// distance.
func (b *block) trim(before, behind bool) {
	if first := &b.Runs[0]; before {
		first.Text = strings.TrimLeft(first.Text, "\n")
	}
	if last := &b.Runs[len(b.Runs)-1]; behind {
		last.Text = strings.TrimRight(last.Text, "\n")
	}
}

// safeLink gives back a link of a kind that does no harm when followed, else "".
func safeLink(link string) string {
	u, err := url.Parse(link)
	if err != nil || !slices.Contains([]string{"http", "https", "mailto", "tel"}, u.Scheme) {
		return ""
	}
	return u.String()
}
