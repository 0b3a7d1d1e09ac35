package telegram

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Errors of the Go API when it is told to do what cannot happen.
var (
	ErrNoBot     = errors.New("telegram simulator: no such bot, or several and none named")
	ErrNoUser    = errors.New("telegram simulator: no such user")
	ErrNoChat    = errors.New("telegram simulator: no such chat, or one with each of several bots")
	ErrNoMessage = errors.New("telegram simulator: no such message")
	ErrNotMember = errors.New("telegram simulator: not a member of the chat")
	ErrBlocked   = errors.New("telegram simulator: the user blocked the bot or is deactivated")
	ErrNoTopic   = errors.New("telegram simulator: no such topic")
	ErrMoved     = errors.New("telegram simulator: the group became a supergroup")
	ErrNoButton  = errors.New("telegram simulator: the message has no such button")
)

// person is a user behind a client.
type person struct {
	User
	deactivated bool
}

// chatKey names a chat. A private chat belongs to one bot; groups have bot zero.
type chatKey struct{ bot, chat int64 }

// chat is one conversation with what it shows.
type chat struct {
	key chatKey

	mu      sync.Mutex
	info    Chat
	members map[int64]string // status by user id, groups only
	topics  map[int64]string // name by thread id, forums only
	blocked bool             // private only: the user blocked the bot
	moved   int64            // the supergroup this group became
	lastID  int64
	log     []*Posted // by message id; entries are replaced, never changed
	drafts  map[int64]Draft
}

// AddBot lets a bot in. Adding an id again renames the bot and changes its token.
func (s *Server) AddBot(token string, id int64, username, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.bots[id]; old != nil {
		delete(s.tokens, old.token)
		s.order = slices.DeleteFunc(slices.Clone(s.order), func(b *bot) bool { return b == old })
		old.mu.Lock()
		old.dropHook()
		old.mu.Unlock()
	}
	b := newBot(token, User{ID: id, IsBot: true, FirstName: name, Username: username}, s.opts.FirstMessageID)
	s.bots[id], s.tokens[token] = b, b
	s.order = append(slices.Clone(s.order), b)
}

// AddUser makes a user known. Adding an id again changes the profile.
func (s *Server) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[u.ID] = &person{User: u}
}

// Deactivate deletes the user's account, as seen by bots: sends fail with 403.
func (s *Server) Deactivate(user int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.users[user]
	if p == nil {
		return ErrNoUser
	}
	s.users[user] = &person{User: p.User, deactivated: true}
	return nil
}

// AddGroup opens a group without telling anybody. The id must be negative; members are ids of
// users and bots, and the first of them owns the group.
func (s *Server) AddGroup(id int64, title string, members ...int64) {
	s.addChat(Chat{ID: id, Type: ChatGroup, Title: title}, members)
}

// AddSupergroup opens a supergroup (id -100…) without telling anybody. In a forum, messages
// live in topics.
func (s *Server) AddSupergroup(id int64, title string, forum bool, members ...int64) {
	s.addChat(Chat{ID: id, Type: ChatSupergroup, Title: title, IsForum: forum}, members)
}

