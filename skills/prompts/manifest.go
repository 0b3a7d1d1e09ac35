package prompts

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// What is Parley's own in the metadata of a SKILL.md; all of it may be left out. A list is
// YAML's, or one text: with a line for each, or commas where no commas can be meant.
const (
	// metaCommand is another command than the name; metaHelp with a language behind it, as in
	// parley-help-de, is its line of help there.
	metaCommand = "parley-command"
	metaHelp    = "parley-help-"
	// metaModel is the pool that answers, metaTimeout how long a turn may take.
	metaModel   = "parley-model"
	metaTimeout = "parley-timeout"
	metaRoles   = "parley-roles"
	metaPlaces  = "parley-places"
	// metaKeywords, metaPattern and metaIntents are triggers.
	metaKeywords = "parley-keywords"
	metaPattern  = "parley-pattern"
	metaIntents  = "parley-intents"
	// metaTool is false for a skill that the model must not pick by itself.
	metaTool = "parley-tool"
	metaOwn  = "parley-"
	// metaVersion is what most authors call it.
	metaVersion = "version"
)

const (
	maxName          = 64
	maxCompatibility = 500
	// maxCommand is skills' own bound.
	maxCommand = 32
)

// nameForm is the format's: no hyphen at an end, none behind another.
var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Prompt is what a SKILL.md says.
type Prompt struct {
	Manifest skills.Manifest
	// Instructions are for the model.
	Instructions string
	// Model is the pool that answers; empty for that of the conversation.
	Model string
	// License and Compatibility are for people.
	License, Compatibility string
	// Offered is true when the model may pick the skill by itself.
	Offered bool
}

var (
	errNoInstructions = errors.New("it has no instructions behind its front matter")
	errNoText         = errors.New("it is no UTF-8 text")
)

// Parse reads the SKILL.md of a folder of that name. The error has all that is wrong with it.
func Parse(data []byte, folder string) (Prompt, error) {
	if !utf8.Valid(data) {
		return Prompt{}, errNoText
	}
	matter, body, err := split(data)
	if err != nil {
		return Prompt{}, err
	}
	f, problems := readFront(matter)
	p, more := f.prompt(folder)
	problems = append(problems, more...)
	if p.Instructions = strings.TrimSpace(string(body)); p.Instructions == "" {
		problems = append(problems, errNoInstructions)
	}
	return p, errors.Join(problems...)
}

// prompt makes the manifest.
func (f front) prompt(folder string) (Prompt, []error) {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	switch {
	case f.name == "":
		wrong("name is missing")
	case len(f.name) > maxName || !nameForm.MatchString(f.name):
		wrong("name %q: it is 1 to %d of a-z, 0-9 and single hyphens between them", f.name, maxName)
	case f.name != folder:
		wrong("name %q is not that of its folder, %q", f.name, folder)
	}
	switch n := utf8.RuneCountInString(f.description); {
	case n == 0:
		wrong("description is missing")
	case n > skills.MaxDescription:
		wrong("description has %d characters, more than %d", n, skills.MaxDescription)
	}
	if n := utf8.RuneCountInString(f.compatibility); n > maxCompatibility {
		wrong("compatibility has %d characters, more than %d", n, maxCompatibility)
	}
	m := f.manifest(wrong)
	p := Prompt{Manifest: m, Model: f.one(metaModel), License: f.license, Compatibility: f.compatibility, Offered: f.one(metaTool) != "false"}
	return p, append(problems, f.check(m)...)
}

// check tells what is wrong with the manifest beside what the format says of it.
func (f front) check(m skills.Manifest) []error {
	if !nameForm.MatchString(f.name) {
		return nil // that is said, and all else would be said of no name
	}
	m.Description = nil
	if f.description == "" {
		m.Commands[0].Help["en"] = f.name
	}
	if _, err := skills.NewSet(described{manifest: m}); err != nil {
		return []error{err}
	}
	return nil
}

// manifest makes the manifest of what stands there, right or wrong.
func (f front) manifest(wrong func(format string, args ...any)) skills.Manifest {
	m := skills.Manifest{
		Name: f.name, Version: f.one(metaVersion), NeedsModel: true,
		Description: map[string]string{"en": f.description},
		Triggers: skills.Triggers{
			Keywords: f.words(metaKeywords), Pattern: f.one(metaPattern), Intents: f.lines(metaIntents),
		},
	}
	command := skills.Command{Name: f.one(metaCommand), Help: map[string]string{"en": cut(f.description)}, Args: "[words]"}
	if command.Name == "" {
		command.Name = strings.ReplaceAll(f.name, "-", "_")
		command.Name = strings.TrimRight(command.Name[:min(len(command.Name), maxCommand)], "_")
	}
	for _, role := range f.words(metaRoles) {
		m.Roles = append(m.Roles, skills.Role(role))
	}
	for _, place := range f.words(metaPlaces) {
		m.Places = append(m.Places, core.Place(place))
	}
	for _, key := range slices.Sorted(maps.Keys(f.metadata)) {
		language, isHelp := strings.CutPrefix(key, metaHelp)
		switch {
		case isHelp && language != "":
			command.Help[language] = cut(f.one(key))
		case strings.HasPrefix(key, metaOwn) && !slices.Contains(own, key):
			wrong("metadata %s is unknown; there are %s", key, strings.Join(own, ", "))
		}
	}
	if text := f.one(metaTimeout); text != "" {
		var err error
		if m.Timeout, err = time.ParseDuration(text); err != nil || m.Timeout <= 0 {
			wrong("metadata %s %q is no time, such as 90s", metaTimeout, text)
			m.Timeout = 0
		}
	}
	if text := f.one(metaTool); text != "" && text != "true" && text != "false" {
		wrong("metadata %s %q is neither true nor false", metaTool, text)
	}
	m.Commands = []skills.Command{command}
	return m
}

// own are the keys of Parley that are one.
var own = []string{
	metaCommand, metaHelp + "LANGUAGE", metaIntents, metaKeywords, metaModel, metaPattern, metaPlaces, metaRoles, metaTimeout, metaTool,
}

// one is what stands under a key of the metadata, as one text.
func (f front) one(key string) string { return strings.TrimSpace(strings.Join(f.metadata[key], "\n")) }

// lines is a list of lines under a key.
func (f front) lines(key string) []string { return f.parts(key, "\n") }

// words is a list of words or phrases under a key.
func (f front) words(key string) []string { return f.parts(key, "\n,") }

func (f front) parts(key, between string) (out []string) {
	for _, text := range f.metadata[key] {
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(between, r) }) {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// cut makes a description a line of help.
func cut(text string) string {
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > skills.MaxHelp {
		line = append(line[:skills.MaxHelp-1], '…')
	}
	return string(line)
}

// described is a manifest to be checked.
type described struct {
	skills.HandlerFunc
	manifest skills.Manifest
}

// Manifest implements skills.Skill.
func (d described) Manifest() skills.Manifest { return d.manifest }
