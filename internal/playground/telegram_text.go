package playground

import (
	"slices"
	"unicode/utf16"

	"github.com/parley-hub/parley/internal/console"
	simulator "github.com/parley-hub/parley/simulators/telegram"
)

// telegramRuns cuts a text with entities into stretches of one style. Entities count in
// UTF-16 units (https://core.telegram.org/bots/api#messageentity) and may overlap.
func telegramRuns(text string, entities []simulator.Entity) []console.Run {
	units := utf16.Encode([]rune(text))
	cuts := []int{0, len(units)}
	for _, e := range entities {
		cuts = append(cuts, min(max(e.Offset, 0), len(units)), min(max(e.Offset+e.Length, 0), len(units)))
	}
	slices.Sort(cuts)
	var out []console.Run
	for i := 1; i < len(cuts); i++ {
		from, to := cuts[i-1], cuts[i]
		if from == to {
			continue
		}
		r := console.Run{Text: string(utf16.Decode(units[from:to]))}
		for _, e := range entities {
			if e.Offset <= from && to <= e.Offset+e.Length {
				telegramStyle(&r, e, units)
			}
		}
		out = append(out, r)
	}
	return out
}

func telegramStyle(r *console.Run, e simulator.Entity, units []uint16) {
	switch e.Type {
	case "bold":
		r.Bold = true
	case "italic":
		r.Italic = true
	case "underline":
		r.Underline = true
	case "strikethrough":
		r.Strike = true
	case "spoiler":
		r.Spoiler = true
	case "code":
		r.Code = true
	case "pre":
		r.Pre, r.Language = true, e.Language
	case "blockquote", "expandable_blockquote":
		r.Quote = true
	case "mention", "text_mention":
		r.Mention = true
	case "text_link":
		r.Link = e.URL
	case "url":
		// The whole address, also where another style cuts the run.
		r.Link = string(utf16.Decode(units[max(e.Offset, 0):min(e.Offset+e.Length, len(units))]))
	}
}
