package discord

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrForm is what the form of a command does not take: a client would not send it.
var ErrForm = errors.New("the form is not filled in right")

// The types of arguments that are used here
// (https://docs.discord.com/developers/interactions/application-commands).
const (
	optionString  = 3
	optionInteger = 4
	optionBoolean = 5
	optionNumber  = 10
	optionFile    = 11
	maxOptions    = 25
)

// freeText is what the arguments are called that take any text.
const freeText = "text"

// checkOptions refuses arguments of a command that the service refuses.
func checkOptions(at string, options []CommandOption) error {
	if len(options) > maxOptions {
		return invalid(at+".options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
	}
	names := map[string]bool{}
	optional := false
	for k, o := range options {
		where := fmt.Sprintf("%s.options.%d", at, k)
		numeric := o.Type == optionInteger || o.Type == optionNumber
		switch {
		case !commandName.MatchString(o.Name) || o.Name != strings.ToLower(o.Name) || names[o.Name],
			utf8.RuneCountInString(o.Description) < 1 || utf8.RuneCountInString(o.Description) > 100, o.Type < 1 || o.Type > 11:
			return invalid(where, "APPLICATION_COMMAND_OPTIONS_INVALID", "The option is invalid")
		case o.Required && optional:
			return invalid(where, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options must be placed before non-required options")
		case len(o.Choices) > maxOptions || len(o.Choices) > 0 && o.Type != optionString && !numeric:
			return invalid(where+".choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
		case (o.MinValue != nil || o.MaxValue != nil) && !numeric, (o.MinLength != nil || o.MaxLength != nil) && o.Type != optionString:
			return invalid(where, "APPLICATION_COMMAND_OPTIONS_INVALID", "The option is invalid")
		case o.MaxLength != nil && (*o.MaxLength < 1 || *o.MaxLength > 6000), o.MinLength != nil && (*o.MinLength < 0 || *o.MinLength > 6000):
			return invalid(where, "NUMBER_TYPE_MAX", "int value should be less than or equal to 6000.")
		}
		for _, c := range o.Choices {
			if n := utf8.RuneCountInString(c.Name); n < 1 || n > 100 {
				return invalid(where+".choices", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
			}
		}
		names[o.Name], optional = true, optional || !o.Required
	}
	return nil
}

// filled is what a client sends of a command that a person filled in.
func (c Command) filled(u Run) (map[string]any, error) {
	free := slices.ContainsFunc(c.Options, func(o CommandOption) bool { return o.Name == freeText })
	if free || len(c.Options) == 0 {
		return commandData(c.ID, u.Name, u.Text), nil
	}
	form := u.Form
	if form == nil {
		form = c.form(u.Text)
	}
	data := map[string]any{"id": c.ID, "name": u.Name, "type": 1}
	var options []map[string]any
	for _, o := range c.Options {
		value, given := form[o.Name]
		if !given && o.Required {
			return nil, fmt.Errorf("%w: %s is missing", ErrForm, o.Name)
		}
		if !given {
			continue
		}
		if !o.takes(value) {
			return nil, fmt.Errorf("%w: %s is %v", ErrForm, o.Name, value)
		}
		options = append(options, map[string]any{"name": o.Name, "type": o.Type, "value": value})
	}
	for name := range form {
		if !slices.ContainsFunc(c.Options, func(o CommandOption) bool { return o.Name == name }) {
			return nil, fmt.Errorf("%w: there is no %s", ErrForm, name)
		}
	}
	if len(options) > 0 {
		data["options"] = options
	}
	return data, nil
}

// takes tells whether an argument may have a value.
func (o CommandOption) takes(value any) bool {
	if len(o.Choices) > 0 && !slices.ContainsFunc(o.Choices, func(c CommandChoice) bool { return c.Value == value }) {
		return false
	}
	switch v := value.(type) {
	case string:
		n := utf8.RuneCountInString(v)
		return o.Type == optionString && n > 0 && (o.MinLength == nil || n >= *o.MinLength) && (o.MaxLength == nil || n <= *o.MaxLength)
	case bool:
		return o.Type == optionBoolean
	case int:
		return (o.Type == optionInteger || o.Type == optionNumber) && o.within(float64(v))
	case float64:
		return o.Type == optionNumber && o.within(v)
	}
	return false
}

func (o CommandOption) within(v float64) bool {
	return (o.MinValue == nil || v >= *o.MinValue) && (o.MaxValue == nil || v <= *o.MaxValue)
}

// form fills in the words of a text, one for each argument.
func (c Command) form(text string) map[string]any {
	form := map[string]any{}
	words := strings.Fields(text)
	for i, o := range c.Options {
		if len(words) == 0 {
			break
		}
		word, rest := words[0], words[1:]
		last := i == len(c.Options)-1 || o.Required && !c.Options[i+1].Required
		if o.Type == optionString && len(o.Choices) == 0 && last {
			word, rest = strings.Join(words, " "), nil
		}
		form[o.Name], words = read(o.Type, word), rest
	}
	return form
}

// read makes of a word what the field of a form would.
func read(kind int, word string) any {
	switch kind {
	case optionInteger:
		if n, err := strconv.Atoi(word); err == nil {
			return n
		}
	case optionNumber:
		if f, err := strconv.ParseFloat(word, 64); err == nil {
			return f
		}
	case optionBoolean:
		if b, err := strconv.ParseBool(word); err == nil {
			return b
		}
	}
	return word
}
