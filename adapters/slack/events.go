package slack

import (
	"encoding/json"
	"errors"
)

// The kinds of what Slack delivers, as Socket Mode names them.
const (
	kindEvents      = "events_api"
	kindCommand     = "slash_commands"
	kindInteractive = "interactive"
)

var errNotJSON = errors.New("the body is not JSON of the documented shape")

// incoming is one delivery: an event, a slash command or an interaction. The other
// two are nil.
type incoming struct {
	Event       *callback
	Command     *slash
	Interaction *interaction
	// raw is what came, to tell deliveries apart that name themselves in no way.
	raw []byte
	// what names a delivery of an unknown kind.
	what string
	// odd: it is not of the documented shape.
	odd bool
}

// callback is the outer part of an event
// (https://docs.slack.dev/apis/events-api#event-type-structure).
type callback struct {
	Type      string `json:"type"`
	TeamID    string `json:"team_id"`
	EventID   string `json:"event_id"`
	EventTime int64  `json:"event_time"`
	Challenge string `json:"challenge"`
	Event     *event `json:"event"`
}

// event is the inner part: the fields of all kinds of events that are read here.
type event struct {
	Type        string   `json:"type"`
	Subtype     string   `json:"subtype"`
	Channel     flexible `json:"channel"`
	ChannelType string   `json:"channel_type"`
	User        flexible `json:"user"`
	BotID       string   `json:"bot_id"`
	Text        string   `json:"text"`
	TS          string   `json:"ts"`
	ThreadTS    string   `json:"thread_ts"`
	EventTS     string   `json:"event_ts"`
	DeletedTS   string   `json:"deleted_ts"`
	ParentUser  string   `json:"parent_user_id"`
	Edited      *struct {
		TS string `json:"ts"`
	} `json:"edited"`
	Files    []file `json:"files"`
	Message  *event `json:"message"`
	Previous *event `json:"previous_message"`
	Reaction string `json:"reaction"`
	ItemUser string `json:"item_user"`
	Item     *struct {
		Type    string `json:"type"`
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	} `json:"item"`
}

// flexible is an id that some events give as an object with the id in it.
type flexible string

// UnmarshalJSON reads both shapes; any other is no id.
func (f *flexible) UnmarshalJSON(data []byte) error {
	*f = ""
	var object struct {
		ID string `json:"id"`
	}
	var id string
	if json.Unmarshal(data, &id) == nil {
		*f = flexible(id)
	} else if json.Unmarshal(data, &object) == nil {
		*f = flexible(object.ID)
	}
	return nil
}

// file is a file of a message (https://docs.slack.dev/reference/objects/file-object).
type file struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Title       string `json:"title"`
	MIME        string `json:"mimetype"`
	Mode        string `json:"mode"`
	Subtype     string `json:"subtype"`
	MediaType   string `json:"media_display_type"`
	Size        int64  `json:"size"`
	Width       int    `json:"original_w"`
	Height      int    `json:"original_h"`
	DurationMS  int    `json:"duration_ms"`
	External    bool   `json:"is_external"`
	Permalink   string `json:"permalink"`
	URLDownload string `json:"url_private_download"`
	URLPrivate  string `json:"url_private"`
}

// slash is a slash command (https://docs.slack.dev/interactivity/implementing-slash-commands).
type slash struct {
	TeamID      string `json:"team_id"`
	ChannelID   string `json:"channel_id"`
	UserID      string `json:"user_id"`
	UserName    string `json:"user_name"`
	Command     string `json:"command"`
	Text        string `json:"text"`
	TriggerID   string `json:"trigger_id"`
	ThreadTS    string `json:"thread_ts"`
	ResponseURL string `json:"response_url"`
}

// interaction is a press of a button or another use of a component
// (https://docs.slack.dev/reference/interaction-payloads/block_actions-payload).
type interaction struct {
	Type string `json:"type"`
	Team *struct {
		ID string `json:"id"`
	} `json:"team"`
	User struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Username string `json:"username"`
		TeamID   string `json:"team_id"`
	} `json:"user"`
	Channel     flexible `json:"channel"`
	TriggerID   string   `json:"trigger_id"`
	ResponseURL string   `json:"response_url"`
	Container   struct {
		ChannelID string `json:"channel_id"`
		MessageTS string `json:"message_ts"`
		ThreadTS  string `json:"thread_ts"`
	} `json:"container"`
	Message *struct {
		TS       string `json:"ts"`
		ThreadTS string `json:"thread_ts"`
	} `json:"message"`
	Actions []struct {
		ActionID string `json:"action_id"`
		BlockID  string `json:"block_id"`
		ActionTS string `json:"action_ts"`
		Type     string `json:"type"`
		Value    string `json:"value"`
		Selected *struct {
			Value string `json:"value"`
		} `json:"selected_option"`
	} `json:"actions"`
}

// decode reads a delivery of one of the kinds. On an error what is known of it comes
// all the same: it is kept as an event nobody reads.
func decode(kind string, payload []byte) (incoming, error) {
	in := incoming{raw: payload, what: kind}
	var err error
	switch kind {
	case kindEvents:
		in.Event = &callback{}
		if err = json.Unmarshal(payload, in.Event); err != nil {
			// The event may be of an unknown shape and the part around it not.
			outer := struct {
				TeamID  string `json:"team_id"`
				EventID string `json:"event_id"`
			}{}
			_ = json.Unmarshal(payload, &outer) // as far as it goes
			in.Event = &callback{TeamID: outer.TeamID, EventID: outer.EventID}
		}
	case kindCommand:
		in.Command = &slash{}
		err = json.Unmarshal(payload, in.Command)
	case kindInteractive:
		in.Interaction = &interaction{}
		err = json.Unmarshal(payload, in.Interaction)
	}
	if err != nil {
		in.odd = true
		return in, errNotJSON
	}
	return in, nil
}
