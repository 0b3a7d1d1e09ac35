package telegram

import (
	"slices"
	"strconv"
	"strings"
)

// Media is a file a user sends.
type Media struct {
	// Kind is photo, voice, audio, video, video_note, animation, document or sticker.
	Kind  string `json:"kind"`
	Name  string `json:"name,omitempty"`
	MIME  string `json:"mime,omitempty"`
	Bytes []byte `json:"bytes,omitempty"` // base64 in JSON
	// Size pretends a size in bytes above that of Bytes, to meet the limits of getFile.
	Size     int64  `json:"size,omitempty"`
	Duration int    `json:"duration,omitempty"` // in seconds
	Emoji    string `json:"emoji,omitempty"`    // stickers only
}

// Utterance is what a user says. Text is the caption when there is media.
type Utterance struct {
	// Bot says whose private chat it is; zero will do when there is one bot.
	Bot int64 `json:"bot,omitempty"`
	// Chat is where it is said; zero is the private chat with the bot.
	Chat int64 `json:"chat,omitempty"`
	From int64 `json:"from"`
	// Thread is a topic of a forum.
	Thread int64  `json:"thread,omitempty"`
	Text   string `json:"text,omitempty"`
	// Entities are those the user made (bold and so on); commands, mentions, hashtags and
	// addresses are found in the text.
	Entities []Entity  `json:"entities,omitempty"`
	Media    *Media    `json:"media,omitempty"`
	Location *Location `json:"location,omitempty"`
	Contact  *Contact  `json:"contact,omitempty"`
	// ReplyTo is the id of the message it answers; Quote a part of that one's text.
	ReplyTo int64  `json:"reply_to,omitempty"`
	Quote   string `json:"quote,omitempty"`
	// Group is the media_group_id; SpeakAlbum sets it.
	Group string `json:"group,omitempty"`
}

// Say is a user's text in the private chat with the only bot.
func (s *Server) Say(from int64, text string) (Message, error) {
	return s.Speak(Utterance{From: from, Text: text})
}

// SayIn is a user's text in a group or supergroup.
func (s *Server) SayIn(chat, from int64, text string) (Message, error) {
	return s.Speak(Utterance{Chat: chat, From: from, Text: text})
}

// Speak says something as a user. Every bot in the chat gets an update.
func (s *Server) Speak(u Utterance) (Message, error) {
	ch, user, err := s.place(u.Bot, u.Chat, u.From)
	if err != nil {
		return Message{}, err
	}
	defer ch.mu.Unlock()
	if u.Thread != 0 && ch.topics[u.Thread] == "" {
		return Message{}, chatError(ErrNoTopic, ch.info.ID)
	}
	p := &Posted{Message: Message{From: &user, MediaGroupID: u.Group, Location: u.Location, Contact: u.Contact}}
	text, found := clean(u.Text, slices.Clone(u.Entities))
	found = detect(text, arrange(text, found))
	if u.Media == nil {
		p.Text, p.Entities = text, found
	} else {
		p.Caption, p.CaptionEntities = text, found
		f := s.files.add(u.Media.Kind, u.Media.Name, u.Media.MIME, u.Media.Bytes, u.Media.Size)
		p.attach(f, u.Media.Duration, u.Media.Emoji)
	}
	var target *Posted
	if u.ReplyTo != 0 {
		if target = ch.find(u.ReplyTo); target == nil {
			return Message{}, chatError(ErrNoMessage, ch.info.ID)
		}
		if u.Quote != "" {
			p.Quote = target.quote(u.Quote)
		}
	}
	s.store(ch, p, u.Thread, target)
	s.tell(ch, "message", p)
	return p.Message, nil
}

// SpeakAlbum sends several files as one album; the text is the caption of the first.
func (s *Server) SpeakAlbum(u Utterance, media ...Media) ([]Message, error) {
	u.Group = strconv.FormatInt(s.files.nextGroup(), 10)
	said := make([]Message, 0, len(media))
	for _, m := range media {
		u.Media = &m
		msg, err := s.Speak(u)
		if err != nil {
			return said, err
		}
		said = append(said, msg)
		u.Text, u.Entities = "", nil
	}
	return said, nil
}

// place finds and locks the chat a user acts in, and checks that the user can.
func (s *Server) place(botID, chatID, from int64) (*chat, User, error) {
	user, active := s.user(from)
	if user.ID == 0 {
		return nil, user, ErrNoUser
	}
	if !active {
		return nil, user, ErrBlocked
	}
	var ch *chat
	var err error
	if chatID == 0 || chatID == from {
		ch, err = s.private(botID, from)
	} else {
		ch, err = s.chatByID(botID, chatID)
	}
	if err != nil {
		return nil, user, err
	}
	ch.mu.Lock()
	switch {
	case ch.blocked:
		err = ErrBlocked
	case ch.moved != 0:
		err = chatError(ErrMoved, chatID)
	case ch.key.bot == 0 && !present(ch.members[from]), ch.key.bot != 0 && ch.info.ID != from:
		err = chatError(ErrNotMember, chatID)
	}
	if err != nil {
		ch.mu.Unlock()
		return nil, user, err
	}
	return ch, user, nil
}

