package discord

import "github.com/parley-hub/parley/adapters"

// support is what becomes of everything a message can hold.
var support = adapters.Support{
	In: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureEmoji, adapters.FeatureMention, adapters.FeatureReply,
			adapters.FeatureThread, adapters.FeatureEdit, adapters.FeatureDelete, adapters.FeatureReaction,
			adapters.FeatureImage, adapters.FeatureVoice, adapters.FeatureAudio, adapters.FeatureVideo,
			adapters.FeatureDocument, adapters.FeatureSticker, adapters.FeatureButtons, adapters.FeatureCommand,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike, adapters.FeatureCode,
			adapters.FeatureCodeBlock, adapters.FeatureLink, adapters.FeatureList, adapters.FeatureQuote,
			adapters.FeatureTable,
		},
		Unsupported: []adapters.Feature{
			adapters.FeatureAlbum, adapters.FeatureLocation, adapters.FeatureContact, adapters.FeatureTyping,
			adapters.FeatureStreaming,
		},
	},
	Out: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike,
			adapters.FeatureCode, adapters.FeatureCodeBlock, adapters.FeatureLink, adapters.FeatureList,
			adapters.FeatureQuote, adapters.FeatureEmoji, adapters.FeatureMention, adapters.FeatureReply,
			adapters.FeatureThread, adapters.FeatureEdit, adapters.FeatureImage, adapters.FeatureAudio,
			adapters.FeatureVideo, adapters.FeatureDocument, adapters.FeatureButtons, adapters.FeatureCommand,
			adapters.FeatureTyping, adapters.FeatureStreaming,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureTable, adapters.FeatureVoice, adapters.FeatureSticker, adapters.FeatureLocation,
			adapters.FeatureContact,
		},
		Unsupported: []adapters.Feature{
			adapters.FeatureDelete, adapters.FeatureReaction, adapters.FeatureAlbum,
		},
	},
}

// interactionsSupport is the same where Discord tells of slash commands and buttons only:
// what people say and attach are their arguments.
var interactionsSupport = adapters.Support{
	In: adapters.Levels{
		Native: []adapters.Feature{
			adapters.FeatureText, adapters.FeatureEmoji, adapters.FeatureThread, adapters.FeatureImage,
			adapters.FeatureAudio, adapters.FeatureVideo, adapters.FeatureDocument, adapters.FeatureButtons,
			adapters.FeatureCommand,
		},
		Rendered: []adapters.Feature{
			adapters.FeatureBold, adapters.FeatureItalic, adapters.FeatureStrike, adapters.FeatureCode,
			adapters.FeatureCodeBlock, adapters.FeatureLink, adapters.FeatureList, adapters.FeatureQuote,
			adapters.FeatureTable, adapters.FeatureMention, adapters.FeatureVoice,
		},
		Unsupported: []adapters.Feature{
			adapters.FeatureReply, adapters.FeatureEdit, adapters.FeatureDelete, adapters.FeatureReaction,
			adapters.FeatureSticker, adapters.FeatureAlbum, adapters.FeatureLocation, adapters.FeatureContact,
			adapters.FeatureTyping, adapters.FeatureStreaming,
		},
	},
	Out: support.Out,
}
