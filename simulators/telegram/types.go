package telegram

import (
	"encoding/json"
	"time"
)

// User is a person or a bot, as the Bot API shows it.
// See https://core.telegram.org/bots/api#user.
type User struct {
	ID           int64  `json:"id"`
	IsBot        bool   `json:"is_bot"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name,omitempty"`
	Username     string `json:"username,omitempty"`
	LanguageCode string `json:"language_code,omitempty"`
}

// Chat kinds as they appear on the wire.
const (
	ChatPrivate    = "private"
	ChatGroup      = "group"
	ChatSupergroup = "supergroup"
)

// Chat is a conversation as the Bot API shows it.
type Chat struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	Title     string `json:"title,omitempty"`
	Username  string `json:"username,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	IsForum   bool   `json:"is_forum,omitempty"`
}

// Entity marks a stretch of a text. Offset and Length count UTF-16 code units.
type Entity struct {
	Type          string `json:"type"`
	Offset        int    `json:"offset"`
	Length        int    `json:"length"`
	URL           string `json:"url,omitempty"`
	User          *User  `json:"user,omitempty"`
	Language      string `json:"language,omitempty"`
	CustomEmojiID string `json:"custom_emoji_id,omitempty"`
}

// PhotoSize is one size of a photo or a thumbnail.
type PhotoSize struct {
	FileID       string `json:"file_id"`
	FileUniqueID string `json:"file_unique_id"`
	Width        int    `json:"width"`
	Height       int    `json:"height"`
	FileSize     int64  `json:"file_size,omitempty"`
}

// Attachment is a voice, audio, video, document, animation, video note or sticker. The Bot API
// has one type for each; a client reads only the fields it knows, so one superset serves all.
type Attachment struct {
	FileID       string `json:"file_id"`
	FileUniqueID string `json:"file_unique_id"`
	Width        int    `json:"width,omitempty"`
	Height       int    `json:"height,omitempty"`
	Length       int    `json:"length,omitempty"`
	Duration     *int   `json:"duration,omitempty"`
	FileName     string `json:"file_name,omitempty"`
	MIMEType     string `json:"mime_type,omitempty"`
	FileSize     int64  `json:"file_size,omitempty"`
	// The rest belongs to stickers only.
	Type       string `json:"type,omitempty"`
	IsAnimated *bool  `json:"is_animated,omitempty"`
	IsVideo    *bool  `json:"is_video,omitempty"`
	Emoji      string `json:"emoji,omitempty"`
}

// Location is a point on the map, in degrees.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Contact is a shared address-book entry.
type Contact struct {
	PhoneNumber string `json:"phone_number"`
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name,omitempty"`
	UserID      int64  `json:"user_id,omitempty"`
}

// Quote is the part of the answered message that the reply repeats.
type Quote struct {
	Text     string   `json:"text"`
	Entities []Entity `json:"entities,omitempty"`
	Position int      `json:"position"`
	IsManual bool     `json:"is_manual,omitempty"`
}

// ForumTopicCreated is the service message that opens a topic.
type ForumTopicCreated struct {
	Name      string `json:"name"`
	IconColor int    `json:"icon_color"`
}

// Message is a message as the Bot API shows it. Values handed out are never changed afterwards:
// an edit makes a new value.
type Message struct {
	MessageID          int64              `json:"message_id"`
	MessageThreadID    int64              `json:"message_thread_id,omitempty"`
	From               *User              `json:"from,omitempty"`
	Date               int64              `json:"date"`
	Chat               Chat               `json:"chat"`
	IsTopicMessage     bool               `json:"is_topic_message,omitempty"`
	ReplyToMessage     *Message           `json:"reply_to_message,omitempty"`
	Quote              *Quote             `json:"quote,omitempty"`
	EditDate           int64              `json:"edit_date,omitempty"`
	MediaGroupID       string             `json:"media_group_id,omitempty"`
	Text               string             `json:"text,omitempty"`
	Entities           []Entity           `json:"entities,omitempty"`
	LinkPreviewOptions json.RawMessage    `json:"link_preview_options,omitempty"`
	Animation          *Attachment        `json:"animation,omitempty"`
	Audio              *Attachment        `json:"audio,omitempty"`
	Document           *Attachment        `json:"document,omitempty"`
	Photo              []PhotoSize        `json:"photo,omitempty"`
	Sticker            *Attachment        `json:"sticker,omitempty"`
	Video              *Attachment        `json:"video,omitempty"`
	VideoNote          *Attachment        `json:"video_note,omitempty"`
	Voice              *Attachment        `json:"voice,omitempty"`
	Caption            string             `json:"caption,omitempty"`
	CaptionEntities    []Entity           `json:"caption_entities,omitempty"`
	Location           *Location          `json:"location,omitempty"`
	Contact            *Contact           `json:"contact,omitempty"`
	NewChatMembers     []User             `json:"new_chat_members,omitempty"`
	LeftChatMember     *User              `json:"left_chat_member,omitempty"`
	MigrateToChatID    int64              `json:"migrate_to_chat_id,omitempty"`
	MigrateFromChatID  int64              `json:"migrate_from_chat_id,omitempty"`
	ForumTopicCreated  *ForumTopicCreated `json:"forum_topic_created,omitempty"`
	// ReplyMarkup is an inline keyboard; the Bot API does not echo the other kinds.
	ReplyMarkup json.RawMessage `json:"reply_markup,omitempty"`
}

// Posted is a message as a chat shows it now.
type Posted struct {
	Message
	// Edits counts the edits that changed it.
	Edits int `json:"edits,omitempty"`
	// SentAt is the server's clock when the message was stored.
	SentAt time.Time `json:"sent_at"`
	// ByBot is the id of the bot that sent it, zero for people and service messages.
	ByBot int64 `json:"by_bot,omitempty"`
	// Keyboard is a reply keyboard, its removal or a forced reply that came with the message.
	Keyboard json.RawMessage `json:"keyboard,omitempty"`
	// Silent tells that the message was sent with disable_notification.
	Silent bool `json:"silent,omitempty"`
	// Reactions holds, per sender, the emoji shown under the message.
	Reactions map[int64][]string `json:"reactions,omitempty"`
}

// Command is one entry of a bot's command menu.
type Command struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}
