package slack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

const (
	private = "C0PRIVATE"
	several = "C0SEVERAL"
	foreign = "C0FOREIGN"
	named   = "<@" + botUser + "> hi"
)

// able is something that the adapter does, and whether it works.
type able struct {
	what string
	try  func(*trial) bool
}

// trial is a rig whose app may do this and that.
type trial struct {
	*rig
	log bytes.Buffer
}

// comes waits until the app was told all there is, and tells whether something like it was
// among it. err is that of who did it.
func (r *trial) comes(err error, like func(core.Envelope) bool) bool {
	r.t.Helper()
	r.settle()
	return err == nil && slices.ContainsFunc(r.in.list(), like)
}

// heard tells whether the words of somebody come from a channel.
func (r *trial) heard(channel, text string) bool {
	r.t.Helper()
	p, err := r.sim.Speak(simulator.Utterance{Channel: channel, User: ann, Text: text})
	return r.comes(err, func(e core.Envelope) bool { return string(e.In.Chat) == channel && string(e.Native) == p.TS })
}

// met tells whether the adapter hears who comes to a channel, and who leaves.
func (r *trial) met(channel string) bool {
	r.t.Helper()
	change := func(left bool) func(core.Envelope) bool {
		return func(e core.Envelope) bool {
			c, ok := e.Parts[0].(core.Change)
			return ok && string(e.In.Chat) == channel && len(c.Left) == 1 == left && len(c.Joined) == 1 == !left
		}
	}
	return r.comes(r.sim.Join(channel, "U3CAT"), change(false)) && r.comes(r.sim.Leave(channel, "U3CAT"), change(true))
}

// looks tells whether the adapter can look up what became of a reply to a channel.
func (r *trial) looks(channel string) bool {
	to := inChannel()
	to.Chat = core.ChatID(channel)
	_, _, err := r.adapter.Reconcile(r.t.Context(), answer(to, "?"))
	return done(err)
}

// done tells whether all went well.
func done(errs ...error) bool {
	return !slices.ContainsFunc(errs, func(err error) bool { return err != nil })
}

// abilities are every kind of event that the adapter reads and every call that it makes.
var abilities = []able{
	{"public channels", func(r *trial) bool { return r.heard(place, "hi") }},
	{"private channels", func(r *trial) bool { return r.heard(private, "hi") }},
	{"direct messages of several", func(r *trial) bool { return r.heard(several, "hi") }},
	{"direct messages", func(r *trial) bool {
		dm, err := r.sim.OpenDM(ann)
		return done(err) && r.heard(dm, "hi")
	}},
	{"mentions", func(r *trial) bool {
		return r.heard(place, named) && r.heard(private, named) && r.heard(several, named)
	}},
	{"invitations", func(r *trial) bool {
		p := r.speak(simulator.Utterance{Channel: foreign, User: ann, Text: named})
		return r.comes(r.sim.Invite(foreign, p.TS), func(e core.Envelope) bool { return string(e.Native) == p.TS && e.Addressed })
	}},
	{"reactions", func(r *trial) bool {
		p := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
		return r.comes(r.sim.React(place, p.TS, ann, "eyes", false), func(e core.Envelope) bool { return e.Kind == core.KindReaction })
	}},
	{"members of public channels", func(r *trial) bool { return r.met(place) }},
	{"members of private channels", func(r *trial) bool { return r.met(private) }},
	{"commands", func(r *trial) bool {
		return r.comes(r.sim.Slash(place, ann, "/poll", ""), func(e core.Envelope) bool { _, is := e.Command(); return is })
	}},
	{"answers", func(r *trial) bool {
		draft := answer(inChannel(), "draft")
		final := draft
		draft.Final = false
		sent, err := r.adapter.Send(r.t.Context(), draft)
		if err == nil {
			_, err = r.adapter.Edit(r.t.Context(), sent.Message, final)
		}
		return done(err) && r.calls(showing...) == "0 0 0 1 1"
	}},
	{"streams", func(r *trial) bool {
		root := r.speak(simulator.Utterance{Channel: place, User: ann, Text: named})
		r.settle()
		draft := answer(inThread(root.TS), "**a** stream")
		final := draft
		draft.Final, draft.Parts = false, []core.Part{core.Text{Text: "**a**", Format: core.Markdown}}
		sent, err := r.adapter.Send(r.t.Context(), draft)
		if err == nil {
			_, err = r.adapter.Edit(r.t.Context(), sent.Message, final)
		}
		return done(err) && strings.HasSuffix(r.calls("chat.startStream", "chat.stopStream"), "1 1")
	}},
	{"buttons", func(r *trial) bool {
		reply := answer(inChannel(), "choose")
		reply.Parts = append(reply.Parts, core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}}}})
		sent, err := r.adapter.Send(r.t.Context(), reply)
		if err == nil {
			err = r.sim.Press(place, string(sent.Message), ann, "b0.0")
		}
		return r.comes(err, func(e core.Envelope) bool { return e.Kind == core.KindAction })
	}},
	{"look-ups in public channels", func(r *trial) bool {
		root := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
		_, _, err := r.adapter.Reconcile(r.t.Context(), answer(inThread(root.TS), "?"))
		return done(err) && r.looks(place)
	}},
	{"look-ups in private channels", func(r *trial) bool { return r.looks(private) }},
	{"look-ups in direct messages of several", func(r *trial) bool { return r.looks(several) }},
	{"look-ups in direct messages", func(r *trial) bool {
		dm, err := r.sim.OpenDM(ann)
		return done(err) && r.looks(dm)
	}},
	{"files of people", func(r *trial) bool {
		p := r.speak(simulator.Utterance{Channel: place, User: ann, Files: []simulator.Upload{{Name: "a.txt", Bytes: []byte("abc")}}})
		id := p.Files[0].ID
		f, err := r.adapter.Fetch(r.t.Context(), core.FileRef(fmt.Sprintf("%d:%s", len(id), id)), 100)
		if err == nil {
			err = f.Close()
		}
		return done(err)
	}},
	{"files of the hub", func(r *trial) bool {
		_, err := r.withShelf(pictureShelf()).Send(r.t.Context(), pictureReply(inChannel(), "look"))
		return done(err)
	}},
	{"typing", func(r *trial) bool {
		root := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
		return done(r.adapter.Typing(r.t.Context(), inThread(root.TS))) && r.sim.Status(place, root.TS) != ""
	}},
	{"names", func(r *trial) bool { // of what came before; commands and buttons bring their own
		return r.comes(nil, func(e core.Envelope) bool {
			_, command := e.Command()
			return e.Kind == core.KindMessage && !command && e.From.Name == "ann"
		})
	}},
}

