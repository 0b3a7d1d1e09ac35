package answers

import (
	"fmt"
	"strings"
	"sync"
)

// fate is what became of a question: nothing, when neither is set.
type fate struct {
	// take is of the answer, said how many bytes of it stand.
	take, said int
	// told is what the person was told instead of an answer, or behind a part of one. kept
	// tells that it was in the same breath: then the part is remembered as what was said.
	told string
	kept bool
}

// verdict counts what people saw.
type verdict struct {
	// broken pieces of text are no beginning of any answer that a worker gave to that
	// person, doubled answers or notes came twice, incomplete ones look like whole ones.
	broken, doubled, incomplete int
	// disordered are answers that came before the one to an earlier question; lost
	// questions got neither an answer nor a note.
	disordered, lost int
	// stray are drafts that were left beside the answer, as where nobody knows whether the
	// message of one was sent.
	stray int
	// forgotten are prompts that did not hold what was said before.
	forgotten int
	// seen counts the texts that were looked at, on the way and in the end.
	seen int
}

func (v *verdict) add(o verdict) {
	v.broken += o.broken
	v.doubled += o.doubled
	v.incomplete += o.incomplete
	v.disordered += o.disordered
	v.lost += o.lost
	v.forgotten += o.forgotten
	v.stray += o.stray
	v.seen += o.seen
}

// bad is what nobody may ever see. A stray draft is not among it: it is held against what
// the hub knows of.
func (v verdict) bad() int {
	return v.broken + v.doubled + v.incomplete + v.disordered + v.lost + v.forgotten
}

// review reads what stands in one person's chat: the fates of the questions so far, in
// order, and what is wrong with it, which is only sure when nothing is under way.
func review(person int, texts []string) (fates []fate, v verdict, wrong []string) {
	complain := func(n *int, format string, a ...any) {
		*n++
		wrong = append(wrong, fmt.Sprintf("c%d: ", person)+fmt.Sprintf(format, a...))
	}
	refs := map[string]bool{}
	open := -1 // a question of which a part stands that nobody has called broken off yet
	for _, text := range join(texts) {
		v.seen++
		if n, ok := readNote(text); ok {
			if n.ref != "" && refs[n.ref] {
				complain(&v.doubled, "was told twice: %s", text)
				continue
			}
			refs[n.ref] = true
			fates = append(fates, fate{told: n.words})
			open = -1
			continue
		}
		answer, behind := split(text)
		r, err := read(answer)
		switch {
		case err != nil:
			complain(&v.broken, "%v", err)
			continue
		case r.known && r.person != person:
			complain(&v.broken, "sees what is %s's: %.80q", r.question, text)
			continue
		case !r.known:
			r.turn = len(fates)
		}
		switch {
		case r.turn < len(fates) && !r.whole && behind == "" && fates[r.turn].take != 0:
			complain(&v.stray, "behind the answer to %d stands a draft: %.80q", r.turn, text)
			continue
		case r.turn < len(fates):
			complain(&v.doubled, "again an answer to %d: %.80q", r.turn, text)
			continue
		case open == r.turn && r.whole:
			complain(&v.stray, "before the answer to %d stands a draft", open)
		case open >= 0:
			complain(&v.incomplete, "of the answer to %d stands a part, and behind it: %.80q", open, text)
		case r.turn > len(fates):
			complain(&v.disordered, "an answer to %d where one to %d should be: %.80q", r.turn, len(fates), text)
		}
		for len(fates) < r.turn {
			fates = append(fates, fate{})
		}
		open = -1
		switch {
		case r.whole:
			fates = append(fates, fate{take: r.take, said: r.shown})
		case strings.Contains(behind, brokeOff):
			fates = append(fates, fate{take: r.take, said: r.shown, told: behind, kept: true})
		default:
			open = r.turn
		}
	}
	if open >= 0 {
		complain(&v.incomplete, "of the answer to %d stands a part, and nobody says so", open)
	}
	return fates, v, wrong
}

// oneMessage is what fits into one message everywhere. What does not ends at the end of a
// word, and may have shown a little more before.
const oneMessage = 1900

// chat is what one person sees while answers come.
type chat struct {
	person int

	mu sync.Mutex
	// messages are the last readings of what is shown, by message.
	messages map[string]reading
	// takes are those of which the person saw something, by turn.
	takes map[int]map[int]bool
	v     verdict
	wrong []string
	// asked is how many questions were asked.
	asked int
}

func newChat(person int) *chat {
	return &chat{person: person, messages: map[string]reading{}, takes: map[int]map[int]bool{}}
}

// see reads one thing on its way: it must be the beginning of an answer to this person's
// question, and may only grow, or be replaced by another take.
func (c *chat) see(s sight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.v.seen++
	if _, ok := readNote(s.text); ok || pieces.MatchString(s.text) || strings.HasPrefix(s.text, "(") {
		return // what stands behind other messages is judged with them in the end
	}
	answer, _ := split(s.text)
	// A draft that is longer than a message shows its beginning.
	r, err := read(strings.TrimSuffix(answer, "…"))
	before, again := c.messages[s.message]
	switch {
	case err != nil:
		c.complain(&c.v.broken, "saw in %s: %v", s.message, err)
		return
	case r.known && (r.person != c.person || r.turn >= c.asked):
		c.complain(&c.v.broken, "saw in %s what nobody asked: %.80q", s.message, s.text)
		return
	case again && before.known && r.known && before.turn != r.turn:
		c.complain(&c.v.broken, "the answer to %d in %s became one to %d", before.turn, s.message, r.turn)
	case again && before.take == r.take && r.shown < before.shown && r.take != 0 && len(r.text()) < oneMessage:
		c.complain(&c.v.broken, "take %d in %s went back from %d bytes to %d", r.take, s.message, before.shown, r.shown)
	}
	c.messages[s.message] = r
	if r.take != 0 {
		if c.takes[r.turn] == nil {
			c.takes[r.turn] = map[int]bool{}
		}
		c.takes[r.turn][r.take] = true
	}
}

// complain is called with c.mu held.
func (c *chat) complain(n *int, format string, a ...any) {
	*n++
	c.wrong = append(c.wrong, fmt.Sprintf("c%d: ", c.person)+fmt.Sprintf(format, a...))
}

// ask counts a question and names it.
func (c *chat) ask() question {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return question{c.person, c.asked - 1}
}
