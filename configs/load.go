package configs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// Source is what a configuration is made from.
type Source struct {
	// Path is the YAML file; a file that is not there, and no path, mean defaults.
	Path string
	// Env is the environment as os.Environ gives it: overrides and env: secrets
	// are read from it, nothing else is.
	Env []string
	// Factories are the platforms that channels may use.
	Factories []adapters.Factory
}

// Load reads, defaults and validates. Its error is always *Problems; the warnings
// are worth showing whether there is an error or not.
func Load(s Source) (*Config, []Warning, error) {
	l := newLoader(s)
	root := l.read(s.Path)
	if len(l.problems) == 0 {
		root = l.override(root)
	}
	config := Default()
	l.decode("", root, reflect.ValueOf(config).Elem())
	if !l.unreadable {
		finish(config)
		l.validate(config)
	}
	if len(l.problems) > 0 {
		p := &Problems{File: s.Path, List: l.problems}
		p.sort()
		return nil, l.warnings, p
	}
	return config, l.warnings, nil
}

// loader carries one Load.
type loader struct {
	factories map[string]adapters.Factory
	env       map[string]string

	problems []Problem
	warnings []Warning
	// unreadable: there is no telling what the file says, so what it lacks is no
	// problem of its own.
	unreadable bool
	// blamed are the paths that have a problem already; lines and variables tell
	// where a path's value came from.
	blamed    map[string]bool
	lines     map[string]int
	variables map[string]string
	// origin names the variable that made a value; visits bounds aliases.
	origin map[*yaml.Node]string
	visits int
}

func newLoader(s Source) *loader {
	l := &loader{
		factories: map[string]adapters.Factory{}, env: map[string]string{}, blamed: map[string]bool{},
		lines: map[string]int{}, variables: map[string]string{}, origin: map[*yaml.Node]string{},
	}
	for _, f := range s.Factories {
		l.factories[f.Platform()] = f
	}
	for _, pair := range s.Env {
		if name, value, ok := strings.Cut(pair, "="); ok {
			l.env[name] = value
		}
	}
	return l
}

// unusable notes that the file as a whole cannot be used.
func (l *loader) unusable(line int, format string, args ...any) *yaml.Node {
	l.unreadable = true
	l.problems = append(l.problems, Problem{Line: line, Text: fmt.Sprintf(format, args...)})
	return nil
}

// read gives the file's one document, nil when there is none.
func (l *loader) read(path string) *yaml.Node {
	if path == "" {
		return nil
	}
	data, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.warnings = append(l.warnings, Warning{Where: path, Text: "no such file, going on with the defaults"})
		return nil
	case err != nil:
		return l.unusable(0, "%v", err)
	}
	return l.parse(data)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, unnamed(err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, unnamed(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("the file is larger than %v", Bytes(maxFile))
	}
	return data, nil
}

// unnamed takes the path out of a file error: the problem's head names it already.
func unnamed(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("cannot %s the file: %w", p.Op, p.Err)
	}
	return err
}

func (l *loader) parse(data []byte) *yaml.Node {
	in := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := in.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return l.notYAML(err)
	}
	switch err := in.Decode(&second); {
	case err == nil:
		return l.unusable(second.Line, "the file holds more than one document; remove what is behind the \"---\"")
	case !errors.Is(err, io.EOF):
		return l.notYAML(err)
	}
	if len(document.Content) != 1 {
		return nil
	}
	return document.Content[0]
}

var (
	yamlLine  = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	yamlQuote = regexp.MustCompile(`(?s)['"].*['"]`)
)

// notYAML takes an error of the YAML parser apart and takes quotes of the file
// out of it, since they may be of a secret.
func (l *loader) notYAML(err error) *yaml.Node {
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // 0 when the parser did not say
		text = text[len(m[0]):]
	}
	return l.unusable(line, "not valid YAML: %s", yamlQuote.ReplaceAllString(text, "[...]"))
}

// finish sets what follows from other keys and names what the file left nameless.
func finish(c *Config) {
	c.Models = c.Models.WithDefaults()
	for i := range c.Routes {
		c.Routes[i].Name = cmp.Or(c.Routes[i].Name, "route-"+strconv.Itoa(i+1))
	}
}

// Accounts gives the names of the channels in order.
func (c *Config) Accounts() []core.Account {
	names := make([]core.Account, 0, len(c.Channels))
	for name := range c.Channels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
