package telegram

import "maps"

// memberChange is a ChatMemberUpdated.
type memberChange struct {
	Chat Chat   `json:"chat"`
	From User   `json:"from"`
	Date int64  `json:"date"`
	Old  member `json:"old_chat_member"`
	New  member `json:"new_chat_member"`
}

// Block makes a user block a bot, or unblock it. The bot gets my_chat_member, and its sends fail
// with 403 while it is blocked.
func (s *Server) Block(bot, user int64, blocked bool) error {
	b, err := s.botByID(bot)
	if err != nil {
		return err
	}
	ch, err := s.private(b.user.ID, user)
	if err != nil {
		return err
	}
	who, _ := s.user(user)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.blocked == blocked {
		return nil
	}
	ch.blocked = blocked
	before, after := "member", "kicked"
	if !blocked {
		before, after = after, before
	}
	s.push(b, "my_chat_member", ch.info.ID, jsonOf(memberChange{
		Chat: ch.info, From: who, Date: unix(s.opts.Now()), Old: memberOf(b.user, before), New: memberOf(b.user, after),
	}))
	return nil
}

// Join adds a user or a bot to a group.
func (s *Server) Join(chat, by, who int64) error { return s.SetMember(chat, by, who, "member") }

// Leave takes a user or a bot out of a group: it left by itself, or was removed by another.
func (s *Server) Leave(chat, by, who int64) error {
	if by == who {
		return s.SetMember(chat, by, who, "left")
	}
	return s.SetMember(chat, by, who, "kicked")
}

// SetMember changes what somebody is in a group: member, administrator, creator, left or kicked.
// The bot concerned gets my_chat_member; the others get chat_member if they asked for it, and a
// message about who came or went.
func (s *Server) SetMember(chatID, by, who int64, status string) error {
	actor, _ := s.user(by)
	subject, _ := s.user(who)
	if actor.ID == 0 || subject.ID == 0 {
		return ErrNoUser
	}
	ch, err := s.chatByID(0, chatID)
	if err != nil {
		return err
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.key.bot != 0 {
		return chatError(ErrNoChat, chatID)
	}
	before := ch.members[who]
	if before == status {
		return nil
	}
	change := jsonOf(memberChange{
		Chat: ch.info, From: actor, Date: unix(s.opts.Now()), Old: memberOf(subject, before), New: memberOf(subject, status),
	})
	came, went := present(status) && !present(before), present(before) && !present(status)
	news := &Posted{Message: Message{From: &actor}}
	if went {
		// Told while the one who goes is still there: a removed bot sees its removal.
		news.LeftChatMember = &subject
		s.tellChange(ch, who, change)
		ch.members[who] = status
	} else {
		ch.members[who] = status
		s.tellChange(ch, who, change)
	}
	if came {
		news.NewChatMembers = []User{subject}
	}
	if came || went {
		s.store(ch, news, 0, nil)
		s.tell(ch, "message", news)
	}
	return nil
}

func (s *Server) tellChange(ch *chat, who int64, change []byte) {
	for _, b := range s.botsIn(ch) {
		kind := "chat_member"
		if b.user.ID == who {
			kind = "my_chat_member"
		}
		s.push(b, kind, ch.info.ID, change)
	}
}

// AddTopic opens a topic in a forum and gives its message_thread_id. Bots get the service message.
func (s *Server) AddTopic(chatID int64, name string) (int64, error) {
	ch, err := s.chatByID(0, chatID)
	if err != nil {
		return 0, err
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if !ch.info.IsForum || ch.moved != 0 {
		return 0, chatError(ErrNoChat, chatID)
	}
	p := &Posted{Message: Message{From: ch.owner(s), ForumTopicCreated: &ForumTopicCreated{Name: name, IconColor: 7322096}}}
	if ch.lastID == 0 {
		ch.lastID = 1 // 1 is the General topic, which is never named in a message
	}
	thread := ch.lastID + 1
	ch.topics[thread] = name
	p.MessageThreadID, p.IsTopicMessage = thread, true
	s.store(ch, p, 0, nil)
	s.tell(ch, "message", p)
	return thread, nil
}

// owner is who service messages come from.
func (ch *chat) owner(s *Server) *User {
	for id, status := range ch.members {
		if status == "creator" {
			if u, _ := s.user(id); u.ID != 0 {
				return &u
			}
		}
	}
	return nil
}

// Upgrade turns a group into a supergroup with a new id (-100…). Both get the service messages
// that tell of it, and sends to the old id fail with migrate_to_chat_id from then on.
func (s *Server) Upgrade(groupID, supergroupID int64) error {
	ch, err := s.chatByID(0, groupID)
	if err != nil {
		return err
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.info.Type != ChatGroup || ch.moved != 0 {
		return chatError(ErrMoved, groupID)
	}
	super := s.newChat(chatKey{chat: supergroupID}, Chat{ID: supergroupID, Type: ChatSupergroup, Title: ch.info.Title})
	maps.Copy(super.members, ch.members)
	s.mu.Lock()
	s.chats[super.key] = super
	s.mu.Unlock()
	to := &Posted{Message: Message{From: ch.owner(s), MigrateToChatID: supergroupID}}
	s.store(ch, to, 0, nil)
	s.tell(ch, "message", to)
	ch.moved = supergroupID
	super.mu.Lock() // nobody holds the new chat and waits for the old one
	defer super.mu.Unlock()
	from := &Posted{Message: Message{From: to.From, MigrateFromChatID: groupID}}
	s.store(super, from, 0, nil)
	s.tell(super, "message", from)
	return nil
}
