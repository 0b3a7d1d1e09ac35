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
