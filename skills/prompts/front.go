package prompts

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The keys of the format. Others are of other hosts and say nothing here.
const (
	keyName          = "name"
	keyDescription   = "description"
	keyLicense       = "license"
	keyCompatibility = "compatibility"
	keyMetadata      = "metadata"
	keyAllowedTools  = "allowed-tools"
)

// maxFront bounds the front matter, in bytes.
const maxFront = 64 << 10

var (
	errNoFront   = errors.New("it does not begin with front matter: a line of three hyphens, YAML, and a line of three hyphens")
	errLongFront = fmt.Errorf("its front matter has more than %d bytes", maxFront)
	errNoMap     = errors.New("its front matter is no map of keys")
)

// front is the front matter. Metadata is a word or a list of them under each key.
type front struct {
	name, description, license, compatibility, allowedTools string
	metadata                                                map[string][]string
}

// split takes the front matter and the instructions of a SKILL.md apart.
func split(data []byte) (matter, body []byte, err error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(data, []byte("---\n"))
	if !ok {
		return nil, nil, errNoFront
	}
	for at := 0; at <= len(rest); {
		line, _, more := bytes.Cut(rest[at:], []byte("\n"))
		if string(bytes.TrimRight(line, " \t")) == "---" {
			if at > maxFront {
				return nil, nil, errLongFront
			}
			return rest[:at], rest[min(at+len(line)+1, len(rest)):], nil
		}
		if !more {
			break
		}
		at += len(line) + 1
	}
	return nil, nil, errNoFront
}

// readFront reads the front matter; all that is wrong with its form is told.
func readFront(matter []byte) (front, []error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(matter, &doc); err != nil {
		return front{}, []error{fmt.Errorf("its front matter is no YAML: %w", err)}
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return front{}, []error{errNoMap}
	}
	f := front{metadata: map[string][]string{}}
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	words := map[string]*string{
		keyName: &f.name, keyDescription: &f.description, keyLicense: &f.license, keyCompatibility: &f.compatibility,
		keyAllowedTools: &f.allowedTools,
	}
	each(doc.Content[0], wrong, func(key string, value *yaml.Node) {
		if into, ok := words[key]; ok {
			if value.Kind != yaml.ScalarNode {
				wrong("%s is no text", key)
				return
			}
			*into = strings.TrimSpace(value.Value)
		}
		if key == keyMetadata {
			if value.Kind != yaml.MappingNode {
				wrong("%s is no map", key)
				return
			}
			each(value, wrong, func(key string, value *yaml.Node) {
				list, ok := list(value)
				if !ok {
					wrong("metadata %s is neither text nor a list of texts", key)
				}
				f.metadata[key] = list
			})
		}
	})
	return f, problems
}

// each goes through a map. A key that stands there twice is told.
func each(m *yaml.Node, wrong func(format string, args ...any), do func(key string, value *yaml.Node)) {
	var seen []string
	for i := 0; i+1 < len(m.Content); i += 2 {
		key := m.Content[i].Value
		if slices.Contains(seen, key) {
			wrong("%s stands there twice", key)
			continue
		}
		seen = append(seen, key)
		do(key, m.Content[i+1])
	}
}

// list reads a text as a list of one; ok is false for what is neither.
func list(n *yaml.Node) (out []string, ok bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		return []string{n.Value}, true
	case yaml.SequenceNode:
		for _, one := range n.Content {
			if one.Kind != yaml.ScalarNode {
				return nil, false
			}
			out = append(out, one.Value)
		}
		return out, true
	}
	return nil, false
}
