package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// hueCount is how many colours the style sheet has for people.
const hueCount = 4

// bubbleView is a Bubble ready for the template.
type bubbleView struct {
	Bubble
	Chat          string
	Hue           int
	Class         string
	Initial       string
	Time, Machine string
	Status        statusMark
	Blocks        []block
	Files         []fileView
	Buttons       [][]buttonView
	Menu          *menuView
	// React is where a reaction is sent; empty for what still grows. Form is the
	// composer whose choice of speaker goes with it.
	React, Form string
}

// statusMark is how the way of a message is shown.
type statusMark struct{ Sign, Words, Class string }

// statusMarks are the signs for Bubble.Status.
var statusMarks = map[string]statusMark{
	"sent":      {"✓", "sent", "one"},
	"delivered": {"✓✓", "delivered", "two"},
	"read":      {"✓✓", "read", "read"},
	"failed":    {"!", "failed", "failed"},
}

// block is a stretch of runs with one frame: a paragraph, code or a quotation.
type block struct {
	Kind     string
	Language string
	Runs     []Run
}

type fileView struct {
	File
	URL string
	// Shown is what the size is for people.
	Shown string
}

type menuView struct {
	ID, Label string
	Rows      []buttonView
}

type buttonView struct {
	Label string
	About string
	URL   string
	// Press is where the press is sent; empty for a link.
	Press string
	// Form is the composer whose choice of speaker goes with the press.
	Form string
}

func (c *Console) viewBubble(phone, chat string, b Bubble) bubbleView {
	form := "composer-" + phone
	v := bubbleView{
		Bubble: b, Chat: chat, Class: "them", Initial: initial(b.From), Time: clock(b.At), Machine: machine(b.At),
		Status: statusMarks[b.Status], Blocks: blocks(b.Runs), Form: form,
	}
	switch {
	case b.Bot:
		v.Class = "bot"
	case b.User != "":
		v.Hue = c.hues[b.User]
		v.Class = "me p" + strconv.Itoa(v.Hue)
	}
	if !b.Draft {
		v.React = "/react?" + url.Values{"bubble": {b.ID}}.Encode()
	}
	for _, f := range b.Files {
		v.Files = append(v.Files, fileView{f, "/files/" + url.PathEscape(phone) + "/" + url.PathEscape(f.ID), bytesFor(f.Size)})
	}
	for _, row := range b.Buttons {
		v.Buttons = append(v.Buttons, viewButtons(form, b.ID, row))
	}
	if b.Menu != nil {
		v.Menu = &menuView{"menu-" + chat + "-" + b.ID, b.Menu.Label, viewButtons(form, b.ID, b.Menu.Rows)}
	}
	return v
}

func viewButtons(form, bubble string, row []Button) []buttonView {
	views := make([]buttonView, 0, len(row))
	for _, b := range row {
		v := buttonView{Label: b.Label, About: b.About}
		if b.URL != "" {
			v.URL = safeLink(b.URL)
		} else {
			v.Press = "/press?" + url.Values{"bubble": {bubble}, "data": {b.Data}}.Encode()
			v.Form = form
		}
		views = append(views, v)
	}
	return views
}

// bytesFor is a size for people; empty when it is not known.
func bytesFor(n int) string {
	switch {
	case n <= 0:
		return ""
	case n < 1000:
		return strconv.Itoa(n) + " bytes"
	case n < 1000_000:
		return strconv.Itoa((n+500)/1000) + " kB"
	default:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	}
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
