package skills

import "strings"

// Phrase is something the bot says, by language; "en" is required.
type Phrase map[string]string

// In gives the phrase in a BCP 47 language, else in its base language, else in
// English. An unknown or empty language is English.
func (p Phrase) In(language string) string {
	language = strings.ToLower(language)
	if words, ok := p[language]; ok {
		return words
	}
	base, _, _ := strings.Cut(language, "-")
	if words, ok := p[base]; ok {
		return words
	}
	return p["en"]
}
