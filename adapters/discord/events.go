package discord

import (
	"encoding/json"
	"strings"
)

// The shapes of this file are those parts of Discord's that envelopes are made of
// (https://docs.discord.com/developers/resources). discordgo's own refuse a whole event when
// one field surprises them.

type user struct {
	ID         string `json:"id"`
	Username   string `json:"username"`
	GlobalName string `json:"global_name"`
	Bot        bool   `json:"bot"`
	System     bool   `json:"system"`
	// Member comes with the mentions of a message.
	Member *member `json:"member"`
}

type member struct {
	Nick  string   `json:"nick"`
	Roles []string `json:"roles"`
	User  *user    `json:"user"`
}

type attachment struct {
	ID          string  `json:"id"`
	Filename    string  `json:"filename"`
	ContentType string  `json:"content_type"`
	Size        int64   `json:"size"`
	URL         string  `json:"url"`
	Width       int     `json:"width"`
	Height      int     `json:"height"`
	Seconds     float64 `json:"duration_secs"`
	Waveform    string  `json:"waveform"`
}

type message struct {
	ID              string            `json:"id"`
	ChannelID       string            `json:"channel_id"`
	GuildID         string            `json:"guild_id"`
	Type            int               `json:"type"`
	Author          *user             `json:"author"`
	Member          *member           `json:"member"`
	Content         string            `json:"content"`
	Timestamp       string            `json:"timestamp"`
	EditedTimestamp string            `json:"edited_timestamp"`
	WebhookID       string            `json:"webhook_id"`
	Flags           int               `json:"flags"`
	Mentions        []user            `json:"mentions"`
	MentionRoles    []string          `json:"mention_roles"`
	Attachments     []attachment      `json:"attachments"`
	Embeds          []json.RawMessage `json:"embeds"`
	Stickers        []json.RawMessage `json:"sticker_items"`
	Poll            json.RawMessage   `json:"poll"`
	Snapshots       []json.RawMessage `json:"message_snapshots"`
	Reference       *struct {
		Type      int    `json:"type"`
		MessageID string `json:"message_id"`
	} `json:"message_reference"`
	Referenced *message `json:"referenced_message"`
	// Interaction is what a bot's message answers.
	Interaction *struct {
		ID       string `json:"id"`
		Original string `json:"original_response_message_id"`
	} `json:"interaction_metadata"`
}

// Types of messages that people write.
const (
	typeDefault = 0
	typeReply   = 19
)

// flagLoading marks the message that says that an answer will come.
const flagLoading = 1 << 7

type deletion struct {
	ID        string   `json:"id"`
	IDs       []string `json:"ids"`
	ChannelID string   `json:"channel_id"`
	GuildID   string   `json:"guild_id"`
}

type reaction struct {
	UserID    string  `json:"user_id"`
	ChannelID string  `json:"channel_id"`
	MessageID string  `json:"message_id"`
	GuildID   string  `json:"guild_id"`
	AuthorID  string  `json:"message_author_id"`
	Member    *member `json:"member"`
	Emoji     struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"emoji"`
}

type interaction struct {
	ID            string   `json:"id"`
	ApplicationID string   `json:"application_id"`
	Type          int      `json:"type"`
	Token         string   `json:"token"`
	ChannelID     string   `json:"channel_id"`
	GuildID       string   `json:"guild_id"`
	Channel       *channel `json:"channel"`
	Member        *member  `json:"member"`
	User          *user    `json:"user"`
	Locale        string   `json:"locale"`
	Message       *message `json:"message"`
	Data          struct {
		Name     string   `json:"name"`
		CustomID string   `json:"custom_id"`
		Values   []string `json:"values"`
		Options  []option `json:"options"`
		Resolved struct {
			Attachments map[string]attachment `json:"attachments"`
		} `json:"resolved"`
	} `json:"data"`
}

// option is an argument of a slash command; sub-commands hold more of them.
type option struct {
	Type    int             `json:"type"`
	Name    string          `json:"name"`
	Value   json.RawMessage `json:"value"`
	Options []option        `json:"options"`
}

// Types of interactions.
const (
	interactionPing      = 1
	interactionCommand   = 2
	interactionComponent = 3
	interactionComplete  = 4
)

// Types of answers to interactions.
const (
	answerPong            = 1
	answerDeferred        = 5
	answerDeferredUpdate  = 6
	answerAutocompleteAll = 8
)

type channel struct {
	ID       string `json:"id"`
	Type     int    `json:"type"`
	ParentID string `json:"parent_id"`
	GuildID  string `json:"guild_id"`
}

// thread tells whether a channel hangs under another as a conversation of its own;
// the parent of any other channel is a mere heading.
func (c channel) thread() bool { return c.Type >= 10 && c.Type <= 12 && c.ParentID != "" }

type role struct {
	ID   string `json:"id"`
	Tags struct {
		BotID string `json:"bot_id"`
	} `json:"tags"`
}

type guild struct {
	ID       string    `json:"id"`
	Channels []channel `json:"channels"`
	Threads  []channel `json:"threads"`
	Roles    []role    `json:"roles"`
	Members  []member  `json:"members"`
}

type ready struct {
	SessionID   string `json:"session_id"`
	ResumeURL   string `json:"resume_gateway_url"`
	User        user   `json:"user"`
	Application struct {
		ID string `json:"id"`
	} `json:"application"`
}

// frame is one payload of the gateway.
type frame struct {
	Op   int             `json:"op"`
	Data json.RawMessage `json:"d"`
	Seq  *int64          `json:"s"`
	Type string          `json:"t"`
}

// silent are the events that say nothing of a conversation.
func silent(event string) bool {
	for _, prefix := range []string{"GUILD_", "CHANNEL_", "THREAD_", "PRESENCE", "TYPING_", "USER_", "VOICE_", "READY", "RESUMED",
		"APPLICATION_COMMAND", "INTEGRATION_", "INVITE_", "STAGE_", "ENTITLEMENT", "AUTO_MODERATION", "SOUNDBOARD", "SUBSCRIPTION"} {
		if strings.HasPrefix(event, prefix) {
			return true
		}
	}
	return false
}