// try receives with an app that was changed, does all there is to do, and gives what of it
// did not work. The account must live whatever the app may do.
func try(t *testing.T, mode string, change func(*simulator.App)) (lost []string, said []map[string]any) {
	t.Helper()
	r := &trial{rig: start(t, mode, func(o *simulator.Options, _ *slack.Config) { change(&o.App) })}
	t.Run("receiving", func(t *testing.T) { // its end is the receiver's
		r.t = t
		adapter, ok := r.make(zerolog.New(zerolog.SyncWriter(&r.log))).(*slack.Adapter)
		if !ok {
			t.Fatal("not the adapter")
		}
		r.adapter = adapter
		r.Serve(adapter.Webhook(r.in))
		r.sim.AddUser("U3CAT", "cat")
		r.sim.AddChannelOf(simulator.Private, private, "private", ann, botUser)
		r.sim.AddChannelOf(simulator.Several, several, "", ann, ben, botUser)
		r.sim.AddChannel(foreign, "foreign", ann)
		r.run()
		<-r.in.opened
		for _, a := range abilities {
			if !a.try(r) {
				lost = append(lost, a.what)
			}
		}
	})
	for line := range strings.Lines(r.log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		said = append(said, entry)
	}
	return lost, said
}

// lacks is what the log says that the app lacks: each scope with what is lost.
func lacks(t *testing.T, said []map[string]any) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, line := range said {
		missing, ok := line["missing"].([]any)
		if !ok {
			continue
		}
		if text := fmt.Sprint(line["message"]); line["level"] != "warn" || !strings.Contains(text, "OAuth & Permissions at https://api.slack.com/apps") {
			t.Errorf("%v", line)
		}
		for _, m := range missing {
			name, loss, found := strings.Cut(fmt.Sprint(m), ": ")
			if !found || loss == "" || out[name] != "" {
				t.Errorf("said %q twice or without what is lost", m)
			}
			out[name] = loss
		}
	}
	return out
}

