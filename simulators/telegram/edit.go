package telegram

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const errNotModified = "message is not modified: specified new message content and reply markup are exactly " +
	"the same as a current content and reply markup of the message"

// deleteLife is how long a message can be deleted for all.
const deleteLife = 48 * time.Hour

func (s *Server) editMessageText(c *call) (any, error) {
	if c.params.values["text"] == "" {
		return nil, badRequest("message text is empty")
	}
	text, found, err := c.params.formatted("text", "entities")
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, badRequest("text must be non-empty")
	}
	return s.edit(c, func(m *Posted) error {
		if m.Text == "" {
			return badRequest("there is no text in the message to edit")
		}
		if textUnits(text) > maxText {
			return badRequest("message is too long")
		}
		m.Text, m.Entities = text, found
		return nil
	})
}

func (s *Server) editMessageCaption(c *call) (any, error) {
	caption, found, err := c.params.formatted("caption", "caption_entities")
	if err != nil {
		return nil, err
	}
	return s.edit(c, func(m *Posted) error {
		if m.Text != "" || m.Location != nil || m.Contact != nil {
			return badRequest("there is no caption in the message to edit")
		}
		if textUnits(caption) > maxCaption {
			return badRequest("message caption is too long")
		}
		m.Caption, m.CaptionEntities = caption, found
		return nil
	})
}

func (s *Server) editMessageReplyMarkup(c *call) (any, error) {
	return s.edit(c, func(*Posted) error { return nil })
}

// edit changes one of the bot's own messages. An edit without a keyboard takes the keyboard away.
func (s *Server) edit(c *call, change func(*Posted) error) (any, error) {
	inline, _, err := parseMarkup(c.params.values["reply_markup"])
	if err != nil {
		return nil, err
	}
	if c.params.values["inline_message_id"] != "" {
		return nil, badRequest("MESSAGE_ID_INVALID") // inline mode is not simulated
	}
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	id := c.params.int64("message_id")
	if id == 0 && c.params.values["message_id"] == "" {
		return nil, badRequest("message identifier is not specified")
	}
	i, ok := ch.index(id)
	if !ok {
		return nil, badRequest("message to edit not found")
	}
	old := ch.log[i]
	if old.ByBot != c.bot.user.ID {
		return nil, badRequest("message can't be edited")
	}
	now := *old
	if err := change(&now); err != nil {
		return nil, err
	}
	now.ReplyMarkup = inline
	if sameContent(old, &now) {
		return nil, badRequest(errNotModified)
	}
	now.Edits++
	now.EditDate = unix(c.at)
	ch.log[i] = &now
	s.show(ch, EventEdited, &now)
	return &now.Message, nil
}

func sameContent(a, b *Posted) bool {
	return a.Text == b.Text && a.Caption == b.Caption && bytes.Equal(a.ReplyMarkup, b.ReplyMarkup) &&
		slices.Equal(a.Entities, b.Entities) && slices.Equal(a.CaptionEntities, b.CaptionEntities)
}

func (s *Server) deleteMessage(c *call) (any, error) {
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	if err := s.remove(ch, c, c.params.int64("message_id")); err != nil {
		return nil, err
	}
	return true, nil
}

func (s *Server) deleteMessages(c *call) (any, error) {
	var ids []int64
	if json.Unmarshal([]byte(c.params.values["message_ids"]), &ids) != nil || len(ids) == 0 {
		return nil, badRequest("message identifiers are not specified")
	}
	if len(ids) > 100 {
		return nil, badRequest("too many message identifiers specified")
	}
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	for _, id := range ids {
		if _, ok := ch.index(id); !ok {
			continue // what is not there is skipped
		}
		if err := s.remove(ch, c, id); err != nil {
			return nil, err
		}
	}
	return true, nil
}

// remove deletes a message for everybody, where the bot may: its own anywhere, those of others in
// private chats and where it is an administrator. The caller holds ch.mu.
func (s *Server) remove(ch *chat, c *call, id int64) error {
	i, ok := ch.index(id)
	if !ok {
		return badRequest("message to delete not found")
	}
	p := ch.log[i]
	status := ch.members[c.bot.user.ID]
	mayAll := ch.info.Type == ChatPrivate || status == "administrator" || status == "creator"
	if p.ByBot != c.bot.user.ID && !mayAll || c.at.Sub(p.SentAt) > deleteLife {
		return badRequest("message can't be deleted")
	}
	s.unshow(ch, i)
	return nil
}

func (s *Server) unshow(ch *chat, i int) {
	p := ch.log[i]
	ch.log = slices.Delete(ch.log, i, i+1)
	s.publish(Event{
		Kind: EventDeleted, At: s.opts.Now(), Bot: max(ch.key.bot, p.ByBot), Chat: ch.info.ID,
		Thread: p.MessageThreadID, MessageID: p.MessageID,
	})
}

// emojis a reaction may have; see https://core.telegram.org/bots/api#reactiontypeemoji.
var reactionEmojis = func() map[string]bool {
	set := map[string]bool{}
	for _, e := range []string{
		"❤", "👍", "👎", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢", "🎉", "🤩", "🤮", "💩", "🙏", "👌", "🕊",
		"🤡", "🥱", "🥴", "😍", "🐳", "❤‍🔥", "🌚", "🌭", "💯", "🤣", "⚡", "🍌", "🏆", "💔", "🤨", "😐", "🍓", "🍾",
		"💋", "🖕", "😈", "😴", "😭", "🤓", "👻", "👨‍💻", "👀", "🎃", "🙈", "😇", "😨", "🤝", "✍", "🤗", "🫡", "🎅",
		"🎄", "☃", "💅", "🤪", "🗿", "🆒", "💘", "🙉", "🦄", "😘", "💊", "🙊", "😎", "👾", "🤷‍♂", "🤷", "🤷‍♀", "😡",
	} {
		set[e] = true
	}
	return set
}()

// reaction is one ReactionType of the emoji kind.
type reaction struct {
	Type  string `json:"type"`
	Emoji string `json:"emoji"`
}

func (s *Server) setMessageReaction(c *call) (any, error) {
	var list []reaction
	if text := c.params.values["reaction"]; text != "" {
		if json.Unmarshal([]byte(text), &list) != nil {
			return nil, badRequest("can't parse reaction types JSON object")
		}
	}
	if len(list) > 1 {
		return nil, badRequest("REACTIONS_TOO_MANY") // bots set one at most
	}
	var emojis []string
	for _, r := range list {
		if r.Type != "emoji" {
			return nil, badRequest("can't parse ReactionType: invalid reaction type specified")
		}
		if !reactionEmojis[r.Emoji] {
			return nil, badRequest("REACTION_INVALID")
		}
		emojis = append(emojis, r.Emoji)
	}
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	if _, ok := ch.index(c.params.int64("message_id")); !ok {
		return nil, badRequest("message to react not found")
	}
	s.react(ch, c.params.int64("message_id"), c.bot.user.ID, emojis)
	return true, nil
}

// react replaces the reactions of one sender. The caller holds ch.mu and knows the message exists.
func (s *Server) react(ch *chat, id, from int64, emojis []string) (before []string) {
	i, _ := ch.index(id)
	now := *ch.log[i]
	now.Reactions = maps.Clone(now.Reactions)
	if now.Reactions == nil {
		now.Reactions = map[int64][]string{}
	}
	before = now.Reactions[from]
	if len(emojis) == 0 {
		delete(now.Reactions, from)
	} else {
		now.Reactions[from] = emojis
	}
	ch.log[i] = &now
	s.show(ch, EventReaction, &now)
	return before
}
