package slack

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The bounds of messages (https://docs.slack.dev/reference/methods/chat.postMessage,
// https://docs.slack.dev/reference/block-kit).
const (
	maxMessage  = 40000
	maxBlocks   = 50
	maxSection  = 3000
	maxElements = 25
	maxLabel    = 75
	maxValue    = 2000
	maxActionID = 255
	maxMetadata = 16 << 10
)

var userShape = regexp.MustCompile(`^[UW][A-Z0-9]+$`)

// target finds the channel a call is about, where the bot must be. A user's id means
// the direct messages with them.
func (s *Server) target(c *call) (*channel, error) {
	if c.channel == "" {
		return nil, refuse("channel_not_found")
	}
	if _, known := s.users[c.channel]; known && userShape.MatchString(c.channel) {
		return s.dm(c.channel), nil
	}
	ch := s.channels[c.channel]
	switch {
	case ch == nil:
		return nil, refuse("channel_not_found")
	case !ch.members[s.opts.App.UserID]:
		return nil, refuse("not_in_channel")
	}
	return ch, nil
}

// draft reads and checks what a message is to say.
func draft(c *call) (Message, error) {
	m := Message{Text: c.params["text"]}
	if raw := c.params["blocks"]; raw != "" && raw != "[]" {
		if err := checkBlocks(raw); err != nil {
			return m, err
		}
		m.Blocks = json.RawMessage(raw)
	}
	var err error
	if m.Metadata, err = metadata(c); err != nil {
		return m, err
	}
	switch {
	case strings.TrimSpace(m.Text) == "" && m.Blocks == nil && c.params["attachments"] == "" && c.params["markdown_text"] == "":
		return m, refuse("no_text")
	case utf8.RuneCountInString(m.Text) > maxMessage:
		return m, refuse("msg_too_long")
	}
	if m.Text == "" {
		m.Text = c.params["markdown_text"]
	}
	return m, nil
}

// metadata reads what an app hides in a message; nil for nothing.
func metadata(c *call) (*Metadata, error) {
	raw := c.params["metadata"]
	if raw == "" {
		return nil, nil
	}
	m := &Metadata{}
	if json.Unmarshal([]byte(raw), m) != nil || m.EventType == "" || m.EventPayload == nil {
		return nil, refuse("invalid_metadata_format")
	}
	if len(raw) > maxMetadata {
		return nil, refuse("metadata_too_large")
	}
	return m, nil
}

func postMessage(s *Server, c *call) (args, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	if ch.archived {
		return nil, refuse("is_archived")
	}
	m, err := draft(c)
	if err != nil {
		return nil, err
	}
	if thread := c.params["thread_ts"]; thread != "" {
		parent := ch.find(thread)
		if parent == nil {
			return nil, refuse("thread_not_found")
		}
		m.ThreadTS = thread
		if parent.ThreadTS != "" && parent.ThreadTS != parent.TS {
			m.ThreadTS = parent.ThreadTS
		}
	}
	p := s.byBot(m)
	s.share(ch, p, s.linked(c, m.Text))
	s.store(ch, p)
	s.tellMessage(ch, p)
	return args{"channel": ch.id, "ts": p.TS, "message": p.Message}, nil
}

// byBot makes a message the bot's.
func (s *Server) byBot(m Message) *Posted {
	m.User, m.BotID, m.AppID = s.opts.App.UserID, s.opts.App.BotID, s.opts.App.ID
	return &Posted{Message: m, ByBot: true}
}

func updateMessage(s *Server, c *call) (args, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	i := ch.index(c.params["ts"])
	switch {
	case i < 0:
		return nil, refuse("message_not_found")
	case !ch.log[i].ByBot:
		return nil, refuse("cant_update_message")
	case s.grows(ch, i):
		return nil, refuse("streaming_state_conflict")
	}
	m, err := draft(c)
	if err != nil {
		return nil, err
	}
	files, err := s.attached(c)
	if err != nil {
		return nil, err
	}
	was, now := *ch.log[i], *ch.log[i]
	now.Text = m.Text
	if len(files) > 0 {
		now.Files = nil
		s.share(ch, &now, files)
	}
	if _, given := c.params["blocks"]; given {
		now.Blocks = m.Blocks
	}
	if m.Metadata != nil {
		now.Metadata = m.Metadata
	}
	if now.Text != was.Text || string(now.Blocks) != string(was.Blocks) || len(files) > 0 {
		now.Edited = &Edited{User: now.User, TS: s.nextTS()}
		s.replace(ch, i, &now)
		s.tell(ch.id, args{
			"type": "message", "subtype": "message_changed", "hidden": true, "channel": ch.id, "channel_type": ch.kind,
			"message": eventOf(now.Message), "previous_message": eventOf(was.Message), "ts": now.Edited.TS, "event_ts": now.Edited.TS,
		})
	} else {
		ch.log[i] = &now
	}
	return args{"channel": ch.id, "ts": now.TS, "text": now.Text, "message": now.Message}, nil
}

// attached are the app's files that an update gives a message by its argument file_ids.
func (s *Server) attached(c *call) ([]*storedFile, error) {
	var ids []string
	if raw := c.params["file_ids"]; raw == "" {
		return nil, nil
	} else if json.Unmarshal([]byte(raw), &ids) != nil {
		return nil, refuse("invalid_arguments")
	}
	var files []*storedFile
	for _, id := range ids {
		f := s.botFile(id)
		if f == nil {
			return nil, refuse("file_not_found")
		}
		files = append(files, f)
	}
	return files, nil
}

func deleteMessage(s *Server, c *call) (args, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	i := ch.index(c.params["ts"])
	switch {
	case i < 0:
		return nil, refuse("message_not_found")
	case !ch.log[i].ByBot || s.grows(ch, i):
		return nil, refuse("cant_delete_message")
	}
	was := s.remove(ch, i)
	s.tellDeleted(ch, was)
	return args{"channel": ch.id, "ts": was.TS}, nil
}

func postEphemeral(s *Server, c *call) (args, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	m, err := draft(c)
	if err != nil {
		return nil, err
	}
	if !ch.members[c.params["user"]] {
		return nil, refuse("user_not_in_channel")
	}
	p := s.byBot(m)
	p.Ephemeral = c.params["user"]
	s.store(ch, p)
	return args{"message_ts": p.TS}, nil
}

// textObject is a text of Block Kit.
type textObject struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// good tells whether a text may stand where at most limit signs may.
func (t *textObject) good(limit int, kinds ...string) bool {
	if t == nil || t.Text == "" || utf8.RuneCountInString(t.Text) > limit {
		return false
	}
	for _, k := range kinds {
		if t.Type == k {
			return true
		}
	}
	return false
}

// block is what is checked of a block.
type block struct {
	Type     string      `json:"type"`
	BlockID  string      `json:"block_id"`
	Text     *textObject `json:"text"`
	Elements []struct {
		Type     string      `json:"type"`
		ActionID string      `json:"action_id"`
		Text     *textObject `json:"text"`
		Value    string      `json:"value"`
		URL      string      `json:"url"`
	} `json:"elements"`
}

func badBlocks(detail string) error {
	return &apiError{code: "invalid_blocks", detail: "[ERROR] " + detail}
}

// checkBlocks refuses what the platform would. Blocks of kinds that are not looked into
// here pass.
func checkBlocks(raw string) error {
	var blocks []block
	if json.Unmarshal([]byte(raw), &blocks) != nil {
		return &apiError{code: "invalid_blocks_format"}
	}
	if len(blocks) > maxBlocks {
		return badBlocks("no more than 50 items allowed")
	}
	ids := map[string]bool{}
	for _, b := range blocks {
		if b.BlockID != "" && ids[b.BlockID] {
			return badBlocks("block_id already exists: " + b.BlockID)
		}
		ids[b.BlockID] = true
		switch b.Type {
		case "section":
			if b.Text != nil && !b.Text.good(maxSection, "mrkdwn", "plain_text") {
				return badBlocks("a section needs a text of at most 3000 characters")
			}
		case "actions":
			if err := b.checkActions(); err != nil {
				return err
			}
		case "":
			return badBlocks("missing required field: type")
		}
	}
	return nil
}

func (b block) checkActions() error {
	if len(b.Elements) == 0 || len(b.Elements) > maxElements {
		return badBlocks("an actions block needs 1 to 25 elements")
	}
	ids := map[string]bool{}
	for _, e := range b.Elements {
		switch {
		case e.ActionID == "" || len(e.ActionID) > maxActionID || ids[e.ActionID]:
			return badBlocks("action_id must be given, at most 255 characters and unique")
		case e.Type == "button" && !e.Text.good(maxLabel, "plain_text"):
			return badBlocks("a button needs a plain_text of at most 75 characters")
		case len(e.Value) > maxValue:
			return badBlocks("a value must have at most 2000 characters")
		}
		ids[e.ActionID] = true
	}
	return nil
}
