package telegram

import (
	"bytes"
	"encoding/json"
)

// The shapes of what comes in: the fields this adapter reads, by the names of
// https://core.telegram.org/bots/api#update. Unknown fields are ignored, so a
// newer server does no harm.

// allowedUpdates is asked for by name: the server remembers the last list that
// anybody gave, and its default leaves some out.
const allowedUpdates = `["message","edited_message","channel_post","edited_channel_post","callback_query","my_chat_member"]`

type update struct {
	ID                int64          `json:"update_id"`
	Message           *message       `json:"message"`
	EditedMessage     *message       `json:"edited_message"`
	ChannelPost       *message       `json:"channel_post"`
	EditedChannelPost *message       `json:"edited_channel_post"`
	CallbackQuery     *callbackQuery `json:"callback_query"`
	MyChatMember      *memberUpdate  `json:"my_chat_member"`

	// what is the name of the update's own field, known or not.
	what string
}

// decodeUpdate reads one update. When the body has an unexpected shape it still
// gives the update's id and name where they can be read, so that one update
// nobody understands does not hold up the rest.
func decodeUpdate(data []byte) (update, error) {
	var u update
	err := json.Unmarshal(data, &u)
	if err == nil && u.Message != nil {
		u.what = "message" // by far the most; spare them the second reading
		return u, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return update{what: "malformed"}, err
	}
	if err != nil {
		u = update{}
		_ = json.Unmarshal(fields["update_id"], &u.ID) // stays 0 when it cannot be read either
	}
	for name := range fields {
		if name != "update_id" && (u.what == "" || name < u.what) {
			u.what = name
		}
	}
	if u.what == "" {
		u.what = "empty"
	}
	return u, err
}

type user struct {
	ID           int64  `json:"id"`
	IsBot        bool   `json:"is_bot"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	Username     string `json:"username"`
	LanguageCode string `json:"language_code"`
}

type chat struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	Title     string `json:"title"`
	Username  string `json:"username"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

type message struct {
	MessageID          int64  `json:"message_id"`
	MessageThreadID    int64  `json:"message_thread_id"`
	IsTopicMessage     bool   `json:"is_topic_message"`
	From               *user  `json:"from"`
	SenderChat         *chat  `json:"sender_chat"`
	Date               int64  `json:"date"`
	EditDate           int64  `json:"edit_date"`
	Chat               chat   `json:"chat"`
	IsAutomaticForward bool   `json:"is_automatic_forward"`
	MediaGroupID       string `json:"media_group_id"`

	ReplyToMessage *message       `json:"reply_to_message"`
	ExternalReply  *externalReply `json:"external_reply"`
	Quote          *textQuote     `json:"quote"`

	Text            string   `json:"text"`
	Entities        []entity `json:"entities"`
	Caption         string   `json:"caption"`
	CaptionEntities []entity `json:"caption_entities"`

	Photo     []file    `json:"photo"`
	Voice     *file     `json:"voice"`
	Audio     *file     `json:"audio"`
	Video     *file     `json:"video"`
	VideoNote *file     `json:"video_note"`
	Animation *file     `json:"animation"`
	Document  *file     `json:"document"`
	Sticker   *file     `json:"sticker"`
	Location  *location `json:"location"`
	Venue     *venue    `json:"venue"`
	Contact   *contact  `json:"contact"`

	NewChatMembers    []user          `json:"new_chat_members"`
	LeftChatMember    *user           `json:"left_chat_member"`
	MigrateToChatID   int64           `json:"migrate_to_chat_id"`
	MigrateFromChatID int64           `json:"migrate_from_chat_id"`
	ForumTopicCreated json.RawMessage `json:"forum_topic_created"`

	// raw is the whole message, for content this version cannot read.
	raw json.RawMessage
}

// UnmarshalJSON keeps what it read.
func (m *message) UnmarshalJSON(data []byte) error {
	type plain message
	m.raw = bytes.Clone(data)
	return json.Unmarshal(data, (*plain)(m))
}

type entity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	User   *user  `json:"user"`
}

type textQuote struct {
	Text string `json:"text"`
}

// externalReply is a reply to a message of another chat or topic.
type externalReply struct {
	MessageID int64          `json:"message_id"`
	Origin    *messageOrigin `json:"origin"`
}

type messageOrigin struct {
	SenderUser     *user  `json:"sender_user"`
	SenderUserName string `json:"sender_user_name"`
	SenderChat     *chat  `json:"sender_chat"`
	Chat           *chat  `json:"chat"`
}

// file is any of the file-like types; each has some of these fields.
type file struct {
	FileID       string `json:"file_id"`
	FileUniqueID string `json:"file_unique_id"`
	FileName     string `json:"file_name"`
	MIMEType     string `json:"mime_type"`
	FileSize     int64  `json:"file_size"`
	FilePath     string `json:"file_path"`
	Width        int    `json:"width"`
	Height       int    `json:"height"`
	// Length is the width and height of a video note.
	Length   int    `json:"length"`
	Duration int    `json:"duration"`
	Title    string `json:"title"`
	Emoji    string `json:"emoji"`
}

type location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type venue struct {
	Location location `json:"location"`
	Title    string   `json:"title"`
	Address  string   `json:"address"`
}

type contact struct {
	PhoneNumber string `json:"phone_number"`
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name"`
	UserID      int64  `json:"user_id"`
}

type callbackQuery struct {
	ID      string   `json:"id"`
	From    user     `json:"from"`
	Message *message `json:"message"`
	Data    string   `json:"data"`
}

type memberUpdate struct {
	Chat          chat   `json:"chat"`
	From          user   `json:"from"`
	Date          int64  `json:"date"`
	OldChatMember member `json:"old_chat_member"`
	NewChatMember member `json:"new_chat_member"`
}

type member struct {
	Status   string `json:"status"`
	User     user   `json:"user"`
	IsMember bool   `json:"is_member"`
}

// in tells whether the status means being there.
func (m member) in() bool {
	switch m.Status {
	case "creator", "administrator", "member":
		return true
	case "restricted":
		return m.IsMember
	default:
		return false
	}
}

// webhookInfo is the result of getWebhookInfo.
type webhookInfo struct {
	URL string `json:"url"`
}
