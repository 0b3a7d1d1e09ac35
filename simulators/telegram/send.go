package telegram

import (
	"encoding/json"
	"strings"
)

// methodTable lists the methods that do something, by lower-case name.
func methodTable() map[string]method {
	return map[string]method{
		"getme":                  (*Server).getMe,
		"logout":                 (*Server).leaveServer,
		"close":                  (*Server).leaveServer,
		"getupdates":             (*Server).getUpdates,
		"setwebhook":             (*Server).setWebhook,
		"deletewebhook":          (*Server).deleteWebhook,
		"getwebhookinfo":         (*Server).getWebhookInfo,
		"sendmessage":            (*Server).sendMessage,
		"sendphoto":              sendFile("photo"),
		"sendvoice":              sendFile("voice"),
		"sendaudio":              sendFile("audio"),
		"sendvideo":              sendFile("video"),
		"sendvideonote":          sendFile("video_note"),
		"sendanimation":          sendFile("animation"),
		"senddocument":           sendFile("document"),
		"sendsticker":            sendFile("sticker"),
		"sendmediagroup":         (*Server).sendMediaGroup,
		"sendlocation":           (*Server).sendLocation,
		"sendcontact":            (*Server).sendContact,
		"sendchataction":         (*Server).sendChatAction,
		"sendmessagedraft":       (*Server).sendMessageDraft,
		"editmessagetext":        (*Server).editMessageText,
		"editmessagecaption":     (*Server).editMessageCaption,
		"editmessagereplymarkup": (*Server).editMessageReplyMarkup,
		"deletemessage":          (*Server).deleteMessage,
		"deletemessages":         (*Server).deleteMessages,
		"setmessagereaction":     (*Server).setMessageReaction,
		"answercallbackquery":    (*Server).answerCallbackQuery,
		"setmycommands":          (*Server).setMyCommands,
		"getmycommands":          (*Server).getMyCommands,
		"deletemycommands":       (*Server).deleteMyCommands,
		"getfile":                (*Server).getFile,
		"getchat":                (*Server).getChat,
		"getchatmember":          (*Server).getChatMember,
		"getchatmembercount":     (*Server).getChatMemberCount,
		"getchatadministrators":  (*Server).getChatAdministrators,
		"leavechat":              (*Server).leaveChat,
	}
}

func (s *Server) sendMessage(c *call) (any, error) {
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
	p := &Posted{Message: Message{Text: text, Entities: found}}
	p.LinkPreviewOptions = rawOf(c.params.values["link_preview_options"])
	if p.LinkPreviewOptions != nil && !json.Valid(p.LinkPreviewOptions) {
		return nil, badRequest("can't parse link preview options JSON object")
	}
	return s.post(c, p)
}

// post sends one message: it checks everything that all kinds have in common, stores and shows it.
func (s *Server) post(c *call, p *Posted) (any, error) {
	all, err := s.postAll(c, []*Posted{p})
	if err != nil {
		return nil, err
	}
	return &all[0].Message, nil
}

func (s *Server) postAll(c *call, all []*Posted) ([]*Posted, error) {
	reply, err := c.params.replyTo()
	if err != nil {
		return nil, err
	}
	inline, keyboard, err := parseMarkup(c.params.values["reply_markup"])
	if err != nil {
		return nil, err
	}
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	thread, err := ch.thread(c.params.int64("message_thread_id"))
	if err != nil {
		return nil, err
	}
	target, quote, err := ch.answered(reply)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if textUnits(p.Text) > maxText {
			return nil, badRequest("message is too long")
		}
		if textUnits(p.Caption) > maxCaption {
			return nil, badRequest("message caption is too long")
		}
	}
	for _, p := range all {
		p.From, p.ByBot = &c.bot.user, c.bot.user.ID
		p.ReplyMarkup, p.Keyboard = inline, keyboard
		p.Silent = c.params.bool("disable_notification")
		p.Quote = quote
		s.store(ch, p, thread, target)
	}
	clear(ch.drafts) // a message takes the place of the draft before it
	return all, nil
}

// store gives a message its place in a chat and shows it. The caller holds ch.mu.
func (s *Server) store(ch *chat, p *Posted, thread int64, target *Posted) {
	now := s.opts.Now()
	p.Chat, p.Date, p.SentAt = ch.info, unix(now), now
	if thread == 0 && target != nil && target.IsTopicMessage {
		thread = target.MessageThreadID
	}
	if thread != 0 {
		p.MessageThreadID, p.IsTopicMessage = thread, true
		if target == nil {
			// In a topic every message that answers nothing seems to answer the one that opened it.
			target = ch.find(thread)
		}
	}
	if target != nil {
		old := target.Message
		old.ReplyToMessage = nil // the public server goes no deeper either
		p.ReplyToMessage = &old
	}
	ch.append(p, s.opts.MaxMessages)
	s.show(ch, EventMessage, p)
}

func (s *Server) show(ch *chat, kind EventKind, p *Posted) {
	s.publish(Event{
		Kind: kind, At: s.opts.Now(), Bot: max(ch.key.bot, p.ByBot), Chat: ch.info.ID, Thread: p.MessageThreadID,
		MessageID: p.MessageID, Message: p,
	})
}

