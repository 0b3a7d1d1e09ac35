package openaichat

import "strings"

const (
	thinkOpen  = "<think>"
	thinkClose = "</think>"
)

// thinkFilter drops a <think> block at the very start of an answer. The block may
// be split over pieces anywhere; what comes out does not depend on how.
type thinkFilter struct {
	place int
	// held is text that may be the start of a tag.
	held string
}

// The places of a thinkFilter.
const (
	atStart = iota
	inBlock
	behindBlock
	inAnswer
)

// add takes the next piece and gives what of it may be shown.
func (f *thinkFilter) add(piece string) string {
	if f.place == inAnswer {
		return piece
	}
	f.held += piece
	if f.place == atStart {
		trimmed := strings.TrimLeft(f.held, " \t\r\n")
		switch {
		case strings.HasPrefix(trimmed, thinkOpen):
			f.place, f.held = inBlock, trimmed[len(thinkOpen):]
		case strings.HasPrefix(thinkOpen, trimmed):
			return ""
		default:
			return f.pass(f.held)
		}
	}
	if f.place == inBlock {
		_, after, closed := strings.Cut(f.held, thinkClose)
		if !closed {
			f.held = f.held[max(0, len(f.held)-len(thinkClose)+1):]
			return ""
		}
		f.place, f.held = behindBlock, after
	}
	if answer := strings.TrimLeft(f.held, " \t\r\n"); answer != "" {
		return f.pass(answer)
	}
	f.held = ""
	return ""
}

// rest gives what was held back when the answer ends.
func (f *thinkFilter) rest() string {
	if f.place != atStart {
		return ""
	}
	return f.pass(f.held)
}

func (f *thinkFilter) pass(text string) string {
	f.place, f.held = inAnswer, ""
	return text
}
