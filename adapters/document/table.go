package document

import (
	"strings"
	"unicode"

	extast "github.com/yuin/goldmark/extension/ast"
)

// table shows a table as columns of fixed width. Addresses behind links are spelled
// out, because a Pre run carries none.
func (w walker) table(n *extast.Table, l look) []Run {
	var rows [][]string
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			words := Plain(w.inlines(cell, look{}))
			cells = append(cells, strings.Join(strings.Fields(words), " "))
		}
		rows = append(rows, cells)
	}
	widths := columnWidths(rows)
	var lines []string
	for i, cells := range rows {
		lines = append(lines, tableLine(cells, widths, n.Alignments))
		if i == 0 {
			lines = append(lines, tableRule(widths))
		}
	}
	return Append(nil, Run{Text: strings.Join(lines, "\n"), Style: l.style&Quote | Pre})
}

func columnWidths(rows [][]string) []int {
	var widths []int
	for _, cells := range rows {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 1)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	return widths
}

func tableLine(cells []string, widths []int, alignments []extast.Alignment) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString(" │ ")
		}
		free := widths[i] - Width(cell)
		left := 0
		if i < len(alignments) {
			switch alignments[i] {
			case extast.AlignRight:
				left = free
			case extast.AlignCenter:
				left = free / 2
			case extast.AlignLeft, extast.AlignNone:
			}
		}
		b.WriteString(strings.Repeat(" ", left) + cell + strings.Repeat(" ", free-left))
	}
	return strings.TrimRight(b.String(), " ")
}

func tableRule(widths []int) string {
	parts := make([]string, len(widths))
	for i, n := range widths {
		parts[i] = strings.Repeat("─", n)
	}
	return strings.Join(parts, "─┼─")
}

// Width is how many columns a text takes in a font of fixed width: two for East
// Asian wide letters and emoji (https://unicode.org/reports/tr11), none for marks
// that sit on the letter before.
func Width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case attaches(r):
		case unicode.Is(wide, r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide are the ranges of East Asian Width W and F that text is likely to hold.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0x33ff, Stride: 1},
		{Lo: 0x3400, Hi: 0x4dbf, Stride: 1},
		{Lo: 0x4e00, Hi: 0x9fff, Stride: 1},
		{Lo: 0xa000, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}
