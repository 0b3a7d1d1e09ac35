package slack_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/parley-hub/parley/simulators/slack"
)

const (
	private = "C0PRIVATE"
	several = "C0SEVERAL"
	cat     = "U3CAT"
	named   = "<@" + self + "> come"
)

// TestScopesAreTold: every answer says what the token may do, also a refusal.
func TestScopesAreTold(t *testing.T) {
	const header = "X-OAuth-Scopes"
	all := strings.Join(slack.ManifestScopes(), ",")
	for name, tc := range map[string]struct {
		app  slack.App
		want string
	}{
		"those of the manifest": {slack.App{}, all},
		"one less":              {slack.App{Lacking: []string{"users:read"}}, strings.TrimSuffix(all, ",users:read")},
		"others":                {slack.App{Scopes: []string{"emoji:read", "chat:write"}}, "emoji:read,chat:write"},
		"none":                  {slack.App{Scopes: []string{}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, slack.Options{App: tc.app})
			for _, method := range []string{"auth.test", "conversations.open"} {
				if got := r.call(method).Header.Get(header); got != tc.want {
					t.Errorf("%s: %q, want %q", method, got, tc.want)
				}
			}
			if out, err := r.try(t.Context(), appToken, "apps.connections.open"); err != nil || out.Header.Get(header) != "connections:write" {
				t.Errorf("the app's token: %q, %v", out.Header.Get(header), err)
			}
			if out, err := r.try(t.Context(), "xoxb-wrong", "auth.test"); err != nil || out.Header.Values(header) != nil {
				t.Errorf("another token: %q, %v", out.Header.Values(header), err)
			}
		})
	}
}

// happenings are all that makes events, by the scope that each kind needs, with how many
// of the kind come.
var happenings = []struct {
	scope, kind string
	n           int
	do          func(r *rig) error
}{
	{"channels:history", "message", 3, func(r *rig) error {
		p := r.say("hi")
		return errors.Join(r.EditSaid(general, p.TS, "ho"), r.Delete(general, p.TS))
	}},
	{"channels:history", "message", 2, func(r *rig) error {
		r.call("chat.update", "channel", general, "ts", r.post("x").TS, "text", "y")
		return nil
	}},
	{"groups:history", "message", 1, func(r *rig) error { _, err := r.Say(private, ann, "hi"); return err }},
	{"mpim:history", "message", 1, func(r *rig) error { _, err := r.Say(several, ann, "hi"); return err }},
	{"im:history", "message", 1, func(r *rig) error {
		dm, err := r.OpenDM(ann)
		r.must(err)
		_, err = r.Say(dm, ann, "hi")
		return err
	}},
	{"app_mentions:read", "app_mention", 2, func(r *rig) error {
		_, first := r.Speak(slack.Utterance{Channel: general, User: ann, Text: named})
		p, err := r.Speak(slack.Utterance{Channel: "C0EMPTY", User: ann, Text: named})
		return errors.Join(first, err, r.Invite("C0EMPTY", p.TS))
	}},
	{"reactions:read", "reaction_added", 1, func(r *rig) error { return r.React(general, r.say("hi").TS, ann, "eyes", false) }},
	{"reactions:read", "reaction_removed", 1, func(r *rig) error { return r.React(general, r.say("hi").TS, ann, "eyes", true) }},
	{"channels:read", "member_joined_channel", 2, func(r *rig) error {
		return errors.Join(r.Join(general, cat), r.Join(general, cat), r.Join("C0EMPTY", self))
	}},
	{"channels:read", "member_left_channel", 1, func(r *rig) error {
		return errors.Join(r.Leave(general, ben), r.Leave(general, self), r.Leave(general, ann))
	}},
	{"groups:read", "member_joined_channel", 1, func(r *rig) error { return r.Join(private, cat) }},
	{"groups:read", "member_left_channel", 1, func(r *rig) error { return r.Leave(private, ann) }},
}

// TestEventsNeedTheirScopes: each kind comes with its scope, also when the app has no
// other, and does not come without it, though it has all others.
func TestEventsNeedTheirScopes(t *testing.T) {
	for _, tc := range happenings {
		t.Run(tc.scope+" "+tc.kind, func(t *testing.T) {
			for name, other := range map[string]struct {
				app  slack.App
				want int
			}{
				"alone":   {slack.App{Scopes: []string{"chat:write", tc.scope}}, tc.n},
				"without": {slack.App{Lacking: []string{tc.scope}}, 0},
			} {
				r := start(t, slack.Options{App: other.app})
				r.AddUser(cat, "cat")
				r.AddChannelOf(slack.Private, private, "private", ann, self)
				r.AddChannelOf(slack.Several, several, "", ann, ben, self)
				a := r.app(fine)
				r.must(tc.do(r))
				r.eventually("all came", func() bool { return r.Stats().Waiting == 0 })
				got := 0
				for _, c := range a.got() {
					if c.kind == tc.kind {
						got++
					}
				}
				if got != other.want {
					t.Errorf("%s: %d of %d came", name, got, other.want)
				}
			}
		})
	}
}

// TestWhatNeedsNoScope comes to an app that may do nothing: presses of buttons, and kinds
// of events that are unknown here. Commands are not there without theirs.
func TestWhatNeedsNoScope(t *testing.T) {
	r := start(t, slack.Options{App: slack.App{Lacking: []string{"commands", "channels:history"}}})
	p := r.post("x", "blocks", `[{"type":"actions","elements":[{"type":"button","action_id":"a","value":"v","text":{"type":"plain_text","text":"V"}}]}]`)
	r.app(fine)
	r.must(r.Press(general, p.TS, ann, "a"))
	r.RawEvent(general, map[string]any{"type": "brand_new"})
	r.eventually("both came", func() bool { return r.Stats().Delivered == 2 })
	if err := r.Slash(general, ann, "/x", ""); !errors.Is(err, slack.ErrNoCommand) {
		t.Errorf("a command: %v", err)
	}
}

// TestMembers: who comes and goes is in the channel or not, and only channels have a door.
func TestMembers(t *testing.T) {
	r := start(t, slack.Options{})
	r.AddChannelOf(slack.Several, several, "", ann, ben, self)
	dm, err := r.OpenDM(ann)
	r.must(err)
	said := r.say(named)
	for i, tc := range []struct{ got, want error }{
		{r.Join("C0EMPTY", ben), nil},
		{r.Join("C0EMPTY", "U404"), slack.ErrNoUser},
		{r.Join("C404", ben), slack.ErrNoChannel},
		{r.Join(several, cat), slack.ErrNoChannel},
		{r.Join(dm, ben), slack.ErrNoChannel},
		{r.Leave(general, ben), nil},
		{r.Leave(general, ben), slack.ErrNotMember},
		{r.Leave(dm, ann), slack.ErrNoChannel},
		{r.Invite(general, said.TS), slack.ErrNoMessage}, // it is there
		{r.Invite("C0EMPTY", "1.1"), slack.ErrNoMessage},
		{r.Invite("C404", "1.1"), slack.ErrNoChannel},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("case %d: %v, want %v", i, tc.got, tc.want)
		}
	}
	if _, err := r.Say("C0EMPTY", ben, "hi"); err != nil {
		t.Errorf("who joined says something: %v", err)
	}
	if _, err := r.Say(general, ben, "hi"); !errors.Is(err, slack.ErrNotMember) {
		t.Errorf("who left says something: %v", err)
	}
}
