package console

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// qrMargin is the free space that a QR code needs around it, in modules.
const qrMargin = 4

// linkView is how a phone is linked; Shown is false where there is nothing to do.
type linkView struct {
	Shown         bool
	Form          string
	Busy, Problem string
	// Size is the width of the code with its margin and Path its dark modules; 0 for none.
	Size          int
	Path          string
	Time, Machine string
}

func (c *Console) viewLink(phone string) linkView {
	l := c.o.Playground.Linking(phone)
	if l == nil {
		return linkView{}
	}
	v := linkView{Shown: true, Form: "composer-" + phone, Busy: l.Busy, Problem: l.Problem}
	if l.Code == "" {
		return v
	}
	code, err := qr.Encode(l.Code, qr.L)
	if err != nil {
		v.Problem = "This code is too long to be drawn."
		return v
	}
	v.Size, v.Path = code.Size+2*qrMargin, modules(code)
	v.Time, v.Machine = clock(l.Until), machine(l.Until)
	return v
}

// modules draws the dark modules of a code as a path of an SVG, row by row.
func modules(code *qr.Code) string {
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for code.Black(x, y) { // outside of the code nothing is dark
				x++
			}
			if n := x - from; n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+qrMargin, y+qrMargin, n, n)
			}
		}
	}
	return b.String()
}
