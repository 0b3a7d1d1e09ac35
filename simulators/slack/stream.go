package slack

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Streams (https://docs.slack.dev/reference/methods/chat.startStream, chat.appendStream
// and chat.stopStream): a message of the app that grows until it is stopped. While it
// does, it can be neither updated nor deleted.

const (
	// maxStreamed bounds the words of one call.
	maxStreamed = 12000
	// streamLife is after how long the public platform ends a stream by itself. It is not
	// documented (https://github.com/slackapi/python-slack-sdk/pull/1880).
	streamLife = 5 * time.Minute
)

// stream is what is known of a message that grows, or did.
type stream struct {
	started time.Time
	// byPerson: somebody pressed the button that stops it.
	byPerson bool
}

func startStream(s *Server, c *call) (args, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	text, err := streamed(c)
	if err != nil {
		return nil, err
	}
	thread := c.params["thread_ts"]
	switch {
	case ch.archived:
		return nil, refuse("is_archived")
	case ch.im() && thread == "":
		return nil, refuse("channel_type_not_supported") // without a thread in channels only
	case thread != "" && ch.find(thread) == nil:
		return nil, refuse("thread_not_found")
	case !ch.im() && c.params["recipient_user_id"] == "":
		return nil, refuse("missing_recipient_user_id")
	case !ch.im() && c.params["recipient_team_id"] == "":
		return nil, refuse("missing_recipient_team_id")
	}
	if user := c.params["recipient_user_id"]; user != "" && !ch.members[user] {
		return nil, refuse("user_not_found")
	}
	p := s.byBot(Message{Text: text, Blocks: streamBlocks(text, ""), ThreadTS: thread})
	p.Streaming = true
	s.store(ch, p)
	ch.streams[p.TS] = &stream{started: c.at}
	s.tellMessage(ch, p)
	return args{"channel": ch.id, "ts": p.TS}, nil
}

// streamed are the words of a call, in one of the two ways there are.
func streamed(c *call) (string, error) {
	text := c.params["markdown_text"]
	if raw := c.params["chunks"]; raw != "" {
		var chunks []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		if json.Unmarshal([]byte(raw), &chunks) != nil {
			return "", refuse("invalid_chunks")
		}
		for _, chunk := range chunks {
			if chunk.Type == "markdown_text" {
				text += chunk.Text
			}
		}
	}
	if utf8.RuneCountInString(text) > maxStreamed {
		return "", refuse("msg_too_long")
	}
	return text, nil
}

// streamBlocks are the blocks of a streamed message: its words as Markdown, then what
// stopping added.
func streamBlocks(text, more string) json.RawMessage {
	blocks := []any{args{"type": "markdown", "text": text}}
	var added []any
	if more != "" && json.Unmarshal([]byte(more), &added) == nil {
		blocks = append(blocks, added...)
	}
	raw, err := json.Marshal(blocks)
	if err != nil {
		panic(err) // it is made of what was just read
	}
	return raw
}

// growing finds the message of a call that is still growing.
func (s *Server) growing(c *call) (*channel, int, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, 0, err
	}
	i := ch.index(c.params["ts"])
	switch {
	case i < 0:
		return nil, 0, refuse("message_not_found")
	case !ch.log[i].ByBot:
		return nil, 0, refuse("message_not_owned_by_app")
	case ch.streams[ch.log[i].TS] != nil && ch.streams[ch.log[i].TS].byPerson:
		return nil, 0, refuse("stopped_by_user")
	case !s.grows(ch, i):
		return nil, 0, refuse("message_not_in_streaming_state")
	}
	return ch, i, nil
}

// grows tells whether a message is still growing, and ends one that does for too long.
func (s *Server) grows(ch *channel, i int) bool {
	p := ch.log[i]
	st := ch.streams[p.TS]
	if st == nil || st.byPerson {
		return false
	}
	if s.opts.Now().Sub(st.started) < streamLife {
		return true
	}
	s.endStream(ch, i, *p)
	delete(ch.streams, p.TS)
	return false
}

// endStream shows a message as it stays.
func (s *Server) endStream(ch *channel, i int, now Posted) {
	was := *ch.log[i]
	now.Streaming = false
	s.replace(ch, i, &now)
	at := s.nextTS()
	s.tell(ch.id, args{
		"type": "message", "subtype": "message_changed", "hidden": true, "channel": ch.id, "channel_type": ch.kind,
		"message": eventOf(now.Message), "previous_message": eventOf(was.Message), "ts": at, "event_ts": at,
	})
}

func appendStream(s *Server, c *call) (args, error) {
	ch, i, err := s.growing(c)
	if err != nil {
		return nil, err
	}
	text, err := streamed(c)
	if err != nil {
		return nil, err
	}
	now := *ch.log[i]
	now.Text += text
	switch {
	case text == "" && c.params["chunks"] == "":
		return nil, refuse("no_text")
	case utf8.RuneCountInString(now.Text) > maxMessage:
		return nil, refuse("msg_too_long")
	}
	now.Blocks = streamBlocks(now.Text, "")
	s.replace(ch, i, &now)
	return args{"channel": ch.id, "ts": now.TS}, nil
}

func stopStream(s *Server, c *call) (args, error) {
	ch, i, err := s.growing(c)
	if err != nil {
		return nil, err
	}
	text, err := streamed(c)
	if err != nil {
		return nil, err
	}
	now := *ch.log[i]
	now.Text += text
	if now.Metadata, err = metadata(c); err != nil {
		return nil, err
	}
	if raw := c.params["blocks"]; raw != "" {
		if err := checkBlocks(raw); err != nil {
			return nil, err
		}
	}
	if utf8.RuneCountInString(now.Text) > maxMessage {
		return nil, refuse("msg_too_long")
	}
	now.Blocks = streamBlocks(now.Text, c.params["blocks"])
	delete(ch.streams, now.TS)
	s.endStream(ch, i, now)
	return args{"channel": ch.id, "ts": now.TS, "message": ch.log[i].Message}, nil
}

// StopStream lets a person press the button that stops a growing message.
func (s *Server) StopStream(id, ts string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[id]
	if c == nil {
		return ErrNoChannel
	}
	i := c.index(ts)
	if i < 0 || !s.grows(c, i) {
		return ErrNoMessage
	}
	c.streams[ts].byPerson = true
	s.endStream(c, i, *c.log[i])
	return nil
}