// tell queues an update with the message for every bot that sees it. The caller holds ch.mu.
func (s *Server) tell(ch *chat, kind string, p *Posted) {
	var payload []byte
	for _, b := range s.botsIn(ch) {
		if ch.key.bot == 0 && !b.sees(p) {
			continue
		}
		if payload == nil {
			payload = jsonOf(&p.Message)
		}
		s.push(b, kind, ch.info.ID, payload)
	}
}

// sees applies the privacy mode of groups.
// See https://core.telegram.org/bots/features#privacy-mode.
func (b *bot) sees(p *Posted) bool {
	b.mu.Lock()
	private := b.privacy
	b.mu.Unlock()
	if !private || p.Text == "" && p.Caption == "" && !p.hasMedia() {
		return true
	}
	if r := p.ReplyToMessage; r != nil && r.From != nil && r.From.ID == b.user.ID {
		return true
	}
	for _, e := range p.Entities {
		part := strings.ToLower(cutUnits(p.Text, e.Offset, e.Length))
		name := "@" + strings.ToLower(b.user.Username)
		switch {
		case e.Type == "bot_command" && (!strings.Contains(part, "@") || strings.HasSuffix(part, name)):
			return true
		case e.Type == "mention" && part == name:
			return true
		}
	}
	return false
}

func (m *Message) hasMedia() bool {
	return m.Photo != nil || m.Voice != nil || m.Audio != nil || m.Video != nil || m.VideoNote != nil ||
		m.Document != nil || m.Sticker != nil || m.Location != nil || m.Contact != nil
}

// cutUnits gives a stretch of a text counted in UTF-16 units.
func cutUnits(s string, offset, length int) string {
	from, to, n := len(s), len(s), 0
	for i, r := range s {
		if n >= offset && i < from {
			from = i
		}
		if n >= offset+length {
			to = i
			break
		}
		n += units(r)
	}
	return s[from:to]
}

// EditSaid changes the text or caption of a user's message.
func (s *Server) EditSaid(bot, chat, message int64, text string, found ...Entity) (Message, error) {
	ch, err := s.chatByID(bot, chat)
	if err != nil {
		return Message{}, err
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	i, ok := ch.index(message)
	if !ok || ch.log[i].ByBot != 0 {
		return Message{}, chatError(ErrNoMessage, chat)
	}
	now := *ch.log[i]
	text, found = clean(text, slices.Clone(found))
	found = detect(text, arrange(text, found))
	if now.hasMedia() {
		now.Caption, now.CaptionEntities = text, found
	} else {
		now.Text, now.Entities = text, found
	}
	now.Edits++
	now.EditDate = unix(s.opts.Now())
	ch.log[i] = &now
	s.show(ch, EventEdited, &now)
	s.tell(ch, "edited_message", &now)
	return now.Message, nil
}

// DeleteShown deletes a message as a user does. Bots are not told.
func (s *Server) DeleteShown(bot, chat, message int64) error {
	ch, err := s.chatByID(bot, chat)
	if err != nil {
		return err
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	i, ok := ch.index(message)
	if !ok {
		return chatError(ErrNoMessage, chat)
	}
	s.unshow(ch, i)
	return nil
}

// reactionUpdate is a MessageReactionUpdated.
type reactionUpdate struct {
	Chat      Chat       `json:"chat"`
	MessageID int64      `json:"message_id"`
	User      User       `json:"user"`
	Date      int64      `json:"date"`
	Old       []reaction `json:"old_reaction"`
	New       []reaction `json:"new_reaction"`
}

// React sets a user's reactions to a message; none takes them back. Only bots that asked for
// message_reaction updates are told.
func (s *Server) React(bot, chat, message, from int64, emojis ...string) error {
	ch, user, err := s.place(bot, chat, from)
	if err != nil {
		return err
	}
	defer ch.mu.Unlock()
	if _, ok := ch.index(message); !ok {
		return chatError(ErrNoMessage, chat)
	}
	before := s.react(ch, message, from, emojis)
	payload := jsonOf(reactionUpdate{
		Chat: ch.info, MessageID: message, User: user, Date: unix(s.opts.Now()),
		Old: reactions(before), New: reactions(emojis),
	})
	for _, b := range s.botsIn(ch) {
		s.push(b, "message_reaction", ch.info.ID, payload)
	}
	return nil
}

func reactions(emojis []string) []reaction {
	list := make([]reaction, len(emojis))
	for i, e := range emojis {
		list[i] = reaction{Type: "emoji", Emoji: e}
	}
	return list
}
