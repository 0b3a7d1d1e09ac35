package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-hub/parley/simulators"
)

// Upload is a file that somebody sends.
type Upload struct {
	Name    string `json:"name"`
	MIME    string `json:"mime"`
	Subtype string `json:"subtype,omitempty"`
	Bytes   []byte `json:"bytes,omitempty"` // base64 in JSON
	// URL replaces the address of the bytes, to see whether a client believes it.
	URL string `json:"url,omitempty"`
	// Size pretends another size than that of Bytes.
	Size int `json:"size,omitempty"`
}

// Utterance is what a person says. Text is mrkdwn as clients send it: mentions are
// <@U…>, and & < > are escaped.
type Utterance struct {
	Channel  string   `json:"channel"`
	User     string   `json:"user"`
	Text     string   `json:"text"`
	ThreadTS string   `json:"thread_ts,omitempty"`
	Files    []Upload `json:"files,omitempty"`
	// BotID makes it the word of another bot.
	BotID string `json:"bot_id,omitempty"`
}

var wordsEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Say is a person's plain text in a channel.
func (s *Server) Say(channel, user, text string) (Posted, error) {
	return s.Speak(Utterance{Channel: channel, User: user, Text: wordsEscaper.Replace(text)})
}

// Speak says something as a person. The app is told when it is in the channel.
func (s *Server) Speak(u Utterance) (Posted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.seat(u.Channel, u.User)
	if err != nil {
		return Posted{}, err
	}
	if u.ThreadTS != "" && c.find(u.ThreadTS) == nil {
		return Posted{}, ErrNoMessage
	}
	p := &Posted{Message: Message{User: u.User, Text: u.Text, ThreadTS: u.ThreadTS, BotID: u.BotID}}
	p.ClientMsgID = fmt.Sprintf("client-%d", s.nextID())
	for _, f := range u.Files {
		s.share(c, p, []*storedFile{s.files.add(s.nextFileID(), u.User, f)})
	}
	if u.BotID != "" {
		p.Subtype = "bot_message"
	} else if len(p.Files) > 0 {
		p.Subtype = "file_share"
	}
	s.store(c, p)
	s.tellMessage(c, p)
	return *p, nil
}

// SayFile is a person's file in a channel, with words of plain text.
func (s *Server) SayFile(channel, user, text string, f Upload) (Posted, error) {
	return s.Speak(Utterance{Channel: channel, User: user, Text: wordsEscaper.Replace(text), Files: []Upload{f}})
}

// seat finds the channel somebody acts in. Server.mu is held.
func (s *Server) seat(id, user string) (*channel, error) {
	c := s.channels[id]
	if c == nil {
		return nil, ErrNoChannel
	}
	if _, ok := s.users[user]; !ok {
		return nil, ErrNoUser
	}
	if !c.members[user] {
		return nil, ErrNotMember
	}
	return c, nil
}

// tellMessage tells the app of a message: as a message, and once more as a mention in
// channels. Server.mu is held.
func (s *Server) tellMessage(c *channel, p *Posted) {
	if !c.members[s.opts.App.UserID] {
		return
	}
	event := eventOf(p.Message)
	event["channel"], event["channel_type"], event["event_ts"] = c.id, c.kind, p.TS
	s.tell(c.id, event)
	if !c.im() && s.mentions(p) {
		s.tellMention(c, p)
	}
}

// eventOf is a message as an object to add to.
func eventOf(m Message) args {
	var event args
	if err := json.Unmarshal(simulators.JSON(m), &event); err != nil {
		panic(err) // it was just written
	}
	return event
}

// tell queues an event that the app has the scope for. Server.mu is held.
func (s *Server) tell(channel string, event args) {
	if !s.heard(channel, event) {
		return
	}
	id := fmt.Sprintf("Ev%010d", s.nextID())
	s.queue(&delivery{
		kind: "events_api", lane: channel,
		payload: simulators.JSON(args{
			"token": "deprecated", "team_id": s.opts.Team, "api_app_id": s.opts.App.ID, "type": "event_callback",
			"event_id": id, "event_time": s.opts.Now().Unix(), "event": event, "is_ext_shared_channel": false,
			"authorizations": []args{{"team_id": s.opts.Team, "user_id": s.opts.App.UserID, "is_bot": true}},
			"event_context":  "4-" + id,
		}),
	})
}

// RawEvent queues an event of any shape; of a known kind only with its scope.
func (s *Server) RawEvent(channel string, event map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(channel, event)
}

// RawDelivery queues a delivery of any kind and payload, as only Socket Mode can
// bring it.
func (s *Server) RawDelivery(kind, channel string, payload json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue(&delivery{kind: kind, lane: channel, payload: payload})
}

// EditSaid changes the text of a person's message.
func (s *Server) EditSaid(id, ts, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[id]
	if c == nil {
		return ErrNoChannel
	}
	i := c.index(ts)
	if i < 0 || c.log[i].ByBot {
		return ErrNoMessage
	}
	was, now := *c.log[i], *c.log[i]
	now.Text, now.Edited = text, &Edited{User: now.User, TS: s.nextTS()}
	s.replace(c, i, &now)
	s.tell(id, args{
		"type": "message", "subtype": "message_changed", "hidden": true, "channel": id, "channel_type": c.kind,
		"message": eventOf(now.Message), "previous_message": eventOf(was.Message), "ts": now.Edited.TS, "event_ts": now.Edited.TS,
	})
	return nil
}

