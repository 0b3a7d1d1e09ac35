package adapters

import (
	"fmt"
	"slices"
)

// Feature is something that a message can hold, or that can be done to one.
type Feature string

// The features, in the order people read them.
const (
	FeatureText      Feature = "text"
	FeatureBold      Feature = "bold"
	FeatureItalic    Feature = "italic"
	FeatureStrike    Feature = "strike"
	FeatureCode      Feature = "code"
	FeatureCodeBlock Feature = "code block"
	FeatureLink      Feature = "link"
	FeatureList      Feature = "list"
	FeatureQuote     Feature = "quote"
	FeatureTable     Feature = "table"
	FeatureEmoji     Feature = "emoji"
	FeatureMention   Feature = "mention"
	FeatureReply     Feature = "reply"
	FeatureThread    Feature = "thread"
	FeatureEdit      Feature = "edit"
	FeatureDelete    Feature = "delete"
	FeatureReaction  Feature = "reaction"
	FeatureImage     Feature = "image"
	FeatureVoice     Feature = "voice"
	FeatureAudio     Feature = "audio"
	FeatureVideo     Feature = "video"
	FeatureDocument  Feature = "document"
	FeatureSticker   Feature = "sticker"
	FeatureAlbum     Feature = "album"
	FeatureLocation  Feature = "location"
	FeatureContact   Feature = "contact"
	FeatureButtons   Feature = "buttons"
	FeatureCommand   Feature = "command"
	FeatureTyping    Feature = "typing"
	FeatureStreaming Feature = "streaming"
)

// Features lists them all.
func Features() []Feature {
	return []Feature{
		FeatureText, FeatureBold, FeatureItalic, FeatureStrike, FeatureCode, FeatureCodeBlock, FeatureLink, FeatureList,
		FeatureQuote, FeatureTable, FeatureEmoji, FeatureMention, FeatureReply, FeatureThread, FeatureEdit, FeatureDelete,
		FeatureReaction, FeatureImage, FeatureVoice, FeatureAudio, FeatureVideo, FeatureDocument, FeatureSticker, FeatureAlbum,
		FeatureLocation, FeatureContact, FeatureButtons, FeatureCommand, FeatureTyping, FeatureStreaming,
	}
}

// Support says of every feature, in both directions, what becomes of it.
type Support struct {
	// In is what people do and the hub hears of; Out what the hub does and people see.
	In, Out Levels
}

// Levels sorts the features; each stands in one of the lists.
type Levels struct {
	// Native features are kept as what they are.
	Native []Feature
	// Rendered ones come across as something else that says the same: a table in fixed
	// width, bold words with their marks.
	Rendered []Feature
	// Unsupported ones are not carried.
	Unsupported []Feature
}

// Problems names the features that stand in no list or in several.
func (l Levels) Problems() []string {
	var out []string
	all := slices.Concat(l.Native, l.Rendered, l.Unsupported)
	for _, f := range Features() {
		n := 0
		for _, declared := range all {
			if declared == f {
				n++
			}
		}
		if n != 1 {
			out = append(out, fmt.Sprintf("%s is declared %d times", f, n))
		}
	}
	for _, f := range all {
		if !slices.Contains(Features(), f) {
			out = append(out, fmt.Sprintf("%s is no feature", f))
		}
	}
	return out
}
