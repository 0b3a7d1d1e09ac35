package skills

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// maxSteps is the most schemas that are looked at for one value of the arguments.
const maxSteps = 10_000

var (
	errLoop    = errors.New("a $ref leads to itself")
	errSteps   = fmt.Errorf("more than %d schemas hold for one value", maxSteps)
	errRef     = errors.New("a $ref leads elsewhere than into the schema, as #/$defs/name does")
	errDynamic = errors.New("$dynamicRef, $recursiveRef and a $id inside are not supported")
)

// ends tells whether the check of any arguments against a schema ends, and soon: whoever
// checks them does so without a bound. A schema may come from anybody's program or server,
// and one that leads to itself for the same value would end the hub.
func ends(schema json.RawMessage) error {
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		return err
	}
	s := &steps{root: root, known: map[string]int{}, open: map[string]bool{}}
	return s.everywhere("", root)
}

// steps counts the schemas that hold for one value, by their pointers.
type steps struct {
	root  any
	known map[string]int
	open  map[string]bool
}

// everywhere begins at each schema there is: some hold for values inside.
func (s *steps) everywhere(pointer string, node any) error {
	switch v := node.(type) {
	case map[string]any:
		if _, inside := v["$id"].(string); inside && pointer != "" {
			return errDynamic
		}
		if _, err := s.from(pointer, v); err != nil {
			return err
		}
		for name, inner := range v {
			if err := s.everywhere(pointer+"/"+escape(name), inner); err != nil {
				return err
			}
		}
	case []any:
		for i, inner := range v {
			if err := s.everywhere(pointer+"/"+strconv.Itoa(i), inner); err != nil {
				return err
			}
		}
	}
	return nil
}

func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// from counts from one schema.
func (s *steps) from(pointer string, node any) (int, error) {
	schema, ok := node.(map[string]any)
	if n, known := s.known[pointer]; known || !ok {
		return max(n, 1), nil
	}
	if s.open[pointer] {
		return 0, errLoop
	}
	s.open[pointer] = true
	defer delete(s.open, pointer)
	sum := 1
	add := func(pointer string, node any) error {
		n, err := s.from(pointer, node)
		if sum += n; err == nil && sum > maxSteps {
			err = errSteps
		}
		return err
	}
	for word, value := range schema {
		if err := s.follow(pointer, word, value, add); err != nil {
			return 0, err
		}
	}
	s.known[pointer] = sum
	return sum, nil
}

// follow adds what a keyword has hold for the same value.
func (s *steps) follow(pointer, word string, value any, add func(string, any) error) error {
	at := pointer + "/" + escape(word)
	switch word {
	case "$dynamicRef", "$recursiveRef":
		if _, is := value.(string); is {
			return errDynamic
		}
	case "$ref":
		to, is := value.(string)
		if !is {
			return nil // a property of this name
		}
		target, node, err := s.lookup(to)
		if err != nil {
			return err
		}
		return add(target, node)
	case "not", "if", "then", "else":
		return add(at, value)
	case "allOf", "anyOf", "oneOf":
		list, _ := value.([]any)
		for i, inner := range list {
			if err := add(at+"/"+strconv.Itoa(i), inner); err != nil {
				return err
			}
		}
	case "dependentSchemas", "dependencies":
		list, _ := value.(map[string]any)
		for name, inner := range list {
			if err := add(at+"/"+escape(name), inner); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookup finds what a reference leads to.
func (s *steps) lookup(ref string) (pointer string, node any, err error) {
	fragment, ok := strings.CutPrefix(ref, "#")
	pointer, err = url.PathUnescape(fragment)
	if !ok || err != nil || pointer != "" && pointer[0] != '/' {
		return "", nil, errRef
	}
	node = s.root
	for _, word := range strings.Split(pointer, "/")[1:] {
		word = strings.ReplaceAll(strings.ReplaceAll(word, "~1", "/"), "~0", "~")
		switch v := node.(type) {
		case map[string]any:
			node = v[word]
		case []any:
			i, err := strconv.Atoi(word)
			if err != nil || i < 0 || i >= len(v) {
				return "", nil, errRef
			}
			node = v[i]
		default:
			return "", nil, errRef
		}
	}
	return pointer, node, nil
}
