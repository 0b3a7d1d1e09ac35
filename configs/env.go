package configs

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// envPrefix begins the name of every variable that overrides a key.
const envPrefix = "PARLEY_"

// step is one key or list index on the way to a value.
type step struct {
	key   string
	index int // used when key is empty
}

// override puts the variables into the file's tree, so that both are read and
// checked alike. It gives the new root.
func (l *loader) override(root *yaml.Node) *yaml.Node {
	for _, name := range l.overrides() {
		steps, t, ok := l.resolve(reflect.TypeFor[Config](), strings.TrimPrefix(name, envPrefix), root)
		if !ok {
			l.warnings = append(l.warnings, Warning{Where: name, Text: "unknown variable, ignored"})
			continue
		}
		if changed, ok := put(root, steps, l.valueNode(name, t)); ok {
			root = changed
		} else {
			l.add(Problem{Path: spell(steps), Variable: name, Text: "cannot be set: the file has something else there, or an earlier list element is missing"})
		}
	}
	return root
}

// overrides lists the variables that may be ours: those that name a platform
// first, since the other keys of its channel follow from it, then in order.
func (l *loader) overrides() []string {
	var names []string
	for name, value := range l.env {
		if strings.HasPrefix(name, envPrefix) && value != "" {
			names = append(names, name)
		}
	}
	last := "_" + strings.ToUpper(platformKey)
	slices.SortFunc(names, func(a, b string) int {
		if pa, pb := strings.HasSuffix(a, last), strings.HasSuffix(b, last); pa != pb {
			if pa {
				return -1
			}
			return 1
		}
		return slices.CompareFunc(strings.Split(a, "_"), strings.Split(b, "_"), compareWords)
	})
	return names
}

// compareWords puts numbers in the order of their values, so that the elements of
// a list come one after the other.
func compareWords(a, b string) int {
	x, errA := strconv.Atoi(a)
	y, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// resolve finds the value of type t that the rest of a variable's name means. Keys
// hold underscores themselves, so the longest key that leads on is taken.
func (l *loader) resolve(t reflect.Type, rest string, at *yaml.Node) ([]step, reflect.Type, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if isScalar(t) || (t.Kind() == reflect.Slice && rest == "" && isScalar(t.Elem())) {
		return nil, t, rest == ""
	}
	switch {
	case rest == "":
		return nil, nil, false
	case t.Kind() == reflect.Struct:
		return l.resolveField(fieldsOf(t), rest, at)
	case t.Kind() == reflect.Map:
		return l.resolveName(t, rest, at)
	case t.Kind() == reflect.Slice:
		word, tail, _ := strings.Cut(rest, "_")
		i, err := strconv.Atoi(word)
		if err != nil || i < 0 {
			return nil, nil, false
		}
		return prepend(step{index: i})(l.resolve(t.Elem(), tail, element(at, i)))
	default:
		return nil, nil, false
	}
}

func prepend(s step) func([]step, reflect.Type, bool) ([]step, reflect.Type, bool) {
	return func(steps []step, t reflect.Type, ok bool) ([]step, reflect.Type, bool) {
		return append([]step{s}, steps...), t, ok
	}
}

func (l *loader) resolveField(fields map[string]reflect.StructField, rest string, at *yaml.Node) ([]step, reflect.Type, bool) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	for _, name := range longestFirst(names) {
		tail, ok := cutName(rest, name)
		if !ok {
			continue
		}
		if steps, t, ok := prepend(step{key: name})(l.resolve(fields[name].Type, tail, child(at, name))); ok {
			return steps, t, true
		}
	}
	return nil, nil, false
}

// resolveName finds a name in a section of free names: one that is there already,
// else a new one as short as it may be.
func (l *loader) resolveName(t reflect.Type, rest string, at *yaml.Node) ([]step, reflect.Type, bool) {
	inside := func(name, tail string) ([]step, reflect.Type, bool) {
		node := child(at, name)
		if t.Elem() != channelType {
			return prepend(step{key: name})(l.resolve(t.Elem(), tail, node))
		}
		platform := name
		if p := child(node, platformKey); p != nil && p.Kind == yaml.ScalarNode && !isNull(p) {
			platform = p.Value
		}
		return prepend(step{key: name})(l.resolveField(l.sectionOf(platform), tail, node))
	}
	for _, name := range longestFirst(keysOf(at)) {
		if tail, ok := cutName(rest, name); ok {
			if steps, t, ok := inside(name, tail); ok {
				return steps, t, true
			}
		}
	}
	for i := 1; i < len(rest); i++ {
		if rest[i] != '_' {
			continue
		}
		if steps, t, ok := inside(strings.ToLower(rest[:i]), rest[i+1:]); ok {
			return steps, t, true
		}
	}
	return nil, nil, false
}

