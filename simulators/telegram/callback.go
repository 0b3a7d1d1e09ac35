package telegram

import (
	"slices"
	"strconv"
	"time"
)

const (
	queryLife   = 15 * time.Minute // how long a button press can be answered
	maxQueries  = 1000             // button presses kept per bot
	maxAnswer   = 200              // UTF-16 units of an answer's text
	firstAnswer = 4000000000000000
)

// query is a button press that waits for its answer.
type query struct {
	at       time.Time
	answered bool
	chat     int64
	answer   Answer
}

// callbackQuery is the payload of a callback_query update.
type callbackQuery struct {
	ID           string   `json:"id"`
	From         User     `json:"from"`
	Message      *Message `json:"message"`
	ChatInstance string   `json:"chat_instance"`
	Data         string   `json:"data"`
}

// Press presses the button with the callback data under a bot's message, and gives the id of the
// callback query. The button must be there.
func (s *Server) Press(bot, chat, message, from int64, data string) (string, error) {
	ch, user, err := s.place(bot, chat, from)
	if err != nil {
		return "", err
	}
	defer ch.mu.Unlock()
	p := ch.find(message)
	if p == nil || p.ByBot == 0 {
		return "", chatError(ErrNoMessage, chat)
	}
	there := slices.ContainsFunc(p.Buttons(), func(row []Button) bool {
		return slices.ContainsFunc(row, func(b Button) bool { return b.CallbackData == data && data != "" })
	})
	if !there {
		return "", chatError(ErrNoButton, chat)
	}
	b, err := s.botByID(p.ByBot)
	if err != nil {
		return "", err
	}
	id := b.addQuery(&query{at: s.opts.Now(), chat: ch.info.ID})
	s.push(b, "callback_query", ch.info.ID, jsonOf(callbackQuery{
		ID: id, From: user, Message: &p.Message, ChatInstance: strconv.FormatInt(ch.info.ID, 10), Data: data,
	}))
	return id, nil
}

func (b *bot) addQuery(q *query) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastQuery++
	id := strconv.FormatInt(firstAnswer+b.lastQuery, 10)
	b.queries[id] = q
	b.queryOrder = append(b.queryOrder, id)
	if len(b.queryOrder) > maxQueries {
		delete(b.queries, b.queryOrder[0])
		b.queryOrder = b.queryOrder[1:]
	}
	return id
}

// answerCallbackQuery ends the progress bar of a pressed button; each press takes one answer.
func (s *Server) answerCallbackQuery(c *call) (any, error) {
	v := c.params.values
	if textUnits(v["text"]) > maxAnswer {
		return nil, badRequest("MESSAGE_TOO_LONG")
	}
	id := v["callback_query_id"]
	a := Answer{QueryID: id, Text: v["text"], ShowAlert: c.params.bool("show_alert"), URL: v["url"]}
	c.bot.mu.Lock()
	defer c.bot.mu.Unlock()
	q := c.bot.queries[id]
	if q == nil || q.answered || c.at.Sub(q.at) > queryLife {
		return nil, badRequest("query is too old and response timeout expired or query ID is invalid")
	}
	q.answered, q.answer = true, a
	s.publish(Event{Kind: EventAnswer, At: c.at, Bot: c.bot.user.ID, Chat: q.chat, Answer: &a})
	return true, nil
}

// Answer gives what the bot answered to a button press, if it did.
func (s *Server) Answer(bot int64, queryID string) (Answer, bool) {
	b, err := s.botByID(bot)
	if err != nil {
		return Answer{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.queries[queryID]; q != nil && q.answered {
		return q.answer, true
	}
	return Answer{}, false
}
