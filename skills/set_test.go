package skills_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// fixed is a skill that only introduces itself.
type fixed skills.Manifest

func (f fixed) Manifest() skills.Manifest                               { return skills.Manifest(f) }
func (fixed) Handle(context.Context, *skills.Turn, skills.Writer) error { return nil }

func command(name string) skills.Command {
	return skills.Command{Name: name, Help: map[string]string{"en": "Do " + name}}
}

func names(manifests []skills.Manifest) string {
	var all []string
	for _, m := range manifests {
		all = append(all, m.Name)
	}
	return strings.Join(all, " ")
}

func TestSetFinds(t *testing.T) {
	talk := fixed{Name: "talk", NeedsModel: true}
	tell := fixed{Name: "tell", Commands: []skills.Command{command("tell"), command("say")}}
	vault := fixed{Name: "vault", Commands: []skills.Command{command("vault")}, Roles: []skills.Role{skills.Admin}, Places: []core.Place{core.Private}}
	set, err := skills.NewSet(vault, talk, tell)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := set.ByName("talk"); !ok || s.Manifest().Name != "talk" {
		t.Errorf("by name: %v, %t", s, ok)
	}
	for _, name := range []string{"tell", "say"} {
		if s, ok := set.ByCommand(name); !ok || s.Manifest().Name != "tell" {
			t.Errorf("by command %s: %v, %t", name, s, ok)
		}
	}
	if s, ok := set.ByCommand("talk"); ok {
		t.Errorf("by a command that nobody has: %v", s)
	}
	var all []skills.Manifest
	for _, s := range set.All() {
		all = append(all, s.Manifest())
	}
	for what, c := range map[string]struct{ got, want string }{
		"all":              {names(all), "vault talk tell"},
		"admin in private": {names(set.For(skills.Admin, core.Private)), "vault talk tell"},
		"admin in a group": {names(set.For(skills.Admin, core.Group)), "talk tell"},
		"user in private":  {names(set.For(skills.User, core.Private)), "talk tell"},
		"offline":          {strings.Join(set.Offline(), " "), "vault tell"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", what, c.got, c.want)
		}
	}
}

func TestSetReportsAllThatIsWrong(t *testing.T) {
	long, wrong := command("long"), command("Bad-Name")
	long.Help = map[string]string{"en": strings.Repeat("ä", 100), "de": strings.Repeat("ä", 101), "fr": "a\nb"}
	silent := skills.Command{Name: "silent", Help: map[string]string{"de": "Hilfe"}}
	set, err := skills.NewSet(
		fixed{Name: "one", Commands: []skills.Command{command("go"), command("go")}},
		fixed{Name: "one"},
		nil,
		fixed{Name: "Two!", Timeout: -time.Second, Roles: []skills.Role{"king"}, Places: []core.Place{"castle"}},
		fixed{Name: "three", Commands: []skills.Command{command("go"), wrong, long, silent, command(strings.Repeat("a", 33)), {}}},
	)
	if err == nil || set != nil {
		t.Fatalf("got %v and %v", set, err)
	}
	want := []string{
		`skill "one": command "go" is already one of "one"`,
		`skill "one": there are two of this name`,
		`skill 2 is nil`,
		`skill "Two!": a name is lower case letters, digits and hyphens`,
		`skill "Two!": timeout -1s is negative`,
		`skill "Two!": role "king" is unknown`,
		`skill "Two!": place "castle" is unknown`,
		`skill "three": command "Bad-Name": a name is 1 to 32 of a-z, 0-9 and underscore`,
		`skill "three": command "long": help in "de" has 101 characters, more than 100`,
		`skill "three": command "long": help in "fr" is more than one line`,
		`skill "three": command "silent": help in English is missing`,
		`skill "three": command "` + strings.Repeat("a", 33) + `": a name is 1 to 32 of a-z, 0-9 and underscore`,
		`skill "three": command "": a name is 1 to 32 of a-z, 0-9 and underscore`,
		`skill "three": command "": help in English is missing`,
		`skill "three": command "go" is already one of "one"`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestPhrase(t *testing.T) {
	p := skills.Phrase{"en": "colour", "en-us": "color", "de": "Farbe"}
	for language, want := range map[string]string{
		"": "colour", "en": "colour", "en-US": "color", "en-GB": "colour", "de": "Farbe", "de-AT": "Farbe", "DE": "Farbe",
		"fr": "colour", "-": "colour", "d": "colour",
	} {
		if got := p.In(language); got != want {
			t.Errorf("in %q: %q, want %q", language, got, want)
		}
		if got := (skills.Command{Help: p}).HelpIn(language); got != want {
			t.Errorf("help in %q: %q, want %q", language, got, want)
		}
	}
}

func TestIntentsThatCannotBe(t *testing.T) {
	of := func(examples ...string) error {
		_, err := skills.NewSet(named{skills.Manifest{Name: "x", Triggers: skills.Triggers{Intents: examples}}})
		return err
	}
	if err := of("will it rain", strings.Repeat("x", skills.MaxIntent)); err != nil {
		t.Error(err)
	}
	err := of(append(slices.Repeat([]string{"will it rain"}, skills.MaxIntents-1), " ", strings.Repeat("x", skills.MaxIntent+1))...)
	for _, want := range []string{"65 examples of intents, more than 64", "an example of an intent is empty", "an example of an intent has 501 bytes"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told in: %v", want, err)
		}
	}
}
