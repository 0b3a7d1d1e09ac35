package discord

import (
	"encoding/json"
	"time"
)

// User is a person or a bot.
type User struct {
	ID            string  `json:"id"`
	Username      string  `json:"username"`
	Discriminator string  `json:"discriminator"`
	GlobalName    *string `json:"global_name"`
	Avatar        *string `json:"avatar"`
	Bot           bool    `json:"bot,omitempty"`
}

// Kinds of channels (https://docs.discord.com/developers/resources/channel#channel-object-channel-types).
const (
	ChannelText         = 0
	ChannelDM           = 1
	ChannelPublicThread = 11
)

// Channel is a place to write in.
type Channel struct {
	ID            string  `json:"id"`
	Type          int     `json:"type"`
	GuildID       string  `json:"guild_id,omitempty"`
	Name          string  `json:"name,omitempty"`
	ParentID      *string `json:"parent_id,omitempty"`
	OwnerID       string  `json:"owner_id,omitempty"`
	Position      int     `json:"position"`
	LastMessageID *string `json:"last_message_id"`
	Recipients    []User  `json:"recipients,omitempty"`

	ThreadMetadata *ThreadMetadata `json:"thread_metadata,omitempty"`
}

// ThreadMetadata is what threads have besides.
type ThreadMetadata struct {
	Archived            bool      `json:"archived"`
	AutoArchiveDuration int       `json:"auto_archive_duration"`
	ArchiveTimestamp    time.Time `json:"archive_timestamp"`
	Locked              bool      `json:"locked"`
}

// Attachment is a file of a message.
type Attachment struct {
	ID          string  `json:"id"`
	Filename    string  `json:"filename"`
	ContentType string  `json:"content_type,omitempty"`
	Size        int     `json:"size"`
	URL         string  `json:"url"`
	ProxyURL    string  `json:"proxy_url"`
	Width       int     `json:"width,omitempty"`
	Height      int     `json:"height,omitempty"`
	Seconds     float64 `json:"duration_secs,omitempty"`
	Waveform    string  `json:"waveform,omitempty"`
}

// Component is a row of buttons or a button.
type Component struct {
	Type       int         `json:"type"`
	ID         int         `json:"id,omitempty"`
	Components []Component `json:"components,omitempty"`
	Style      int         `json:"style,omitempty"`
	Label      string      `json:"label,omitempty"`
	CustomID   string      `json:"custom_id,omitempty"`
	URL        string      `json:"url,omitempty"`
	Disabled   bool        `json:"disabled,omitempty"`
}

// Reference names another message.
type Reference struct {
	Type            int    `json:"type"`
	MessageID       string `json:"message_id,omitempty"`
	ChannelID       string `json:"channel_id,omitempty"`
	GuildID         string `json:"guild_id,omitempty"`
	FailIfNotExists *bool  `json:"fail_if_not_exists,omitempty"`
}

// InteractionMetadata tells what a bot's message answers.
type InteractionMetadata struct {
	ID       string `json:"id"`
	Type     int    `json:"type"`
	User     User   `json:"user"`
	Original string `json:"original_response_message_id,omitempty"`
	// Owners are those who installed the application: the server, or "0" in private.
	Owners map[string]string `json:"authorizing_integration_owners"`
}

// Message is a message as Discord writes it.
type Message struct {
	ID              string               `json:"id"`
	ChannelID       string               `json:"channel_id"`
	Type            int                  `json:"type"`
	Author          User                 `json:"author"`
	Content         string               `json:"content"`
	Timestamp       time.Time            `json:"timestamp"`
	EditedTimestamp *time.Time           `json:"edited_timestamp"`
	TTS             bool                 `json:"tts"`
	MentionEveryone bool                 `json:"mention_everyone"`
	Mentions        []User               `json:"mentions"`
	MentionRoles    []string             `json:"mention_roles"`
	Attachments     []Attachment         `json:"attachments"`
	Embeds          []json.RawMessage    `json:"embeds"`
	Components      []Component          `json:"components"`
	Pinned          bool                 `json:"pinned"`
	Flags           int                  `json:"flags"`
	Nonce           json.RawMessage      `json:"nonce,omitempty"`
	ApplicationID   string               `json:"application_id,omitempty"`
	Reference       *Reference           `json:"message_reference,omitempty"`
	Referenced      *Message             `json:"referenced_message,omitempty"`
	Interaction     *InteractionMetadata `json:"interaction_metadata,omitempty"`
	Reactions       []Reaction           `json:"reactions,omitempty"`
}

// Reaction is an emoji under a message with the number of those who put it there
// (https://docs.discord.com/developers/resources/message#reaction-object).
type Reaction struct {
	Count int   `json:"count"`
	Me    bool  `json:"me"`
	Emoji Emoji `json:"emoji"`

	users []string
}

// Emoji is one of Unicode's, which has no id.
type Emoji struct {
	ID   *string `json:"id"`
	Name string  `json:"name"`
}

// flagLoading marks the message that says "thinking…".
const flagLoading = 1 << 7

// member is a user in a server.
type member struct {
	User     *User     `json:"user,omitempty"`
	Nick     *string   `json:"nick"`
	Roles    []string  `json:"roles"`
	JoinedAt time.Time `json:"joined_at"`
	Deaf     bool      `json:"deaf"`
	Mute     bool      `json:"mute"`
	Flags    int       `json:"flags"`
}

// said is the payload of a message event.
type said struct {
	Message
	ChannelType int     `json:"channel_type"`
	GuildID     string  `json:"guild_id,omitempty"`
	Member      *member `json:"member,omitempty"`
}

// Command is an application command as it was registered.
type Command struct {
	ID          string          `json:"id"`
	Application string          `json:"application_id"`
	Version     string          `json:"version"`
	Type        int             `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Options     []CommandOption `json:"options,omitempty"`

	Descriptions map[string]string `json:"description_localizations,omitempty"`
}

// CommandOption is an argument of a command.
type CommandOption struct {
	Type        int    `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Required    bool   `json:"required,omitempty"`

	Choices   []CommandChoice `json:"choices,omitempty"`
	MinValue  *float64        `json:"min_value,omitempty"`
	MaxValue  *float64        `json:"max_value,omitempty"`
	MinLength *int            `json:"min_length,omitempty"`
	MaxLength *int            `json:"max_length,omitempty"`
}

// CommandChoice is one value that an argument may have.
type CommandChoice struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}
