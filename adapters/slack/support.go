package slack

import "github.com/parley-hub/parley/adapters"

// support is what becomes of everything a message can hold.
var support = adapters.Support{
	In: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureEmoji, adapters.FeatureMention, adapters.FeatureReply,
			adapters.FeatureThread, adapters.FeatureEdit, adapters.FeatureDelete, adapters.FeatureReaction,
			adapters.FeatureImage, adapters.FeatureVoice, adapters.FeatureAudio, adapters.FeatureVideo,
			adapters.FeatureDocument, adapters.FeatureButtons, adapters.FeatureCommand,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike, adapters.FeatureCode,
			adapters.FeatureCodeBlock, adapters.FeatureLink, adapters.FeatureList, adapters.FeatureQuote,
			adapters.FeatureTable,
		},
		Unsupported: []adapters.Feature{
			adapters.FeatureSticker, adapters.FeatureAlbum, adapters.FeatureLocation, adapters.FeatureContact,
			adapters.FeatureTyping, adapters.FeatureStreaming,
		},
	},
	Out: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike,
			adapters.FeatureCode, adapters.FeatureCodeBlock, adapters.FeatureLink, adapters.FeatureQuote,
			adapters.FeatureEmoji, adapters.FeatureMention, adapters.FeatureThread, adapters.FeatureEdit,
			adapters.FeatureButtons, adapters.FeatureCommand, adapters.FeatureStreaming, adapters.FeatureTyping,
			adapters.FeatureImage, adapters.FeatureAudio, adapters.FeatureVideo, adapters.FeatureDocument,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureList, adapters.FeatureTable, adapters.FeatureReply, adapters.FeatureVoice,
			adapters.FeatureSticker, adapters.FeatureLocation, adapters.FeatureContact,
		},
		Unsupported: []adapters.Feature{adapters.FeatureDelete, adapters.FeatureReaction, adapters.FeatureAlbum},
	},
}