// thread checks a message_thread_id. Outside forums and private chats the public server ignores it.
func (ch *chat) thread(id int64) (int64, error) {
	switch {
	case id == 0:
		return 0, nil
	case ch.info.IsForum && ch.topics[id] != "":
		return id, nil
	case ch.info.IsForum, ch.info.Type == ChatPrivate:
		return 0, badRequest("message thread not found")
	}
	return 0, nil
}

// replyRef is what a call says about the message it answers.
type replyRef struct {
	MessageID int64           `json:"message_id"`
	ChatID    json.RawMessage `json:"chat_id"`
	Optional  bool            `json:"allow_sending_without_reply"`
	Quote     string          `json:"quote"`
}

func (p params) replyTo() (replyRef, error) {
	text := p.values["reply_parameters"]
	if text == "" {
		return replyRef{MessageID: p.int64("reply_to_message_id"), Optional: p.bool("allow_sending_without_reply")}, nil
	}
	var ref replyRef
	if !json.Valid([]byte(text)) {
		return ref, badRequest("can't parse reply parameters JSON object")
	}
	if err := json.Unmarshal([]byte(text), &ref); err != nil {
		return ref, badRequest("object expected as reply parameters")
	}
	// Replies into another chat are not simulated: such a message is never found.
	other := strings.Trim(string(ref.ChatID), `"`)
	if other != "" && other != "null" && other != p.values["chat_id"] {
		ref.MessageID = -1
	}
	return ref, nil
}

// answered finds the message a call answers. The caller holds ch.mu.
func (ch *chat) answered(ref replyRef) (*Posted, *Quote, error) {
	if ref.MessageID == 0 {
		return nil, nil, nil
	}
	target := ch.find(ref.MessageID)
	if target == nil {
		if ref.Optional {
			return nil, nil, nil
		}
		return nil, nil, badRequest("message to be replied not found")
	}
	if ref.Quote == "" {
		return target, nil, nil
	}
	quote := target.quote(ref.Quote)
	if quote == nil {
		return nil, nil, badRequest("QUOTE_TEXT_INVALID")
	}
	return target, quote, nil
}

// quote makes a quotation of a part of the message; nil when the message has no such part.
func (p *Posted) quote(part string) *Quote {
	body := p.Text + p.Caption
	i := strings.Index(body, part)
	if i < 0 {
		return nil
	}
	return &Quote{Text: part, Position: textUnits(body[:i]), IsManual: true}
}

func (s *Server) sendLocation(c *call) (any, error) {
	var at Location
	for name, into := range map[string]*float64{"latitude": &at.Latitude, "longitude": &at.Longitude} {
		text := c.params.values[name]
		if text == "" {
			return nil, badRequest(name + " is empty")
		}
		if json.Unmarshal([]byte(text), into) != nil {
			return nil, badRequest("invalid " + name + " specified")
		}
	}
	return s.post(c, &Posted{Message: Message{Location: &at}})
}

func (s *Server) sendContact(c *call) (any, error) {
	v := c.params.values
	if v["phone_number"] == "" || v["first_name"] == "" {
		return nil, badRequest("parameter \"phone_number\" and \"first_name\" are required")
	}
	return s.post(c, &Posted{Message: Message{
		Contact: &Contact{PhoneNumber: v["phone_number"], FirstName: v["first_name"], LastName: v["last_name"]},
	}})
}

var chatActions = map[string]bool{
	"typing": true, "upload_photo": true, "record_video": true, "upload_video": true, "record_voice": true,
	"upload_voice": true, "record_audio": true, "upload_audio": true, "upload_document": true,
	"choose_sticker": true, "find_location": true, "record_video_note": true, "upload_video_note": true,
	"cancel": true,
}

func (s *Server) sendChatAction(c *call) (any, error) {
	action := strings.ToLower(c.params.values["action"])
	if !chatActions[action] {
		return nil, badRequest("wrong parameter action in request")
	}
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	thread, err := ch.thread(c.params.int64("message_thread_id"))
	if err != nil {
		return nil, err
	}
	s.publish(Event{
		Kind: EventTyping, At: c.at, Bot: c.bot.user.ID, Chat: ch.info.ID, Thread: thread, Action: action,
	})
	return true, nil
}

// sendMessageDraft shows a message being written. See
// https://core.telegram.org/bots/api#sendmessagedraft.
func (s *Server) sendMessageDraft(c *call) (any, error) {
	id := c.params.int64("draft_id")
	if id == 0 {
		return nil, badRequest("draft_id must be non-zero")
	}
	text, found, err := c.params.formatted("text", "entities")
	if err != nil {
		return nil, err
	}
	if textUnits(text) > maxText {
		return nil, badRequest("message is too long")
	}
	ch, err := s.chatFor(c.bot, c.params.values["chat_id"])
	if err != nil {
		return nil, err
	}
	defer ch.mu.Unlock()
	if ch.info.Type != ChatPrivate {
		return nil, badRequest("message drafts can be sent to private chats only")
	}
	thread, err := ch.thread(c.params.int64("message_thread_id"))
	if err != nil {
		return nil, err
	}
	d := Draft{ID: id, Thread: thread, Text: text, Entities: found, At: c.at}
	for old, was := range ch.drafts {
		if c.at.Sub(was.At) >= draftLife {
			delete(ch.drafts, old)
		}
	}
	ch.drafts[id] = d
	s.publish(Event{Kind: EventDraft, At: c.at, Bot: c.bot.user.ID, Chat: ch.info.ID, Thread: thread, Draft: &d})
	return true, nil
}
