package playground

import (
	"regexp"
	"strings"

	"github.com/parley-hub/parley/internal/console"
)

// addresses are what phones make links of.
var addresses = regexp.MustCompile(`https?://[^\s<]+`)

var (
	discordFence = regexp.MustCompile("(?s)```(?:([A-Za-z0-9_+.#-]+)\n)?\n?(.*?)\n?```")
	discordLink  = regexp.MustCompile(`^\[((?:\\.|[^\]\\])*)\]\(<?(https?://[^)\s>]+)>?\)`)
	discordWho   = regexp.MustCompile(`^<@!?([0-9]+)>`)
)

// discordMarks are the marks around a stretch, the longest first
// (https://docs.discord.com/developers/reference#message-formatting).
var discordMarks = []struct {
	sign string
	set  func(*console.Style)
}{
	{"***", func(s *console.Style) { s.Bold, s.Italic = true, true }},
	{"**", func(s *console.Style) { s.Bold = true }},
	{"__", func(s *console.Style) { s.Underline = true }},
	{"~~", func(s *console.Style) { s.Strike = true }},
	{"||", func(s *console.Style) { s.Spoiler = true }},
	{"*", func(s *console.Style) { s.Italic = true }},
	{"_", func(s *console.Style) { s.Italic = true }},
}

// discordReader reads Discord's Markdown. name gives what a mention shows.
type discordReader struct {
	name func(id string) string
	// nest is how many marks deep it may still go.
	nest int
	out  []console.Run
}

func discordRuns(content string, name func(id string) string) []console.Run {
	d := &discordReader{name: name, nest: maxNest}
	last := 0
	for _, at := range discordFence.FindAllStringSubmatchIndex(content, -1) {
		d.lines(content[last:at[0]])
		style := console.Style{Pre: true}
		if at[2] >= 0 {
			style.Language = content[at[2]:at[3]]
		}
		code := content[at[4]:at[5]]
		if strings.HasSuffix(content[:at[0]], "\n> ") || content[:at[0]] == "> " {
			code = strings.ReplaceAll(code, "\n> ", "\n") // a fence in a quotation
		}
		d.out = append(d.out, console.Run{Text: bare(code), Style: style})
		last = at[1]
	}
	d.lines(content[last:])
	return linked(d.out)
}

// lines reads what is outside of fences.
func (d *discordReader) lines(text string) {
	if text == "" {
		return
	}
	quoted := false
	for i, line := range strings.Split(text, "\n") {
		rest, quote := strings.CutPrefix(line, "> ")
		if line == ">" {
			rest, quote = "", true
		}
		if i > 0 {
			d.add("\n", console.Style{Quote: quote && quoted})
		}
		quoted = quote
		d.inline(rest, console.Style{Quote: quote})
	}
}

func (d *discordReader) add(text string, style console.Style) { d.out = add(d.out, bare(text), style) }

// inline reads a part of a line.
func (d *discordReader) inline(line string, style console.Style) {
	plain := strings.Builder{}
	flush := func() {
		d.add(plain.String(), style)
		plain.Reset()
	}
	for line != "" {
		if line[0] == '\\' && len(line) > 1 && strings.ContainsRune("\\*_~`|[]<>#-+()", rune(line[1])) {
			plain.WriteByte(line[1])
			line = line[2:]
			continue
		}
		if at := addresses.FindStringIndex(line); at != nil && at[0] == 0 {
			plain.WriteString(line[:at[1]]) // no mark inside an address is one
			line = line[at[1]:]
			continue
		}
		n := d.special(line, style, flush)
		if n == 0 {
			plain.WriteByte(line[0])
			n = 1
		}
		line = line[n:]
	}
	flush()
}

// special reads what stands at the beginning of a line and is more than letters, and
// tells how long it is; 0 for letters. flush writes the letters before it.
func (d *discordReader) special(line string, style console.Style, flush func()) int {
	if d.nest == 0 {
		return 0
	}
	switch line[0] {
	case '`':
		ticks := len(line) - len(strings.TrimLeft(line, "`"))
		if end := strings.Index(line[ticks:], line[:ticks]); ticks <= 2 && end > 0 {
			flush()
			code := style
			code.Code = true
			text := line[ticks : ticks+end]
			if ticks == 2 {
				text = strings.TrimSpace(text)
			}
			d.add(text, code)
			return 2*ticks + end
		}
	case '[':
		if m := discordLink.FindStringSubmatch(line); m != nil {
			flush()
			label := &discordReader{name: d.name, nest: d.nest - 1}
			label.inline(m[1], style)
			for _, r := range label.out {
				r.Link = m[2]
				d.out = append(d.out, r)
			}
			return len(m[0])
		}
	case '<':
		if m := discordWho.FindStringSubmatch(line); m != nil {
			flush()
			who := style
			who.Mention = true
			d.add("@"+d.name(m[1]), who)
			return len(m[0])
		}
	}
	for _, m := range discordMarks {
		if !strings.HasPrefix(line, m.sign) {
			continue
		}
		if end := discordClosing(line[len(m.sign):], m.sign); end > 0 {
			flush()
			with := style
			m.set(&with)
			d.nest--
			d.inline(line[len(m.sign):len(m.sign)+end], with)
			d.nest++
			return 2*len(m.sign) + end
		}
	}
	return 0
}

// discordClosing finds the sign that ends a stretch, past what is escaped, code, and
// longer signs.
func discordClosing(text, sign string) int {
	for i := 0; i < len(text); {
		switch {
		case text[i] == '\\':
			i += 2
		case text[i] == '`':
			end := strings.IndexByte(text[i+1:], '`')
			i += max(end, 0) + 2
		case strings.HasPrefix(text[i:], sign):
			run := len(text[i:]) - len(strings.TrimLeft(text[i:], sign[:1]))
			if run == len(sign) || run > len(sign) && len(sign) == 2 {
				return i + run - len(sign)
			}
			i += run
		default:
			i++
		}
	}
	return -1
}
