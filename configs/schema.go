package configs

import (
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/parley-hub/parley/session"
)

// fieldsOf gives the fields of a section by their keys, those of embedded and
// inline structs among them.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	out := map[string]reflect.StructField{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case strings.Contains(options, "inline"):
			for key, inner := range fieldsOf(f.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				out[key] = inner
			}
		case name == "":
			out[strings.ToLower(f.Name)] = f
		default:
			out[name] = f
		}
	}
	return out
}

// isScalar tells whether a type is written as one word.
func isScalar(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(textType) {
		return true
	}
	switch t.Kind() { //nolint:exhaustive // the others are sections, lists or not configurable
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return true
	default:
		return false
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// maxKey bounds how much of a strange key is repeated.
const maxKey = 40

// join adds a key to a path; a strange one is quoted and shortened.
func join(path, key string) string {
	if !plainKey.MatchString(key) {
		if runes := []rune(key); len(runes) > maxKey {
			key = string(runes[:maxKey]) + "..."
		}
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// parent takes the last key or index from a path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// note remembers where a path's value came from: its key in the file or a variable.
func (l *loader) note(path string, key, value *yaml.Node) {
	if name, ok := l.origin[value]; ok {
		l.variables[path] = name
	} else if key.Line > 0 { // a section that a variable made has none
		l.lines[path] = key.Line
	}
}

// problem notes what is wrong at a path. What is not there itself is looked for in
// the section that lacks it.
func (l *loader) problem(path, text string) {
	if name, ok := l.variables[path]; ok {
		l.add(Problem{Path: path, Variable: name, Text: text})
		return
	}
	for at := path; at != ""; at = parent(at) {
		if line, ok := l.lines[at]; ok {
			l.problemAt(path, line, text)
			return
		}
	}
	l.problemAt(path, 0, text)
}

func (l *loader) problemAt(path string, line int, text string) {
	l.add(Problem{Path: path, Line: line, Text: text})
}

func (l *loader) add(p Problem) {
	l.blamed[p.Path] = true
	l.problems = append(l.problems, p)
}

// invalid notes a problem of a value that was read. One that could not be read, in
// whole or in part, has its problem already.
func (l *loader) invalid(path, text string) {
	for at := path; at != ""; at = parent(at) {
		if l.blamed[at] {
			return
		}
	}
	for at := range l.blamed {
		if strings.HasPrefix(at, path+".") || strings.HasPrefix(at, path+"[") {
			return
		}
	}
	l.problem(path, text)
}

// sectionOf gives the keys of a channel: those of its platform, platform and scope.
func (l *loader) sectionOf(platform string) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	if f, ok := l.factories[platform]; ok {
		if t := reflect.TypeOf(f.Defaults()); t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
			maps.Copy(fields, fieldsOf(t.Elem()))
		}
	}
	fields[platformKey] = reflect.StructField{Name: "Platform", Type: reflect.TypeFor[string]()}
	fields[scopeKey] = reflect.StructField{Name: "Scope", Type: reflect.TypeFor[session.Scope]()}
	return fields
}