// page is what docs/slack.md tells people: the scopes of the manifest, and those whose loss
// it explains.
func page(t *testing.T) (manifest, explained []string) {
	t.Helper()
	data, err := os.ReadFile("../../docs/slack.md")
	if err != nil {
		t.Fatal(err)
	}
	block, rest, _ := strings.Cut(string(data), "\n```\n") // the manifest ends there
	list := regexp.MustCompile(`(?s)\n {4}bot: \[([^]]+)\]`).FindStringSubmatch(block)
	if list == nil {
		t.Fatal("no manifest with scopes of the bot")
	}
	manifest = strings.FieldsFunc(list[1], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	rows := regexp.MustCompile("(?m)^\\| (`[^|]+)\\|").FindAllStringSubmatch(rest, -1)
	for _, row := range rows {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			explained = append(explained, name[1])
		}
	}
	return manifest, explained
}

// losses are what does not work without a scope.
var losses = map[string][]string{
	"app_mentions:read": {"invitations"},
	"assistant:write":   {"typing"},
	"channels:history":  {"public channels", "look-ups in public channels"},
	"channels:read":     {"members of public channels"},
	"chat:write":        {"answers", "streams", "buttons", "files of the hub"},
	"commands":          {"commands"},
	"files:read":        {"files of people", "files of the hub"},
	"files:write":       {"files of the hub"},
	"groups:history":    {"private channels", "look-ups in private channels"},
	"groups:read":       {"members of private channels"},
	"im:history":        {"direct messages", "look-ups in direct messages"},
	"mpim:history":      {"direct messages of several", "look-ups in direct messages of several"},
	"reactions:read":    {"reactions"},
	"users:read":        {"names"},
}

// TestManifest: with exactly the scopes of the manifest in docs/slack.md everything works;
// each of them is needed for something, which is lost without it and nothing else, and the
// log says so once. The contract runs with the same scopes: they are the simulator's.
func TestManifest(t *testing.T) {
	manifest, explained := page(t)
	if own := simulator.ManifestScopes(); !slices.Equal(slices.Sorted(slices.Values(manifest)), slices.Sorted(slices.Values(own))) {
		t.Errorf("the simulator has %v", own)
	}
	if want := append(slices.Clone(manifest), "connections:write"); !slices.Equal(slices.Sorted(slices.Values(explained)), slices.Sorted(slices.Values(want))) {
		t.Errorf("explained are %v", explained)
	}
	example, err := os.ReadFile("../../configs/examples/slack.yaml")
	for _, scope := range manifest {
		if err != nil || !strings.Contains(string(example), scope) {
			t.Errorf("the example does not name %s: %v", scope, err)
		}
	}
	if tried := slices.Sorted(maps.Keys(losses)); !slices.Equal(tried, slices.Sorted(slices.Values(manifest))) {
		t.Errorf("tried are %v", tried)
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			lost, said := try(t, mode, func(app *simulator.App) { app.Scopes = manifest })
			if len(lost) != 0 || len(said) != 0 {
				t.Errorf("lost %v, said %v", lost, said)
			}
		})
	}
	for scope, want := range losses {
		t.Run(scope, func(t *testing.T) {
			lost, said := try(t, slack.ModeEvents, func(app *simulator.App) { app.Scopes, app.Lacking = manifest, []string{scope} })
			if !slices.Equal(lost, want) {
				t.Errorf("lost %q, want %q", lost, want)
			}
			if told := lacks(t, said); len(told) != 1 || told[scope] == "" {
				t.Errorf("told %v in %v", told, said)
			}
		})
	}
}

// TestWithoutAnyScope: all of the manifest is told to be missing, and the account lives.
func TestWithoutAnyScope(t *testing.T) {
	manifest, _ := page(t)
	lost, said := try(t, slack.ModeEvents, func(app *simulator.App) { app.Scopes = []string{"emoji:read"} })
	if len(lost) != len(abilities) {
		t.Errorf("lost only %v", lost)
	}
	if told := slices.Sorted(maps.Keys(lacks(t, said))); !slices.Equal(told, slices.Sorted(slices.Values(manifest))) {
		t.Errorf("told %v", told)
	}
}

// TestMentionsAreHeardByTheirScope: where the app may not read what is said, it hears who
// names it.
func TestMentionsAreHeardByTheirScope(t *testing.T) {
	for name, tc := range map[string]struct {
		lacking []string
		heard   bool
	}{
		"with": {[]string{"channels:history", "groups:history", "mpim:history"}, true},
		"not":  {[]string{"channels:history", "groups:history", "mpim:history", "app_mentions:read"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			lost, _ := try(t, slack.ModeEvents, func(app *simulator.App) { app.Lacking = tc.lacking })
			if !slices.Contains(lost, "public channels") || slices.Contains(lost, "mentions") == tc.heard {
				t.Errorf("lost %v", lost)
			}
		})
	}
}