func longestFirst(names []string) []string {
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	return names
}

// cutName takes a key from the front of a variable's name.
func cutName(rest, key string) (tail string, ok bool) {
	upper := strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
	tail, ok = strings.CutPrefix(rest, upper)
	if !ok || tail == "" {
		return "", ok
	}
	return strings.CutPrefix(tail, "_")
}

// keysOf, child and element look into the tree; a node that is not there or of
// another kind has nothing in it.
func keysOf(n *yaml.Node) []string {
	var keys []string
	if n == nil || follow(n).Kind != yaml.MappingNode {
		return nil
	}
	n = follow(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode {
			keys = append(keys, n.Content[i].Value)
		}
	}
	return keys
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || follow(n).Kind != yaml.MappingNode {
		return nil
	}
	n = follow(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == key {
			return follow(n.Content[i+1])
		}
	}
	return nil
}

func element(n *yaml.Node, i int) *yaml.Node {
	if n == nil || follow(n).Kind != yaml.SequenceNode || i >= len(follow(n).Content) {
		return nil
	}
	return follow(follow(n).Content[i])
}

// valueNode spells a variable's value as the file would; the words of a list are
// separated by commas.
func (l *loader) valueNode(name string, t reflect.Type) *yaml.Node {
	value := l.env[name]
	if t.Kind() == reflect.Slice && !isScalar(t) {
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for word := range strings.SplitSeq(value, ",") {
			list.Content = append(list.Content, l.scalarNode(name, strings.TrimSpace(word), t.Elem()))
		}
		l.origin[list] = name
		return list
	}
	return l.scalarNode(name, value, t)
}

func (l *loader) scalarNode(name, value string, t reflect.Type) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	if t.Kind() == reflect.String || reflect.PointerTo(t).Implements(textType) {
		n.Tag = "!!str" // else the value tells, as in the file
	}
	l.origin[n] = name
	return n
}

// put gives n with value at the end of steps. Nodes on the way are copied, since an
// alias may share them with another place. ok is false when something else stands
// in the way.
func put(n *yaml.Node, steps []step, value *yaml.Node) (_ *yaml.Node, ok bool) {
	if len(steps) == 0 {
		return value, true
	}
	s, kind, tag := steps[0], yaml.MappingNode, "!!map"
	if s.key == "" {
		kind, tag = yaml.SequenceNode, "!!seq"
	}
	var out yaml.Node
	switch {
	case n == nil || isNull(follow(n)):
		out = yaml.Node{Kind: kind, Tag: tag}
	case follow(n).Kind == kind:
		out = *follow(n)
		out.Content = slices.Clone(out.Content)
	default:
		return nil, false
	}
	at := slot(&out, s)
	if at < 0 {
		return nil, false
	}
	inner, ok := put(out.Content[at], steps[1:], value)
	if !ok {
		return nil, false
	}
	out.Content[at] = inner
	return &out, true
}

// slot finds the place of a step's value in n, or makes it; -1 when a list is too
// short.
func slot(n *yaml.Node, s step) int {
	if s.key == "" {
		if s.index == len(n.Content) {
			n.Content = append(n.Content, nil)
		}
		if s.index >= len(n.Content) {
			return -1
		}
		return s.index
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == s.key {
			return i + 1
		}
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s.key}
	n.Content = append(n.Content, key, nil)
	return len(n.Content) - 1
}

// spell gives the path of steps.
func spell(steps []step) string {
	path := ""
	for _, s := range steps {
		if s.key == "" {
			path += "[" + strconv.Itoa(s.index) + "]"
		} else {
			path = join(path, s.key)
		}
	}
	return path
}
