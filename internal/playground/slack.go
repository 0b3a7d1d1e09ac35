package playground

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	adapter "github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/console"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

// The ids of Slack's cast.
const (
	slackBotToken = "xoxb-playground-token-of-no-real-app"
	slackAppToken = "xapp-playground-token-of-no-real-app"
	slackBot      = "U0PARLEY"
	slackChannel  = "C0KITCHEN"
)

var slackPeople = map[string]string{ada: "U0ADA", ben: "U0BEN"}

// slackEmojis are the names of the reactions that the page offers and bots use.
var slackEmojis = map[string]string{"👍": "+1", "❤️": "heart", "🎉": "tada", "👀": "eyes", "✅": "white_check_mark"}

type slack struct {
	*simulator.Server
	// dms are the channels of direct messages by person.
	dms map[string]string
}

func newSlack() (phone, error) {
	s := slack{simulator.New(simulator.Options{
		App:         simulator.App{Name: strings.ToLower(botName), BotToken: slackBotToken, AppToken: slackAppToken, UserID: slackBot},
		MaxMessages: maxMessages, MaxFileBytes: maxFiles, MaxCalls: maxCalls, FirstID: time.Now().Unix(),
		// What a hub that is down does not take comes again soon, and as long as it takes.
		RetryDelays: []time.Duration{0, time.Second}, RetryForever: true,
	}), map[string]string{}}
	for id, user := range slackPeople {
		s.AddUser(user, id)
		dm, err := s.OpenDM(user)
		if err != nil {
			return nil, err
		}
		s.dms[id] = dm
	}
	s.AddChannel(slackChannel, "tea-kitchen", slackPeople[ada], slackPeople[ben], slackBot)
	return s, nil
}

func (slack) about() about {
	return about{
		id: "slack", name: "Slack",
		private: console.Place{Title: botName, About: "app, direct message", Hint: "Write to the app. The answer grows by edits, formatting is mrkdwn and Block Kit.", Try: tries},
		group:   console.Place{Title: "#tea-kitchen", About: "channel", Hint: "In a channel, mention @parley: the answer goes into a thread.", Try: groupTries},
	}
}

func (slack) channel(api string) configs.Channel {
	c := adapter.Factory().Defaults().(*adapter.Config) // the factory's own type
	c.Mode, c.APIURL = adapter.ModeSocket, api+"/api/"
	c.BotToken, c.AppToken = secret.New(slackBotToken), secret.New(slackAppToken)
	return configs.Channel{Platform: adapter.Factory().Platform(), Config: c}
}

func (slack) connect(context.Context, string) error { return nil } // the hub connects

func (s slack) hangUp() { s.Cut() }

func (s slack) native(chat string) string {
	if chat == group {
		return slackChannel
	}
	return s.dms[chat]
}

// slackID is a timestamp as an id of the page.
func slackID(ts string) string { return strings.ReplaceAll(ts, ".", "-") }

func slackTS(id string) string { return strings.ReplaceAll(id, "-", ".") }

func (s slack) transcript(chat string) []console.Bubble {
	shown := s.Shown(s.native(chat))
	var out []console.Bubble
	threads := map[string][]console.Bubble{}
	for _, m := range shown {
		b := slackBubble(m)
		if m.ThreadTS != "" && m.ThreadTS != m.TS {
			b.Thread = slackID(m.ThreadTS)
			threads[b.Thread] = append(threads[b.Thread], b)
			continue
		}
		out = append(out, b)
	}
	var all []console.Bubble
	for _, b := range out {
		all = append(append(all, b), threads[b.ID]...)
		delete(threads, b.ID)
	}
	return all
}

func (s slack) say(chat string, u console.Utterance) error {
	channel, user := s.native(chat), slackPeople[u.As]
	// A line that begins with a slash is no message on Slack.
	if name, args, ok := command(u.Text); ok && u.File == nil {
		return s.Slash(channel, user, "/"+name, args)
	}
	said := simulator.Utterance{Channel: channel, User: user, Text: summon(slackEscaper.Replace(u.Text), "<@"+slackBot+">")}
	if u.ReplyTo != "" {
		said.ThreadTS = slackTS(u.ReplyTo)
		for _, m := range s.Shown(channel) {
			if m.TS == said.ThreadTS && m.ThreadTS != "" {
				said.ThreadTS = m.ThreadTS // there are no threads in threads
			}
		}
	}
	if f := u.File; f != nil {
		up := simulator.Upload{Name: f.Name, MIME: f.MIME, Bytes: f.Data}
		if f.MIME == "audio/ogg" {
			up.Subtype = "slack_audio"
		}
		said.Files = []simulator.Upload{up}
	}
	_, err := s.Speak(said)
	return err
}

func (s slack) press(chat, bubble, as, data string) error {
	return s.Press(s.native(chat), slackTS(bubble), slackPeople[as], data)
}

