package telegram

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
)

type me struct {
	User
	CanJoinGroups       bool `json:"can_join_groups"`
	CanReadAll          bool `json:"can_read_all_group_messages"`
	SupportsInline      bool `json:"supports_inline_queries"`
	CanConnectBusiness  bool `json:"can_connect_to_business"`
	HasMainWebApp       bool `json:"has_main_web_app"`
	HasTopicsEnabled    bool `json:"has_topics_enabled"`
	AllowsUsersToCreate bool `json:"allows_users_to_create_topics"`
}

func (s *Server) getMe(c *call) (any, error) {
	c.bot.mu.Lock()
	defer c.bot.mu.Unlock()
	return me{User: c.bot.user, CanJoinGroups: true, CanReadAll: !c.bot.privacy}, nil
}

// leaveServer answers logOut and close. A real bot could not come back for ten minutes; here it
// only loses its waiting poll.
func (s *Server) leaveServer(c *call) (any, error) {
	c.bot.mu.Lock()
	defer c.bot.mu.Unlock()
	if c.bot.poll != nil {
		c.bot.poll.end <- errRestart
		c.bot.poll = nil
	}
	return true, nil
}

var (
	commandName  = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	languageCode = regexp.MustCompile(`^([a-z]{2})?$`)
)

const (
	maxCommands    = 100
	maxDescription = 256
)

// commandScope names the menu that a call is about.
func (p params) commandScope() (string, error) {
	scope := struct {
		Type   string          `json:"type"`
		ChatID json.RawMessage `json:"chat_id"`
		UserID int64           `json:"user_id"`
	}{Type: "default"}
	if text := p.values["scope"]; text != "" {
		if !json.Valid([]byte(text)) {
			return "", badRequest("can't parse BotCommandScope JSON object")
		}
		if json.Unmarshal([]byte(text), &scope) != nil {
			return "", badRequest("can't parse BotCommandScope: BotCommandScope must be an Object")
		}
	}
	lang := p.values["language_code"]
	if !languageCode.MatchString(lang) {
		return "", badRequest("invalid language code specified")
	}
	key := scope.Type
	switch scope.Type {
	case "default", "all_private_chats", "all_group_chats", "all_chat_administrators":
	case "chat", "chat_administrators", "chat_member":
		if len(scope.ChatID) == 0 {
			return "", badRequest("can't parse BotCommandScope: Empty chat_id specified")
		}
		key += ":" + string(scope.ChatID)
		if scope.Type == "chat_member" {
			if scope.UserID <= 0 {
				return "", badRequest("can't parse BotCommandScope: Invalid user_id specified")
			}
			key += ":" + strconv.FormatInt(scope.UserID, 10)
		}
	default:
		return "", badRequest("can't parse BotCommandScope: Unsupported type specified")
	}
	return key + "|" + lang, nil
}

func (s *Server) setMyCommands(c *call) (any, error) {
	key, err := c.params.commandScope()
	if err != nil {
		return nil, err
	}
	var list []Command
	text := c.params.values["commands"]
	if text == "" || json.Unmarshal([]byte(text), &list) != nil {
		return nil, badRequest("can't parse commands JSON object")
	}
	if len(list) > maxCommands {
		return nil, badRequest("BOT_COMMANDS_TOO_MUCH")
	}
	for _, cmd := range list {
		if !commandName.MatchString(cmd.Command) {
			return nil, badRequest("BOT_COMMAND_INVALID")
		}
		if n := textUnits(cmd.Description); n < 1 || n > maxDescription {
			return nil, badRequest("BOT_COMMAND_DESCRIPTION_INVALID")
		}
	}
	c.bot.mu.Lock()
	c.bot.commands[key] = list
	c.bot.mu.Unlock()
	return true, nil
}

func (s *Server) getMyCommands(c *call) (any, error) {
	key, err := c.params.commandScope()
	if err != nil {
		return nil, err
	}
	c.bot.mu.Lock()
	defer c.bot.mu.Unlock()
	return append([]Command{}, c.bot.commands[key]...), nil
}

func (s *Server) deleteMyCommands(c *call) (any, error) {
	key, err := c.params.commandScope()
	if err != nil {
		return nil, err
	}
	c.bot.mu.Lock()
	delete(c.bot.commands, key)
	c.bot.mu.Unlock()
	return true, nil
}

// Commands gives the menu a bot registered. The scope is its type, then :chat_id and :user_id
// where it has them ("default", "chat:-100"); the language is a two-letter code or empty.
func (s *Server) Commands(bot int64, scope, language string) []Command {
	b, err := s.botByID(bot)
	if err != nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.commands[cmp.Or(scope, "default")+"|"+language])
}

type fullChat struct {
	Chat
	AccentColor      int `json:"accent_color_id"`
	MaxReactionCount int `json:"max_reaction_count"`
}

func (s *Server) getChat(c *call) (any, error) {
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	return fullChat{Chat: ch.info, MaxReactionCount: 11}, nil
}

// member is a ChatMember; the rights of administrators are all granted.
type member struct {
	User        User   `json:"user"`
	Status      string `json:"status"`
	IsAnonymous *bool  `json:"is_anonymous,omitempty"`
	UntilDate   *int64 `json:"until_date,omitempty"`
}

func memberOf(u User, status string) member {
	m := member{User: u, Status: cmp.Or(status, "left")}
	switch m.Status {
	case "creator", "administrator":
		m.IsAnonymous = new(bool)
	case "kicked":
		m.UntilDate = new(int64)
	}
	return m
}

func (s *Server) getChatMember(c *call) (any, error) {
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	id := c.params.int64("user_id")
	u, _ := s.user(id)
	if u.ID == 0 {
		return nil, badRequest("invalid user_id specified")
	}
	if ch.info.Type == ChatPrivate {
		if id != ch.info.ID && id != c.bot.user.ID {
			return nil, badRequest("user not found")
		}
		return memberOf(u, "member"), nil
	}
	return memberOf(u, ch.members[id]), nil
}

func (s *Server) getChatAdministrators(c *call) (any, error) {
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	if ch.info.Type == ChatPrivate {
		return nil, badRequest("there are no administrators in the private chat")
	}
	list := []member{}
	for id, status := range ch.members {
		if status == "creator" || status == "administrator" {
			u, _ := s.user(id)
			list = append(list, memberOf(u, status))
		}
	}
	slices.SortFunc(list, func(a, b member) int { return cmp.Compare(a.User.ID, b.User.ID) })
	return list, nil
}

func (s *Server) getChatMemberCount(c *call) (any, error) {
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	if ch.info.Type == ChatPrivate {
		return 2, nil
	}
	n := 0
	for _, status := range ch.members {
		if present(status) {
			n++
		}
	}
	return n, nil
}

func (s *Server) leaveChat(c *call) (any, error) {
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	private := ch.info.Type == ChatPrivate
	id := ch.info.ID
	ch.mu.Unlock()
	if private {
		return nil, badRequest("chat member status can't be changed in private chats")
	}
	if err := s.SetMember(id, c.bot.user.ID, c.bot.user.ID, "left"); err != nil {
		return nil, badRequest("chat not found")
	}
	return true, nil
}

// knownMethods are the methods that exist but do nothing here: they answer true.
var knownMethods = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range otherMethods {
		set[name] = true
	}
	return set
}()
