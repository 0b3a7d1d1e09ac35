package skills

import (
	"fmt"
	"strconv"
	"strings"
)

var (
	isMissing = Phrase{
		"en": "%s is missing.",
		"de": "%s fehlt.",
	}
	isTwice = Phrase{
		"en": "%s is there twice.",
		"de": "%s steht zweimal da.",
	}
	isTooMuch = Phrase{
		"en": "“%s” is one word too many.",
		"de": "„%s“ ist ein Wort zu viel.",
	}
	mustBe = Phrase{
		"en": "%s is “%s”, but must be %s.",
		"de": "%s ist „%s“, muss aber %s sein.",
	}
	doesNotFit = Phrase{
		"en": "These arguments do not go together.",
		"de": "Diese Angaben passen nicht zusammen.",
	}
	writeLikeThis = Phrase{
		"en": "Please write it like this:",
		"de": "Bitte schreibe es so:",
	}
)

// The words of what an argument must be.
var (
	aText = Phrase{
		"en": "a text of the right form",
		"de": "ein Text in der richtigen Form",
	}
	aWhole = Phrase{
		"en": "a whole number",
		"de": "eine ganze Zahl",
	}
	aNumber = Phrase{
		"en": "a number, such as 2.5",
		"de": "eine Zahl, etwa 2.5",
	}
	yesOrNo = Phrase{
		"en": "yes or no",
		"de": "ja oder nein",
	}
	oneOf = Phrase{
		"en": "one of: %s",
		"de": "eines von: %s",
	}
	between = Phrase{
		"en": "from %s to %s",
		"de": "von %s bis %s",
	}
	atLeast = Phrase{
		"en": "at least %s",
		"de": "mindestens %s",
	}
	atMost = Phrase{
		"en": "up to %s",
		"de": "höchstens %s",
	}
	characters = Phrase{
		"en": "characters",
		"de": "Zeichen",
	}
	yesNo = Phrase{
		"en": "yes|no",
		"de": "ja|nein",
	}
)

// must says what an argument has to be.
func (a Argument) must(language string) string {
	switch {
	case len(a.Choices) > 0:
		return fmt.Sprintf(oneOf.In(language), strings.Join(a.Choices, ", "))
	case a.Kind == Boolean:
		return yesOrNo.In(language)
	case a.Kind == Integer:
		return join(aWhole.In(language), bounds(language, a.Minimum, a.Maximum))
	case a.Kind == Number:
		return join(aNumber.In(language), bounds(language, a.Minimum, a.Maximum))
	}
	if length := bounds(language, float(a.MinLength), float(a.MaxLength)); length != "" {
		return join(aText.In(language), length+" "+characters.In(language))
	}
	return aText.In(language)
}

func join(what, bounds string) string {
	if bounds == "" {
		return what
	}
	return what + ", " + bounds
}

func float(n *int) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

func bounds(language string, low, high *float64) string {
	say := func(f *float64) string { return strconv.FormatFloat(*f, 'f', -1, 64) }
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf(between.In(language), say(low), say(high))
	case low != nil:
		return fmt.Sprintf(atLeast.In(language), say(low))
	case high != nil:
		return fmt.Sprintf(atMost.In(language), say(high))
	}
	return ""
}

// Usage shows how the arguments are written, as in "<city> [unit=c|f]".
func (s *Schema) Usage(language string) string {
	var words []string
	for _, a := range s.arguments {
		value := "…"
		switch {
		case len(a.Choices) > 0:
			value = strings.Join(a.Choices, "|")
		case a.Kind == Boolean:
			value = yesNo.In(language)
		}
		switch {
		case !a.Required:
			words = append(words, "["+a.Name+"="+value+"]")
		case value == "…":
			words = append(words, "<"+a.Name+">")
		default:
			words = append(words, "<"+a.Name+": "+value+">")
		}
	}
	return strings.Join(words, " ")
}