func (s slack) react(chat, bubble, as, emoji string) error {
	name := slackEmojis[emoji]
	if name == "" {
		return errNobody
	}
	removed := false
	for _, m := range s.Shown(s.native(chat)) {
		for _, r := range m.Reactions {
			removed = removed || m.TS == slackTS(bubble) && r.Name == name && slices.Contains(r.Users, slackPeople[as])
		}
	}
	return s.React(s.native(chat), slackTS(bubble), slackPeople[as], name, removed)
}

func (s slack) file(id string) ([]byte, bool) {
	for _, user := range slackPeople { // one of whom has it on their phone
		if _, data, err := s.Download(user, id); err == nil {
			return data, true
		}
	}
	return nil, false
}

// slackTyping is how long Slack shows what a bot is doing.
const slackTyping = 2 * time.Minute

func (s slack) watch(ctx context.Context, tell func(happening), lost func()) {
	chats := map[string]string{slackChannel: group}
	for id, dm := range s.dms {
		chats[dm] = id
	}
	watch(ctx, s.Subscribe(watchBuffer), func(e simulator.Event) {
		h := happening{chat: chats[e.Channel]}
		switch {
		case e.Kind == simulator.EventStatus && e.Status != "":
			h.typing = slackTyping
		case e.Kind == simulator.EventStatus, e.Message != nil && e.Message.ByBot:
			h.typing = -1
		}
		tell(h)
	}, lost)
}

func (s slack) fail(kind faultKind) []strike {
	var out []strike
	for _, method := range []string{"chat.postMessage", "chat.update", "chat.stopStream"} {
		switch kind {
		case faultBusy:
			out = append(out, s.Inject(simulator.Fault{Kind: simulator.FaultTooManyRequests, Method: method, RetryAfter: int(busyFor / time.Second)}))
		case faultError:
			out = append(out, s.Inject(simulator.Fault{Kind: simulator.FaultServerError, Method: method}))
		case faultLost:
			out = append(out, s.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: method}))
		}
	}
	if kind == faultTwice {
		out = append(out, s.Inject(simulator.Fault{Kind: simulator.FaultDuplicate}))
	}
	return out
}

// slackBubble is a message for the page.
func slackBubble(m simulator.Posted) console.Bubble {
	b := console.Bubble{ID: slackID(m.TS), At: m.At, Edited: m.Edited != nil, Bot: m.ByBot}
	if m.ByBot {
		b.From = botName
		// What carries no metadata is a draft: the hub knows its answers again by it.
		b.Draft = m.Streaming || m.Metadata == nil && m.Ephemeral == ""
	}
	for id, user := range slackPeople {
		if user == m.User {
			b.User, b.From = id, nameOf(id)
		}
	}
	if m.Ephemeral != "" {
		b.Above = "Only visible to you"
	}
	b.Runs, b.Buttons = slackContent(m)
	for _, f := range m.Files {
		kind := kindOf(f.MIME)
		b.Files = append(b.Files, console.File{ID: f.ID, Name: f.Name, Kind: kind, Voice: f.Subtype == "slack_audio", Size: f.Size})
	}
	counts := map[string]int{}
	for _, r := range m.Reactions {
		name := ":" + r.Name + ":"
		for emoji, known := range slackEmojis {
			if known == r.Name {
				name = emoji
			}
		}
		counts[name] = r.Count
	}
	b.Reactions = reactions(counts)
	return b
}

// kindOf is what a bubble makes of a file.
func kindOf(mime string) string {
	switch kind, _, _ := strings.Cut(mime, "/"); kind {
	case "image", "audio":
		return kind
	default:
		return "file"
	}
}

// slackContent is what a message shows: its blocks when it has some, else its text.
func slackContent(m simulator.Posted) (runs []console.Run, buttons [][]console.Button) {
	var blocks []struct {
		Type     string          `json:"type"`
		Text     json.RawMessage `json:"text"`
		Elements []slackElement  `json:"elements"`
	}
	if len(m.Blocks) == 0 || json.Unmarshal(m.Blocks, &blocks) != nil {
		return slackDialect.runs(m.Text), nil
	}
	for _, b := range blocks {
		switch b.Type {
		case "section":
			var text slackText
			if json.Unmarshal(b.Text, &text) == nil {
				runs = append(paragraph(runs), slackDialect.runs(text.Text)...)
			}
		case "markdown": // what a stream is made of
			var text string
			if json.Unmarshal(b.Text, &text) == nil {
				runs = append(paragraph(runs), markdownRuns(text)...)
			}
		case "actions":
			var row []console.Button
			for _, e := range b.Elements {
				row = append(row, console.Button{Label: e.Text.Text, Data: e.ActionID, URL: e.URL})
			}
			buttons = append(buttons, row)
		}
	}
	return runs, buttons
}

type slackText struct {
	Text string `json:"text"`
}

type slackElement struct {
	ActionID string    `json:"action_id"`
	URL      string    `json:"url"`
	Text     slackText `json:"text"`
}

// paragraph begins a new one.
func paragraph(runs []console.Run) []console.Run {
	if len(runs) == 0 {
		return nil
	}
	return append(runs, console.Run{Text: "\n"})
}
