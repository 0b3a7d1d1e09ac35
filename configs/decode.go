package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/parley-hub/parley/core/secret"
)

// maxNodes bounds how many values are read, aliases counted each time: a small
// file of nested aliases could otherwise stand for a huge one.
const maxNodes = 100_000

var (
	durationType = reflect.TypeFor[time.Duration]()
	channelType  = reflect.TypeFor[Channel]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decode reads a node into v, which holds the defaults. What the file leaves out,
// or gives as null, keeps them.
func (l *loader) decode(path string, n *yaml.Node, v reflect.Value) {
	if n == nil || !l.visit() {
		return
	}
	n = follow(n)
	if isNull(n) {
		return
	}
	switch t := v.Type(); {
	case reflect.PointerTo(t).Implements(textType):
		l.decodeText(path, n, v)
	case t == durationType:
		l.decodeDuration(path, n, v)
	case t.Kind() == reflect.Pointer:
		fresh := reflect.New(t.Elem())
		l.decode(path, n, fresh.Elem())
		v.Set(fresh)
	case t.Kind() == reflect.Struct:
		l.decodeStruct(path, n, v)
	case t.Kind() == reflect.Map:
		l.decodeMap(path, n, v)
	case t.Kind() == reflect.Slice:
		l.decodeList(path, n, v)
	default:
		l.decodeScalar(path, n, v)
	}
}

// visit counts one value; false once there were too many.
func (l *loader) visit() bool {
	l.visits++
	if l.visits == maxNodes {
		l.unusable(0, "the file stands for more than %d values; are aliases nested?", maxNodes)
	}
	return l.visits < maxNodes
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// entry is one key of a section.
type entry struct {
	name, path string
	value      *yaml.Node
}

// entries gives the keys of a section in order, each once, and notes where each
// stands. Keys that are repeated or no keys are problems.
func (l *loader) entries(path string, n *yaml.Node) []entry {
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		l.problem(path, "must be a section of keys, each with a value (key: value)")
		return nil
	}
	var out []entry
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := follow(n.Content[i]), n.Content[i+1]
		line := n.Content[i].Line
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			l.problemAt(path, line, "\"<<\" is not supported; write the keys out")
			continue
		case key.Kind != yaml.ScalarNode || isNull(key):
			l.problemAt(path, line, "has something that is not a key; a key is a plain word")
			continue
		}
		e := entry{name: key.Value, path: join(path, key.Value), value: value}
		if before, twice := first[e.name]; twice {
			l.problemAt(e.path, line, fmt.Sprintf("is given twice, the first time in line %d", before))
			continue
		}
		first[e.name] = line
		l.note(e.path, n.Content[i], value)
		out = append(out, e)
	}
	return out
}

func (l *loader) decodeStruct(path string, n *yaml.Node, v reflect.Value) {
	known := fieldsOf(v.Type())
	for _, e := range l.entries(path, n) {
		f, ok := known[e.name]
		if !ok {
			l.problem(e.path, unknownKey(e.name, known))
			continue
		}
		l.decode(e.path, e.value, v.FieldByIndex(f.Index))
	}
}

func unknownKey(name string, known map[string]reflect.StructField) string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	return "unknown key" + didYouMean(name, names)
}

func (l *loader) decodeMap(path string, n *yaml.Node, v reflect.Value) {
	t := v.Type()
	if v.IsNil() {
		v.Set(reflect.MakeMap(t))
	}
	for _, e := range l.entries(path, n) {
		if e.name == "" {
			l.problem(path, "has an empty name")
			continue
		}
		key := reflect.ValueOf(e.name).Convert(t.Key())
		value := reflect.New(t.Elem()).Elem()
		if old := v.MapIndex(key); old.IsValid() {
			value.Set(old)
		}
		if t.Elem() == channelType {
			l.decodeChannel(e, value)
		} else {
			l.decode(e.path, e.value, value)
		}
		v.SetMapIndex(key, value)
	}
}

func (l *loader) decodeList(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq" {
		l.problem(path, "must be a list ([a, b], or a line with \"- \" for each)")
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for i, item := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		l.note(at, item, item)
		if isNull(follow(item)) {
			l.problem(at, "is empty; give it a value or remove it")
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		l.decode(at, item, value)
		list = reflect.Append(list, value)
	}
	v.Set(list)
}

// text gives the words of a scalar; ok is false, and a problem noted, for
// anything else.
func (l *loader) text(path string, n *yaml.Node) (text string, ok bool) {
	if n.Kind != yaml.ScalarNode {
		l.problem(path, "must be a single value")
		return "", false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!timestamp":
		return n.Value, true
	case "!!bool":
		l.problem(path, "must be text; put it in quotes if it is")
	default:
		l.problem(path, "must be text, without a tag")
	}
	return "", false
}

func (l *loader) decodeText(path string, n *yaml.Node, v reflect.Value) {
	text, ok := l.text(path, n)
	if !ok {
		return
	}
	if s, isSecret := v.Addr().Interface().(*secret.String); isSecret {
		if name, fromEnv := strings.CutPrefix(text, "env:"); fromEnv {
			l.decodeSecret(path, name, s)
			return
		}
	}
	into, _ := v.Addr().Interface().(encoding.TextUnmarshaler) // decode has seen that it is one
	if err := into.UnmarshalText([]byte(text)); err != nil {
		l.problem(path, err.Error())
	}
}

// decodeSecret takes a secret from the environment that Load was given.
func (l *loader) decodeSecret(path, name string, s *secret.String) {
	value := l.env[name]
	switch {
	case !isVariable(name):
		l.problem(path, "must have the name of an environment variable behind env:")
	case value == "":
		l.problem(path, "environment variable "+name+" is not set")
	default:
		*s = secret.New(value)
	}
}

// isVariable tells whether a name can be a variable's. What is not could be a
// secret in the wrong place and is never repeated.
func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || (r >= 'A' && r <= 'Z') || (r >= 'a' && r <= 'z')
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

func (l *loader) decodeDuration(path string, n *yaml.Node, v reflect.Value) {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		l.problem(path, "must be a time with its unit, such as 500ms, 10s, 5m or 48h")
		return
	}
	v.SetInt(int64(d))
}

func (l *loader) decodeScalar(path string, n *yaml.Node, v reflect.Value) {
	tag := ""
	if n.Kind == yaml.ScalarNode {
		tag = n.ShortTag()
	}
	var err error
	switch v.Kind() { //nolint:exhaustive // the others cannot be configured
	case reflect.String:
		if text, ok := l.text(path, n); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		if tag != "!!bool" {
			l.problem(path, "must be true or false")
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var i int64
		if i, err = strconv.ParseInt(n.Value, 10, v.Type().Bits()); tag != "!!int" || err != nil {
			l.problem(path, "must be a whole number")
			return
		}
		v.SetInt(i)
	case reflect.Float32, reflect.Float64:
		var f float64
		if f, err = strconv.ParseFloat(n.Value, v.Type().Bits()); (tag != "!!float" && tag != "!!int") || err != nil || f != f {
			l.problem(path, "must be a number")
			return
		}
		v.SetFloat(f)
	default:
		l.problem(path, "cannot be configured: its type is "+v.Type().String())
	}
}