func (s *Server) addChat(info Chat, members []int64) {
	ch := s.newChat(chatKey{chat: info.ID}, info)
	for i, m := range members {
		ch.members[m] = "member"
		if i == 0 {
			ch.members[m] = "creator"
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chats[ch.key] = ch
}

func (s *Server) newChat(key chatKey, info Chat) *chat {
	return &chat{key: key, info: info, lastID: s.opts.FirstMessageID, members: map[int64]string{}, topics: map[int64]string{}, drafts: map[int64]Draft{}}
}

// OpenPrivate opens the private chat of a user with a bot, as pressing Start does, without a
// message. Speaking opens it too.
func (s *Server) OpenPrivate(bot, user int64) error {
	_, err := s.private(bot, user)
	return err
}

func (s *Server) private(botID, user int64) (*chat, error) {
	b, err := s.botByID(botID)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.users[user]
	if p == nil {
		return nil, ErrNoUser
	}
	key := chatKey{bot: b.user.ID, chat: user}
	ch := s.chats[key]
	if ch == nil {
		ch = s.newChat(key, Chat{ID: user, Type: ChatPrivate, Username: p.Username, FirstName: p.FirstName, LastName: p.LastName})
		s.chats[key] = ch
	}
	return ch, nil
}

// botByID finds a bot; id zero means the only one.
func (s *Server) botByID(id int64) (*bot, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if id == 0 && len(s.order) == 1 {
		return s.order[0], nil
	}
	if b := s.bots[id]; b != nil {
		return b, nil
	}
	return nil, ErrNoBot
}

// chatByID finds a chat for the Go API. Bot zero will do unless several bots know the user.
func (s *Server) chatByID(botID, id int64) (*chat, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if ch := s.chats[chatKey{chat: id}]; ch != nil {
		return ch, nil
	}
	if botID != 0 {
		if ch := s.chats[chatKey{bot: botID, chat: id}]; ch != nil {
			return ch, nil
		}
		return nil, ErrNoChat
	}
	var found *chat
	for _, b := range s.order {
		if ch := s.chats[chatKey{bot: b.user.ID, chat: id}]; ch != nil {
			if found != nil {
				return nil, ErrNoChat
			}
			found = ch
		}
	}
	if found == nil {
		return nil, ErrNoChat
	}
	return found, nil
}

// chatFor finds the chat a call names and checks that the bot may write there. On success the
// chat is locked.
func (s *Server) chatFor(b *bot, ref string) (*chat, error) {
	if ref == "" {
		return nil, badRequest("chat_id is empty")
	}
	id, err := strconv.ParseInt(ref, 10, 64)
	s.mu.RLock()
	var ch *chat
	var user *person
	if err == nil && id > 0 {
		ch, user = s.chats[chatKey{bot: b.user.ID, chat: id}], s.users[id]
	} else if err == nil { // public names (@name) are not simulated: nothing has one
		ch = s.chats[chatKey{chat: id}]
	}
	s.mu.RUnlock()
	if ch == nil {
		if user != nil && s.meets(b.user.ID, id) {
			return nil, forbidden("bot can't initiate conversation with a user")
		}
		return nil, badRequest("chat not found")
	}
	if user != nil && user.deactivated {
		return nil, forbidden("user is deactivated")
	}
	ch.mu.Lock()
	if err := ch.writable(b.user.ID); err != nil {
		ch.mu.Unlock()
		return nil, err
	}
	return ch, nil
}

// meets tells whether a bot and a user share a group, so that the bot knows the user at all.
func (s *Server) meets(botID, user int64) bool {
	s.mu.RLock()
	groups := make([]*chat, 0, 8)
	for key, ch := range s.chats {
		if key.bot == 0 {
			groups = append(groups, ch)
		}
	}
	s.mu.RUnlock()
	for _, ch := range groups {
		ch.mu.Lock()
		both := present(ch.members[botID]) && present(ch.members[user])
		ch.mu.Unlock()
		if both {
			return true
		}
	}
	return false
}

func present(status string) bool {
	return status != "" && status != "left" && status != "kicked"
}

// writable says why the bot cannot write here, in the words of the public server.
func (ch *chat) writable(botID int64) error {
	switch {
	case ch.key.bot != 0:
		if ch.blocked {
			return forbidden("bot was blocked by the user")
		}
		return nil
	case ch.moved != 0:
		err := badRequest("group chat was upgraded to a supergroup chat")
		err.migrateTo = ch.moved
		return err
	case ch.members[botID] == "":
		return badRequest("chat not found")
	case ch.members[botID] == "kicked":
		return forbidden("bot was kicked from the " + ch.info.Type + " chat")
	case ch.members[botID] == "left":
		return forbidden("bot is not a member of the " + ch.info.Type + " chat")
	}
	return nil
}

// find gives the message with the id as it is now, or nil.
func (ch *chat) find(id int64) *Posted {
	if i, ok := ch.index(id); ok {
		return ch.log[i]
	}
	return nil
}

func (ch *chat) index(id int64) (int, bool) {
	return slices.BinarySearchFunc(ch.log, id, func(p *Posted, id int64) int {
		return cmp.Compare(p.MessageID, id)
	})
}

// append stores a message under the next id and keeps the log within limit.
func (ch *chat) append(p *Posted, limit int) {
	ch.lastID++
	p.MessageID = ch.lastID
	if len(ch.log) >= 2*limit {
		ch.log = append(make([]*Posted, 0, 2*limit), ch.log[len(ch.log)-limit+1:]...)
	}
	ch.log = append(ch.log, p)
}

// visible is the part of the log that the limit lets stay.
func (ch *chat) visible(limit int) []*Posted {
	return ch.log[max(0, len(ch.log)-limit):]
}

func (s *Server) user(id int64) (User, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if p := s.users[id]; p != nil {
		return p.User, !p.deactivated
	}
	if b := s.bots[id]; b != nil {
		return b.user, true
	}
	return User{}, false
}

// botsIn lists the bots that see what happens in a chat. The caller holds ch.mu.
func (s *Server) botsIn(ch *chat) []*bot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if ch.key.bot != 0 {
		if b := s.bots[ch.key.bot]; b != nil {
			return []*bot{b}
		}
		return nil
	}
	var in []*bot
	for _, b := range s.order {
		if present(ch.members[b.user.ID]) {
			in = append(in, b)
		}
	}
	return in
}

func unix(t time.Time) int64 { return t.Unix() }

func chatError(err error, chat int64) error {
	return fmt.Errorf("%w: chat %d", err, chat)
}
