package whatsapp

import (
	"strconv"
	"strings"

	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
)

// What the platform takes as choices: up to three reply buttons, or a list of up to
// ten rows, else there is only text. Lengths in characters
// (https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages).
const (
	maxButtons     = 3
	maxButtonTitle = 20
	maxButtonID    = 256
	maxRows        = 10
	maxRowTitle    = 24
	maxRowID       = 200
	maxRowText     = 72
	// listLabel is what the button that opens a list says; body stands where the
	// choices have no words of their own. Both are signs, readable in any language.
	listLabel = "☰"
	emptyBody = "👇"
)

// addButtons offers the choices under the last message. Addresses are no choice: they
// are written out. What fits neither buttons nor a list becomes a numbered text.
func addButtons(messages []outgoing, b core.Buttons, d dialect) ([]outgoing, error) {
	var choices, links []core.Button
	for _, row := range b.Rows {
		for _, c := range row {
			switch {
			case c.Label == "" || (c.Data == "" && c.URL == ""):
				return nil, permanent("send", "the button %q needs a label, and data or an address", c.Label)
			case c.URL != "":
				links = append(links, c)
			default:
				choices = append(choices, c)
			}
		}
	}
	var lines []string
	for _, l := range links {
		lines = append(lines, l.Label+": "+l.URL)
	}
	numbered := !d.buttons || interactiveOf(choices) == nil
	if numbered {
		for i, c := range choices {
			lines = append(lines, strconv.Itoa(i+1)+". "+c.Label)
		}
	}
	messages = addLines(messages, strings.Join(lines, "\n"))
	if len(choices) == 0 {
		return messages, nil
	}
	if numbered {
		last := &messages[len(messages)-1]
		last.choices, last.numbered = choices, true
		return messages, nil
	}
	body := emptyBody
	if said, ok := lastWords(messages); ok && units(said) <= maxBody {
		body, messages = said, messages[:len(messages)-1]
	}
	return append(messages, outgoing{text: body, choices: choices}), nil
}

// lastWords is the text that a plan ends with; ok is false when it ends with something else.
func lastWords(messages []outgoing) (words string, ok bool) {
	if len(messages) == 0 {
		return "", false
	}
	words = messages[len(messages)-1].text
	return words, words != ""
}

// addLines writes choices behind the last words, or as a message of their own.
func addLines(messages []outgoing, lines string) []outgoing {
	more := pieces(prepare(document.Append(nil, document.Run{Text: lines})), maxText)
	if said, ok := lastWords(messages); ok && len(more) == 1 && units(said)+2+units(more[0]) <= maxText {
		messages[len(messages)-1].text = said + "\n\n" + more[0]
		return messages
	}
	for _, p := range more {
		messages = append(messages, outgoing{text: p})
	}
	return messages
}

// interactiveOf makes reply buttons or a list of choices; nil when they fit neither.
func interactiveOf(choices []core.Button) fields {
	switch {
	case len(choices) == 0 || repeated(choices):
		return nil
	case len(choices) <= maxButtons && fit(choices, maxButtonTitle, maxButtonID):
		var buttons []fields
		for _, c := range choices {
			buttons = append(buttons, fields{"type": "reply", "reply": fields{"id": c.Data, "title": c.Label}})
		}
		return fields{"type": "button", "action": fields{"buttons": buttons}}
	case len(choices) <= maxRows && fit(choices, maxRowText, maxRowID):
		var rows []fields
		for i, c := range choices {
			row := fields{"id": c.Data, "title": c.Label}
			if units(c.Label) > maxRowTitle {
				// Titles differ, though what is left of the labels may not.
				row["title"], row["description"] = shorten(strconv.Itoa(i+1)+". "+c.Label, maxRowTitle), c.Label
			}
			rows = append(rows, row)
		}
		return fields{"type": "list", "action": fields{"button": listLabel, "sections": []fields{{"rows": rows}}}}
	default:
		return nil
	}
}

// repeated tells whether two choices have one label or one id, which the platform refuses.
func repeated(choices []core.Button) bool {
	seen := map[string]bool{}
	for _, c := range choices {
		label, id := "l"+c.Label, "d"+c.Data
		if seen[label] || seen[id] {
			return true
		}
		seen[label], seen[id] = true, true
	}
	return false
}

func fit(choices []core.Button, title, id int) bool {
	for _, c := range choices {
		if units(c.Label) > title || units(c.Data) > id || strings.TrimSpace(c.Label) == "" || strings.Contains(c.Label, "\n") {
			return false
		}
	}
	return true
}

// shorten cuts a label to at most limit, with an ellipsis.
func shorten(s string, limit int) string {
	head := document.Split([]document.Run{{Text: s}}, limit-units(ellipsis), units)
	if len(head) == 0 {
		return s
	}
	return strings.TrimSpace(document.Text(head[0])) + ellipsis
}
