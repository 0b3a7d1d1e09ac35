package whatsapp

import "github.com/parley-hub/parley/adapters"

// support is what becomes of everything a message can hold.
var support = adapters.Support{
	In: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureEmoji, adapters.FeatureReply, adapters.FeatureReaction,
			adapters.FeatureImage, adapters.FeatureVoice, adapters.FeatureAudio, adapters.FeatureVideo,
			adapters.FeatureDocument, adapters.FeatureSticker, adapters.FeatureLocation, adapters.FeatureContact,
			adapters.FeatureButtons, adapters.FeatureCommand,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike, adapters.FeatureCode,
			adapters.FeatureCodeBlock, adapters.FeatureLink, adapters.FeatureList, adapters.FeatureQuote,
			adapters.FeatureTable, adapters.FeatureMention,
		},
		Unsupported: []adapters.Feature{
			adapters.FeatureThread, adapters.FeatureEdit, adapters.FeatureDelete, adapters.FeatureAlbum,
			adapters.FeatureTyping, adapters.FeatureStreaming,
		},
	},
	Out: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike,
			adapters.FeatureCode, adapters.FeatureCodeBlock, adapters.FeatureQuote, adapters.FeatureEmoji,
			adapters.FeatureReply, adapters.FeatureImage, adapters.FeatureVoice, adapters.FeatureAudio,
			adapters.FeatureVideo, adapters.FeatureDocument, adapters.FeatureSticker, adapters.FeatureLocation,
			adapters.FeatureContact, adapters.FeatureButtons, adapters.FeatureTyping,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureLink, adapters.FeatureList, adapters.FeatureTable, adapters.FeatureMention,
			adapters.FeatureCommand,
		},
		Unsupported: []adapters.Feature{
			adapters.FeatureThread, adapters.FeatureEdit, adapters.FeatureDelete, adapters.FeatureReaction,
			adapters.FeatureAlbum, adapters.FeatureStreaming,
		},
	},
}

// webSupport is the same for a linked device. Linked devices have no buttons that all
// phones show: choices are numbered, and who answers with a number or a label has
// pressed. A growing answer is shown by a few edits, and then only by typing.
var webSupport = adapters.Support{
	In: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureEmoji, adapters.FeatureReply, adapters.FeatureReaction,
			adapters.FeatureEdit, adapters.FeatureDelete, adapters.FeatureMention,
			adapters.FeatureImage, adapters.FeatureVoice, adapters.FeatureAudio, adapters.FeatureVideo,
			adapters.FeatureDocument, adapters.FeatureSticker, adapters.FeatureLocation, adapters.FeatureContact,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike, adapters.FeatureCode,
			adapters.FeatureCodeBlock, adapters.FeatureLink, adapters.FeatureList, adapters.FeatureQuote,
			adapters.FeatureTable, adapters.FeatureButtons, adapters.FeatureCommand,
		},
		Unsupported: []adapters.Feature{
			adapters.FeatureThread, adapters.FeatureAlbum, adapters.FeatureTyping, adapters.FeatureStreaming,
		},
	},
	Out: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike,
			adapters.FeatureCode, adapters.FeatureCodeBlock, adapters.FeatureQuote, adapters.FeatureEmoji,
			adapters.FeatureReply, adapters.FeatureEdit, adapters.FeatureImage, adapters.FeatureVoice, adapters.FeatureAudio,
			adapters.FeatureVideo, adapters.FeatureDocument, adapters.FeatureSticker, adapters.FeatureLocation,
			adapters.FeatureContact, adapters.FeatureTyping, adapters.FeatureStreaming,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureLink, adapters.FeatureList, adapters.FeatureTable, adapters.FeatureMention,
			adapters.FeatureButtons, adapters.FeatureCommand,
		},
		Unsupported: []adapters.Feature{
			adapters.FeatureThread, adapters.FeatureDelete, adapters.FeatureReaction, adapters.FeatureAlbum,
		},
	},
}
