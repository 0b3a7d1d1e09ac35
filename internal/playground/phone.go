package playground

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
)

// phone is one platform: its simulator with the people in it, and how its messages
// look. Chats are ada, ben and group; people are ada and ben.
type phone interface {
	// Handler is the platform's API.
	http.Handler
	// about introduces the phone; its chats and faults are added by the playground.
	about() about
	// channel is the hub's account of the platform that is reached at api.
	channel(api string) configs.Channel
	// connect tells the platform where the hub is, for those that call it.
	connect(ctx context.Context, hub string) error
	transcript(chat string) []console.Bubble
	say(chat string, u console.Utterance) error
	press(chat, bubble, as, data string) error
	react(chat, bubble, as, emoji string) error
	file(id string) ([]byte, bool)
	// watch tells what happens until ctx ends. lost is told when something was missed.
	watch(ctx context.Context, tell func(happening), lost func())
	// fail makes the platform fail once.
	fail(kind faultKind) []strike
	// hangUp ends the connections that an HTTP server does not know of.
	hangUp()
	Close()
}

// about is what a phone says of itself.
type about struct {
	id, name string
	// private and group are the places; a platform without groups leaves it empty.
	private, group console.Place
	// faults are how it can fail; nil means in each way that every platform can.
	faults []faultKind
	// with, mode and remark are as in console.Phone.
	with, mode, remark string
}

// happening is something that a chat showed.
type happening struct {
	chat string
	// typing is set when the bot began to type, for so long; negative when it stopped.
	typing time.Duration
}

// strike is an injected fault of a simulator.
type strike interface {
	Hits() int
	WaitHits(ctx context.Context, n int) error
	Remove()
}

// The cast: one bot and two people, the same on all platforms.
const (
	ada, ben = "ada", "ben"
	group    = "group"
	botName  = "Parley"
)

// tries are what an empty chat offers to send.
var (
	tries      = []string{"Hello!", "/tour", "/help"}
	groupTries = []string{"@parley hello!", "@parley /tour"}
)

var people = []console.Person{{ID: ada, Name: "Ada"}, {ID: ben, Name: "Ben"}}

// nameOf is a person's name.
func nameOf(id string) string {
	for _, p := range people {
		if p.ID == id {
			return p.Name
		}
	}
	return ""
}

// born is when the people and rooms of all playgrounds were made: their ids are the same
// in every run, so that the hub knows them again.
var born = time.Date(2026, time.January, 1, 9, 0, 0, 0, time.UTC)

// The bounds of what a phone remembers, so that a long evening does not fill the memory.
const (
	maxMessages = 200
	maxFiles    = 24 << 20
	maxCalls    = 200
)

var errNobody = errors.New("no such chat or person in the playground")

// refused says to the person at the page what a simulator did not take.
func refused(op string, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Permanent, op, err, fault.WithPublic(err.Error()))
}

// summon replaces the bot's name by the way a platform writes a mention of it.
func summon(text, mention string) string {
	const name = "@" + "parley"
	at := strings.Index(strings.ToLower(text), name)
	if at < 0 {
		return text
	}
	end := at + len(name)
	for _, behind := range []string{"_bot"} {
		if strings.HasPrefix(text[end:], behind) {
			end += len(behind)
		}
	}
	return text[:at] + mention + text[end:]
}

// command splits a text that is a slash command.
func command(text string) (name, args string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "/")
	if !ok {
		return "", "", false
	}
	name, args, _ = strings.Cut(rest, " ")
	return strings.ToLower(name), strings.TrimSpace(args), name != ""
}
