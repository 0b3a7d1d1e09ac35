package playground

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	adapter "github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/console"
	simulator "github.com/parley-hub/parley/simulators/telegram"
)

// The ids of Telegram's cast.
const (
	telegramBot   = 7_000_001
	telegramToken = "7000001:playground-token-of-no-real-bot" //nolint:gosec // names no real bot
	telegramGroup = -1_000_000_007
	telegramName  = "parley_bot"
)

var telegramPeople = map[string]int64{ada: 1001, ben: 1002}

// telegramTyping is how long Telegram shows one typing signal.
const telegramTyping = 5 * time.Second

type telegram struct{ *simulator.Server }

func newTelegram() (phone, error) {
	t := telegram{simulator.New(simulator.Options{
		// A new run forgets the chats, the hub does not: message ids must not come again.
		FirstMessageID: time.Now().Unix(),
		MaxMessages:    maxMessages, MaxFileBytes: maxFiles, MaxCalls: maxCalls,
	})}
	t.AddBot(telegramToken, telegramBot, telegramName, botName)
	for id, user := range telegramPeople {
		t.AddUser(simulator.User{ID: user, FirstName: nameOf(id), Username: id, LanguageCode: "en"})
		if err := t.OpenPrivate(telegramBot, user); err != nil {
			return nil, err
		}
	}
	t.AddSupergroup(telegramGroup, "Tea kitchen", false, telegramPeople[ada], telegramPeople[ben], telegramBot)
	return t, nil
}

func (telegram) about() about {
	return about{
		id: "telegram", name: "Telegram",
		private: console.Place{Title: botName, About: "bot", Hint: "Write to the bot. Answers grow as drafts, formatting is sent as entities.", Try: tries},
		group:   console.Place{Title: "Tea kitchen", About: "group of Ada, Ben and the bot", Hint: "In a group the bot answers when you mention @parley.", Try: groupTries},
	}
}

func (telegram) channel(api string) configs.Channel {
	c := adapter.Factory().Defaults().(*adapter.Config) // the factory's own type
	c.Token, c.APIURL = secret.New(telegramToken), api
	return configs.Channel{Platform: adapter.Factory().Platform(), Config: c}
}

func (telegram) connect(context.Context, string) error { return nil } // the hub polls

func (telegram) hangUp() {} // polls are plain requests

// telegramChat is a chat's id: a private chat has that of its person.
func telegramChat(chat string) int64 {
	if chat == group {
		return telegramGroup
	}
	return telegramPeople[chat]
}

func (t telegram) transcript(chat string) []console.Bubble {
	id := telegramChat(chat)
	shown := t.Shown(telegramBot, id)
	out := make([]console.Bubble, 0, len(shown)+1)
	for _, m := range shown {
		out = append(out, telegramBubble(m))
	}
	for _, d := range t.Drafts(telegramBot, id) {
		out = append(out, console.Bubble{
			ID: "draft" + strconv.FormatInt(d.ID, 10), From: botName, Bot: true, Draft: true, At: d.At, Runs: telegramRuns(d.Text, d.Entities),
		})
	}
	return out
}

func (t telegram) say(chat string, u console.Utterance) error {
	s := simulator.Utterance{
		Bot: telegramBot, Chat: telegramChat(chat), From: telegramPeople[u.As], Text: summon(u.Text, "@"+telegramName),
	}
	if chat != group {
		s.Chat = 0
	}
	if u.ReplyTo != "" {
		id, err := strconv.ParseInt(u.ReplyTo, 10, 64)
		if err != nil {
			return err
		}
		s.ReplyTo = id
	}
	if f := u.File; f != nil {
		kind := "document"
		switch {
		case f.MIME == "image/gif":
			kind = "animation"
		case strings.HasPrefix(f.MIME, "image/"):
			kind = "photo"
		case strings.HasPrefix(f.MIME, "audio/ogg"):
			kind = "voice"
		case strings.HasPrefix(f.MIME, "audio/"):
			kind = "audio"
		}
		s.Media = &simulator.Media{Kind: kind, Name: f.Name, MIME: f.MIME, Bytes: f.Data}
	}
	_, err := t.Speak(s)
	return err
}

func (t telegram) press(chat, bubble, as, data string) error {
	id, err := strconv.ParseInt(bubble, 10, 64)
	if err == nil {
		_, err = t.Press(telegramBot, telegramChat(chat), id, telegramPeople[as], data)
	}
	return err
}

