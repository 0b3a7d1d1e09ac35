package models

// MinSimilarity is how much alike two questions must be at least for one answer, from 0
// to 1: below it vectors say too little of what was meant.
const MinSimilarity = 0.9

// CacheMode says whether an answer may be one that was given before.
type CacheMode uint8

// The modes.
const (
	// CacheAuto: only at temperature 0, where asking again brings nothing new.
	CacheAuto CacheMode = iota
	// CacheAlways: whoever asks says that an answer is as good the second time.
	CacheAlways
	// CacheNever: it must be a new one.
	CacheNever
)

// Caching is what a cache has to know of a request beside its words. Answers for one
// Payer are never given to another.
type Caching struct {
	Mode CacheMode
	// User is for whom of its own people the Payer asks; empty for nobody in particular.
	// Answers for one are never given to another.
	User string
	// SkillVersion tells apart what the skill does with the same words.
	SkillVersion string
	// Locale is the person's language and formats.
	Locale string
	// Knowledge names what the prompt was filled in from, and its generation is that of
	// the cache; empty for nothing.
	Knowledge string
	// First is true for a question that stands alone: nothing said before is needed to
	// understand it. Only then may a similar one's answer do.
	First bool
	// Similarity raises how much alike two questions must be, from 0 to 1; it never lowers
	// what the skill's configuration says.
	Similarity float64
}