// Delete takes a message away, whoever wrote it.
func (s *Server) Delete(id, ts string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[id]
	if c == nil {
		return ErrNoChannel
	}
	i := c.index(ts)
	if i < 0 {
		return ErrNoMessage
	}
	s.tellDeleted(c, s.remove(c, i))
	return nil
}

func (s *Server) tellDeleted(c *channel, was Posted) {
	at := s.nextTS()
	s.tell(c.id, args{
		"type": "message", "subtype": "message_deleted", "hidden": true, "channel": c.id, "channel_type": c.kind,
		"deleted_ts": was.TS, "previous_message": eventOf(was.Message), "ts": at, "event_ts": at,
	})
}

// React puts somebody's reaction under a message, or takes it away.
func (s *Server) React(id, ts, user, name string, removed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.seat(id, user)
	if err != nil {
		return err
	}
	i := c.index(ts)
	if i < 0 {
		return ErrNoMessage
	}
	s.react(c, i, user, name, removed)
	return nil
}

// react changes the reactions and tells of it. Server.mu is held.
func (s *Server) react(c *channel, i int, user, name string, removed bool) {
	p := *c.log[i]
	p.Reactions = slices.Clone(p.Reactions)
	at := slices.IndexFunc(p.Reactions, func(r Reaction) bool { return r.Name == name })
	if at < 0 {
		p.Reactions = append(p.Reactions, Reaction{Name: name})
		at = len(p.Reactions) - 1
	}
	users := slices.DeleteFunc(slices.Clone(p.Reactions[at].Users), func(u string) bool { return u == user })
	kind := "reaction_removed"
	if !removed {
		users, kind = append(users, user), "reaction_added"
	}
	p.Reactions[at].Users, p.Reactions[at].Count = users, len(users)
	p.Reactions = slices.DeleteFunc(p.Reactions, func(r Reaction) bool { return r.Count == 0 })
	c.log[i] = &p
	s.publish(Event{Kind: EventReaction, At: s.opts.Now(), Channel: c.id, TS: p.TS, Message: &p})
	s.tell(c.id, args{
		"type": kind, "user": user, "reaction": name, "item_user": p.User, "event_ts": s.nextTS(),
		"item": args{"type": "message", "channel": c.id, "ts": p.TS},
	})
}

// Press presses a button of a message, which is found by its action_id.
func (s *Server) Press(id, ts, user, actionID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.seat(id, user)
	if err != nil {
		return err
	}
	p := c.find(ts)
	if p == nil {
		return ErrNoMessage
	}
	var blocks []struct {
		BlockID  string `json:"block_id"`
		Elements []args `json:"elements"`
	}
	if len(p.Blocks) == 0 || json.Unmarshal(p.Blocks, &blocks) != nil {
		return ErrNoButton
	}
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e["action_id"] == actionID {
				e["block_id"], e["action_ts"] = b.BlockID, s.nextTS()
				s.pressed(c, p, user, e)
				return nil
			}
		}
	}
	return ErrNoButton
}

func (s *Server) pressed(c *channel, p *Posted, user string, action args) {
	payload := simulators.JSON(args{
		"type": "block_actions", "team": args{"id": s.opts.Team, "domain": "sim"}, "api_app_id": s.opts.App.ID,
		"user":      args{"id": user, "username": s.users[user].Name, "name": s.users[user].Name, "team_id": s.opts.Team},
		"container": args{"type": "message", "message_ts": p.TS, "channel_id": c.id, "thread_ts": p.ThreadTS, "is_ephemeral": false},
		"channel":   args{"id": c.id, "name": c.name}, "message": p.Message, "actions": []args{action},
		"trigger_id": fmt.Sprintf("trigger.%d", s.nextID()), "response_url": s.newResponseURL(c.id, p.TS, user), "token": "deprecated",
	})
	form := url.Values{"payload": {string(payload)}}
	s.queue(&delivery{kind: "interactive", lane: c.id, payload: payload, form: form})
}

// Slash types a slash command. Without the scope for them the app has none.
func (s *Server) Slash(id, user, command, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.seat(id, user)
	if err != nil {
		return err
	}
	if !s.may(commandScope) {
		return ErrNoCommand
	}
	name := c.name
	if c.im() {
		name = "directmessage"
	}
	fields := map[string]string{
		"token": "deprecated", "team_id": s.opts.Team, "team_domain": "sim", "channel_id": id, "channel_name": name,
		"user_id": user, "user_name": s.users[user].Name, "command": command, "text": text, "api_app_id": s.opts.App.ID,
		"is_enterprise_install": "false", "trigger_id": fmt.Sprintf("trigger.%d", s.nextID()),
		"response_url": s.newResponseURL(id, "", user),
	}
	form := url.Values{}
	for k, v := range fields {
		form.Set(k, v)
	}
	payload := args{}
	for k, v := range fields {
		payload[k] = v
	}
	payload["is_enterprise_install"] = false
	s.queue(&delivery{kind: "slash_commands", lane: id, payload: simulators.JSON(payload), form: form})
	return nil
}
