package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	telegram "github.com/parley-hub/parley/simulators/telegram"
)

// always is a model with one answer.
func always(text string) func([]models.Message) string {
	return func([]models.Message) string { return text }
}

// marked gives the stretches of a message with their styles, in order.
func marked(m telegram.Posted) []string {
	units := utf16.Encode([]rune(m.Text))
	var out []string
	for _, e := range m.Entities {
		out = append(out, e.Type+e.Language+e.URL+": "+string(utf16.Decode(units[e.Offset:e.Offset+e.Length])))
	}
	return out
}

func TestFormatting(t *testing.T) {
	t.Parallel()
	w := start(t, setup{model: modeltest.Options{Answer: always(
		"# Heading\n\n😀 **bold**, *italic*, `code`, ~~gone~~ and a [link](https://example.org/).\n\n" +
			"```go\nfmt.Println(\"1 < 2\")\n```\n\n| a | b |\n|---|---|\n| 1 | 22 |\n\n- one\n- two\n\n1. first\n2. second\n\n> quoted",
	)}})
	m := w.ask(ann, "show me", 1)
	want := "Heading\n\n😀 bold, italic, code, gone and a link.\n\nfmt.Println(\"1 < 2\")\n\na │ b\n──┼───\n1 │ 22\n\n• one\n• two\n\n1. first\n2. second\n\nquoted"
	w.told(m, want)
	same(t, "entities", []string{
		"bold: Heading", "bold: bold", "italic: italic", "code: code", "strikethrough: gone", "text_linkhttps://example.org/: link",
		"prego: fmt.Println(\"1 < 2\")", "pre: a │ b\n──┼───\n1 │ 22", "blockquote: quoted",
	}, marked(m))
}

// counted is an answer of n words.
func counted(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprint("word", i)
	}
	return strings.Join(words, " ")
}

func TestPrivateDrafts(t *testing.T) {
	t.Parallel()
	answer := counted(40)
	w := newWorld(t, setup{model: modeltest.Options{Answer: always(answer), FirstToken: 500 * time.Millisecond, PerToken: 40 * time.Millisecond}})
	sub := w.sim.Subscribe(1000)
	defer sub.Close()
	w.hub.Start()
	w.say(0, ann, "count, please")
	w.told(w.answered(ann, 1), answer)

	var order []telegram.EventKind
	for _, e := range w.sim.Events(0) {
		if e.Bot != bot || e.Kind == telegram.EventMessage && e.Message.ByBot == 0 {
			continue
		}
		order = append(order, e.Kind)
		if e.Kind == telegram.EventDraft && !strings.HasPrefix(answer, strings.TrimSpace(e.Draft.Text)) {
			t.Errorf("a draft that the answer does not begin with: %q", e.Draft.Text)
		}
	}
	drafts := len(order) - 1 - slices.Index(order, telegram.EventDraft)
	if order = slices.Compact(order); drafts < 2 || !slices.Equal(order, []telegram.EventKind{telegram.EventTyping, telegram.EventDraft, telegram.EventMessage}) {
		t.Errorf("the chat showed %v with %d drafts", order, drafts)
	}
	if left := w.sim.Drafts(bot, ann); len(left) > 0 {
		t.Errorf("drafts are left: %v", left)
	}
}

func TestGroupDraftIsOneMessage(t *testing.T) {
	t.Parallel()
	answer := counted(40)
	w := newWorld(t, setup{model: modeltest.Options{Answer: always(answer), FirstToken: 400 * time.Millisecond, PerToken: 40 * time.Millisecond}})
	w.sim.AddGroup(group, "Friends", ann, ben, bot)
	w.hub.Start()
	asked := w.say(group, ann, "@parley_bot count, please")
	w.until("the whole answer", func() bool {
		all := w.answers(group)
		return len(all) > 0 && all[len(all)-1].Text == answer
	})
	all := w.answers(group)
	if len(all) != 1 || all[0].Edits == 0 || all[0].ReplyToMessage == nil || all[0].ReplyToMessage.MessageID != asked.MessageID {
		t.Errorf("the answer is %d messages, the first with %d edits, as an answer to %v", len(all), all[0].Edits, all[0].ReplyToMessage)
	}
	typed := slices.ContainsFunc(w.sim.Events(0), func(e telegram.Event) bool { return e.Kind == telegram.EventTyping && e.Chat == group })
	drafted := slices.ContainsFunc(w.sim.Calls(), func(c telegram.Call) bool { return strings.EqualFold(c.Method, "sendMessageDraft") })
	if !typed || drafted {
		t.Errorf("typing shown: %t; drafts, which groups do not have: %t", typed, drafted)
	}
}

// TestLongAnswer is one of many messages: words, a code fence longer than a
// message, words.
func TestLongAnswer(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for i := range 300 {
		fmt.Fprintf(&code, "line %d of a \U0001F40D program\n", i)
	}
	before, after := counted(900), counted(300)
	w := start(t, setup{model: modeltest.Options{Answer: always(before + "\n\n```py\n" + code.String() + "```\n\n" + after)}})
	w.say(0, ann, "long, please")
	w.until("the end of the answer", func() bool {
		all := w.answers(ann)
		return len(all) > 0 && strings.HasSuffix(all[len(all)-1].Text, "word299") && len(all) > 3
	})
	var words, lines []string
	for _, m := range w.answers(ann) {
		units := utf16.Encode([]rune(m.Text))
		if len(units) > 4096 {
			t.Errorf("a message of %d UTF-16 units", len(units))
		}
		rest := m.Text
		for _, e := range m.Entities {
			if e.Type != "pre" || e.Language != "py" {
				t.Errorf("unexpected %s of %q", e.Type, e.Language)
				continue
			}
			part := string(utf16.Decode(units[e.Offset : e.Offset+e.Length]))
			lines = append(lines, strings.Split(part, "\n")...)
			rest = strings.Replace(rest, part, "", 1)
		}
		words = append(words, strings.Fields(rest)...)
	}
	same(t, "words", strings.Fields(before+" "+after), words)
	same(t, "code", strings.Split(strings.TrimSuffix(code.String(), "\n"), "\n"), lines)
	if n := len(w.model.prompts()); n != 1 {
		t.Errorf("the model was asked %d times", n)
	}
}
