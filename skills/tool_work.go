package skills

import (
	"encoding/json"
	"errors"
	"strconv"
)

const (
	// maxWork is the most times that a schema may be held against a value in one check,
	// maxWorkDepth the most of them inside of each other.
	maxWork      = 250_000
	maxWorkDepth = 10_000
)

var errWork = errors.New("the arguments are nested too deeply for the tool's schema")

// worth tells whether arguments can be held against a schema in little time: one that refers
// to itself in two ways doubles the work with each level of theirs.
func worth(schema json.RawMessage, arguments any) error {
	var root any
	if len(schema) == 0 {
		return nil
	}
	if err := json.Unmarshal(schema, &root); err != nil {
		return err
	}
	w := &work{s: &steps{root: root}, left: maxWork, known: map[[2]string]int{}}
	if w.of("", root, "", arguments, 0) >= maxWork {
		return errWork
	}
	return nil
}

// work counts how often schemas are held against values, all branches counted; the same
// schema and value once.
type work struct {
	s     *steps
	left  int
	known map[[2]string]int
}

// of counts for the schema at a pointer and the value at a path.
func (w *work) of(pointer string, node any, path string, value any, depth int) int {
	schema, ok := node.(map[string]any)
	if !ok {
		return 1
	}
	key := [2]string{pointer, path}
	if n, known := w.known[key]; known {
		return n
	}
	if w.left--; w.left < 0 || depth > maxWorkDepth {
		return maxWork
	}
	sum := 1
	add := func(pointer string, node any, path string, value any) {
		if sum < maxWork {
			sum += w.of(pointer, node, path, value, depth+1)
		}
	}
	for word, inner := range schema {
		_ = w.s.follow(pointer, word, inner, func(to string, node any) error { // what leads nowhere is no schema
			add(to, node, path, value)
			return nil
		})
		descend(pointer+"/"+escape(word), word, inner, path, value, add)
	}
	sum = min(sum, maxWork)
	w.known[key] = sum
	return sum
}

// descend adds what a keyword has hold for the values inside.
func descend(at, word string, inner any, path string, value any, add func(pointer string, node any, path string, value any)) {
	object, _ := value.(map[string]any)
	list, _ := value.([]any)
	switch word {
	case "properties":
		properties, _ := inner.(map[string]any)
		for name, node := range properties {
			if v, given := object[name]; given {
				add(at+"/"+escape(name), node, path+"/"+escape(name), v)
			}
		}
	case "patternProperties":
		patterns, _ := inner.(map[string]any)
		for pattern, node := range patterns {
			for name, v := range object {
				add(at+"/"+escape(pattern), node, path+"/"+escape(name), v)
			}
		}
	case "additionalProperties", "unevaluatedProperties", "propertyNames":
		for name, v := range object {
			add(at, inner, path+"/"+escape(name), v)
		}
	case "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains":
		each, one := inner.([]any)
		for i, v := range list {
			to := path + "/" + strconv.Itoa(i)
			switch {
			case !one:
				add(at, inner, to, v)
			case i < len(each):
				add(at+"/"+strconv.Itoa(i), each[i], to, v)
			}
		}
	}
}