func (t telegram) react(chat, bubble, as, emoji string) error {
	id, err := strconv.ParseInt(bubble, 10, 64)
	if err != nil {
		return err
	}
	for _, m := range t.Shown(telegramBot, telegramChat(chat)) {
		if m.MessageID == id && slices.Contains(m.Reactions[telegramPeople[as]], emoji) {
			return t.React(telegramBot, telegramChat(chat), id, telegramPeople[as])
		}
	}
	return t.React(telegramBot, telegramChat(chat), id, telegramPeople[as], emoji)
}

func (t telegram) file(id string) ([]byte, bool) { return t.FileBytes(id) }

func (t telegram) watch(ctx context.Context, tell func(happening), lost func()) {
	watch(ctx, t.Subscribe(watchBuffer), func(e simulator.Event) {
		chat := group
		for id, user := range telegramPeople {
			if user == e.Chat {
				chat = id
			}
		}
		h := happening{chat: chat}
		switch {
		case e.Kind == simulator.EventTyping:
			h.typing = telegramTyping
		case e.Kind == simulator.EventDraft, e.Kind == simulator.EventMessage && e.Message != nil && e.Message.ByBot != 0:
			h.typing = -1
		}
		tell(h)
	}, lost)
}

func (t telegram) fail(kind faultKind) []strike {
	switch kind {
	case faultBusy:
		return []strike{t.Inject(simulator.Fault{Kind: simulator.FaultTooManyRequests, Method: "sendMessage", RetryAfter: int(busyFor / time.Second)})}
	case faultError:
		return []strike{t.Inject(simulator.Fault{Kind: simulator.FaultBadGateway, Method: "sendMessage"})}
	case faultLost:
		return []strike{t.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "sendMessage"})}
	case faultTwice:
		return []strike{t.Inject(simulator.Fault{Kind: simulator.FaultDuplicate})}
	default:
		return nil
	}
}

// telegramBubble is a message for the page.
func telegramBubble(m simulator.Posted) console.Bubble {
	b := console.Bubble{ID: strconv.FormatInt(m.MessageID, 10), At: m.SentAt, Edited: m.Edits > 0, Bot: m.ByBot != 0}
	if m.From != nil {
		b.From = m.From.FirstName
		for id, user := range telegramPeople {
			if user == m.From.ID {
				b.User = id
			}
		}
	}
	b.Runs = telegramRuns(m.Text+m.Caption, append(slices.Clone(m.Entities), m.CaptionEntities...))
	if r := m.ReplyToMessage; r != nil {
		b.ReplyTo = &console.Quote{ID: strconv.FormatInt(r.MessageID, 10), Text: r.Text + r.Caption}
		if r.From != nil {
			b.ReplyTo.From = r.From.FirstName
		}
	}
	b.Files = telegramFiles(m.Message)
	b.Buttons = telegramButtons(m.ReplyMarkup)
	counts := map[string]int{}
	for _, emojis := range m.Reactions {
		for _, e := range emojis {
			counts[e]++
		}
	}
	b.Reactions = reactions(counts)
	return b
}

func telegramFiles(m simulator.Message) []console.File {
	if n := len(m.Photo); n > 0 {
		p := m.Photo[n-1] // the largest
		return []console.File{{ID: p.FileID, Kind: "image", Size: int(p.FileSize)}}
	}
	for _, f := range []struct {
		a     *simulator.Attachment
		kind  string
		voice bool
	}{
		{m.Voice, "audio", true}, {m.Audio, "audio", false}, {m.Animation, "image", false}, {m.Sticker, "image", false},
		{m.Video, "file", false}, {m.VideoNote, "file", false}, {m.Document, "file", false},
	} {
		if f.a != nil {
			return []console.File{{ID: f.a.FileID, Name: f.a.FileName, Kind: f.kind, Voice: f.voice, Size: int(f.a.FileSize)}}
		}
	}
	return nil
}

func telegramButtons(markup json.RawMessage) [][]console.Button {
	var keyboard struct {
		Rows [][]struct {
			Text string `json:"text"`
			Data string `json:"callback_data"`
			URL  string `json:"url"`
		} `json:"inline_keyboard"`
	}
	if len(markup) == 0 || json.Unmarshal(markup, &keyboard) != nil {
		return nil
	}
	out := make([][]console.Button, len(keyboard.Rows))
	for i, row := range keyboard.Rows {
		for _, k := range row {
			out[i] = append(out[i], console.Button{Label: k.Text, Data: k.Data, URL: k.URL})
		}
	}
	return out
}

// reactions lists emojis in an order that stays.
func reactions(counts map[string]int) []console.Reaction {
	var out []console.Reaction
	for emoji, n := range counts {
		out = append(out, console.Reaction{Emoji: emoji, Count: n})
	}
	slices.SortFunc(out, func(a, b console.Reaction) int { return strings.Compare(a.Emoji, b.Emoji) })
	return out
}
