package slack

import (
	"encoding/json"
	"time"
)

// User is somebody in the workspace.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Bot  bool   `json:"is_bot,omitempty"`
}

// Metadata is what an app hides in a message.
type Metadata struct {
	EventType    string         `json:"event_type"`
	EventPayload map[string]any `json:"event_payload"`
}

// File is a file as messages and files.info show it.
type File struct {
	ID          string `json:"id"`
	User        string `json:"user,omitempty"`
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	MIME        string `json:"mimetype"`
	Mode        string `json:"mode"`
	Subtype     string `json:"subtype,omitempty"`
	Size        int    `json:"size"`
	External    bool   `json:"is_external"`
	URLPrivate  string `json:"url_private"`
	URLDownload string `json:"url_private_download,omitempty"`
	Permalink   string `json:"permalink"`
}

// Reaction is an emoji under a message with those who put it there.
type Reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
	Count int      `json:"count"`
}

// Edited tells that a message was changed.
type Edited struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

// Message is a message as the Web API and events show it.
type Message struct {
	Type        string          `json:"type"`
	Subtype     string          `json:"subtype,omitempty"`
	User        string          `json:"user,omitempty"`
	BotID       string          `json:"bot_id,omitempty"`
	AppID       string          `json:"app_id,omitempty"`
	Team        string          `json:"team,omitempty"`
	Text        string          `json:"text"`
	TS          string          `json:"ts"`
	ThreadTS    string          `json:"thread_ts,omitempty"`
	ParentUser  string          `json:"parent_user_id,omitempty"`
	ReplyCount  int             `json:"reply_count,omitempty"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
	Files       []File          `json:"files,omitempty"`
	Edited      *Edited         `json:"edited,omitempty"`
	Reactions   []Reaction      `json:"reactions,omitempty"`
	Metadata    *Metadata       `json:"metadata,omitempty"`
	ClientMsgID string          `json:"client_msg_id,omitempty"`
}

// Posted is a message with what only the simulator knows of it.
type Posted struct {
	Message
	Channel string `json:"channel"`
	ByBot   bool   `json:"by_bot"`
	// Ephemeral is who alone sees it; empty for everybody.
	Ephemeral string `json:"ephemeral,omitempty"`
	// Streaming: it still grows.
	Streaming bool `json:"streaming,omitempty"`
	// Edits counts how often it changed.
	Edits int       `json:"edits"`
	At    time.Time `json:"at"`
}

// args is a JSON object.
type args = map[string]any
