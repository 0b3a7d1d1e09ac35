package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with the configuration.
type Problem struct {
	// Path is the key, "channels.telegram.mode" or "routes[0].to"; empty for the
	// file as a whole.
	Path string
	// Line is where it stands in the file, from 1; 0 when it does not.
	Line int
	// Variable is the environment variable it came from; empty for none.
	Variable string
	// Text says what is wrong and what would be right, without the value.
	Text string
}

// String gives the problem as one line.
func (p Problem) String() string {
	var where string
	switch {
	case p.Variable != "":
		where = " (" + p.Variable + ")"
	case p.Line > 0:
		where = fmt.Sprintf(" (line %d)", p.Line)
	}
	if p.Path == "" {
		return strings.TrimPrefix(where+": "+p.Text, ": ")
	}
	return p.Path + where + ": " + p.Text
}

// Problems is the error of Load: everything wrong, in the order of the file.
type Problems struct {
	// File is the file's path; empty when there was none.
	File string
	List []Problem
}

// Error gives one problem a line.
func (p *Problems) Error() string {
	var b strings.Builder
	b.WriteString(cmp.Or(p.File, "configuration"))
	if len(p.List) == 1 {
		b.WriteString(": 1 problem:")
	} else {
		fmt.Fprintf(&b, ": %d problems:", len(p.List))
	}
	for _, one := range p.List {
		b.WriteString("\n  " + strings.TrimSpace(one.String()))
	}
	return b.String()
}

// sort puts the problems into the order of the file, those without a line last.
func (p *Problems) sort() {
	slices.SortStableFunc(p.List, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
}

// Warning is something that looks wrong but does not keep the hub from starting.
type Warning struct {
	// Where is a path or the name of an environment variable; empty for neither.
	Where string
	Text  string
}

// String gives the warning as one line.
func (w Warning) String() string {
	if w.Where == "" {
		return w.Text
	}
	return w.Where + ": " + w.Text
}
