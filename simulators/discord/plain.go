package discord

import (
	"regexp"
	"strings"
)

var (
	fences  = regexp.MustCompile("(?s)```(?:[A-Za-z0-9_+.#-]+\n)?\n*(.*?)\n*```")
	links   = regexp.MustCompile(`\[((?:\\.|[^\]\\])*)\]\(<?([^)\s]+?)>?\)`)
	spans   = regexp.MustCompile("`[^`\n]*`|``[^\n]*?``")
	quotes  = regexp.MustCompile(`(?m)^> ?`)
	escaped = regexp.MustCompile(`\\([^0-9A-Za-z\s])`)
	styling = regexp.MustCompile(`\*\*\*|\*\*|\*|__|~~|\|\|`)
	address = regexp.MustCompile(`https?://[^\s<]+`)
)

// Plain is a content as people read it: without marks, links as their words. It reads what bots
// usually write, not every corner of Discord's Markdown.
func Plain(content string) string {
	var out strings.Builder
	text := quotes.ReplaceAllString(content, "")
	last := 0
	for _, at := range fences.FindAllStringSubmatchIndex(text, -1) {
		out.WriteString(plainLine(text[last:at[0]]))
		out.WriteString(text[at[2]:at[3]])
		last = at[1]
	}
	out.WriteString(plainLine(text[last:]))
	return strings.ReplaceAll(out.String(), "\u200b", "")
}

// plainLine reads what is outside of code blocks. What is taken as it is (escaped letters, code,
// addresses) is set aside while the marks are taken out.
func plainLine(s string) string {
	var aside []string
	keep := func(text string) string {
		aside = append(aside, text)
		return string(rune(0xF0000 + len(aside) - 1))
	}
	s = escaped.ReplaceAllStringFunc(s, func(m string) string { return keep(m[1:]) })
	s = spans.ReplaceAllStringFunc(s, func(m string) string { return keep(strings.Trim(m, "`")) })
	s = links.ReplaceAllString(s, "$1")
	s = address.ReplaceAllStringFunc(s, keep)
	s = styling.ReplaceAllString(s, "")
	for range 3 { // what was set aside may hold some of the others
		var out strings.Builder
		for _, r := range s {
			if i := int(r - 0xF0000); i >= 0 && i < len(aside) {
				out.WriteString(aside[i])
				continue
			}
			out.WriteRune(r)
		}
		s = out.String()
	}
	return s
}
