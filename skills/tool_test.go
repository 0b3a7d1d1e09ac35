package skills_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

const nested = `{"$schema": "http://json-schema.org/draft-06/schema#", "type": "object", "required": ["where"], "properties": {
	"where": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}, "additionalProperties": false},
	"days": {"type": "array", "items": {"type": "integer"}}}}`

func flat(name string) skills.Command {
	c := command(name)
	c.Tool, c.Input = true, json.RawMessage(`{"type": "object", "properties": {"n": {"type": "integer", "default": 3}}}`)
	return c
}

func TestToolsThatAreWrong(t *testing.T) {
	tool := func(name, about, input string) skills.Tool {
		return skills.Tool{Name: name, Description: about, Input: json.RawMessage(input)}
	}
	_, err := skills.NewSet(
		fixed{Name: "one", Commands: []skills.Command{flat("go"), command("stay")}, Tools: []skills.Tool{tool("Stay-2", "x", nested), tool("stay", "x", "")}},
		fixed{Name: "two", Tools: []skills.Tool{tool("go", "x", ""), tool("a b", " ", "{"), tool("list", strings.Repeat("ä", 4097), `{"type":"array"}`),
			tool("far", "x", `{"type":"object","properties":{"a":{"$ref":"https://example.org/x"}}}`), tool("list", "x", "")},
			Permissions: skills.Permissions{Tools: []string{"*", "go", "a b"}}},
	)
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	got := strings.Split(err.Error(), "\n")
	want := []string{
		`skill "two": tool "a b": a name is 1 to 64 letters, digits, underscores and hyphens, or "*" for all`,
		`skill "two": tool "a b": a name is 1 to 64 letters, digits, underscores and hyphens`,
		`skill "two": tool "a b": a description is missing`,
		`skill "two": tool "a b": input: the schema cannot be read: unexpected end of JSON input`,
		`skill "two": tool "list": its description has 4097 characters, more than 4096`,
		`skill "two": tool "list": input: a schema is {"type": "object", "properties": {...}}`,
		`skill "two": tool "far": input: `,
		`skill "two": tool "go" is already one of "one"`,
		`skill "two": tool "list" is already one of "two"`,
	}
	for i := range got {
		if strings.HasPrefix(got[i], want[min(i, len(want)-1)]) && strings.Contains(got[i], "far") {
			got[i] = want[i] // the rest is the library's
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestCallable(t *testing.T) {
	danger := skills.Tool{Name: "Wipe", Description: " Wipes it all.\nReally.", Dangerous: true, Input: json.RawMessage(nested)}
	set, err := skills.NewSet(
		fixed{Name: "one", Commands: []skills.Command{flat("go"), command("stay")}, Tools: []skills.Tool{danger}},
		fixed{Name: "vault", Commands: []skills.Command{flat("open")}, Roles: []skills.Role{skills.Admin}},
		fixed{Name: "home", Tools: []skills.Tool{{Name: "lamp", Description: "Light"}}, Places: []core.Place{core.Private},
			Permissions: skills.Permissions{Channels: []core.Account{"a"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		role skills.Role
		in   core.Conversation
		want string
	}{
		"user":             {skills.User, core.Conversation{Account: "a", Place: core.Private}, "Wipe go lamp"},
		"another account":  {skills.User, core.Conversation{Account: "b", Place: core.Private}, "Wipe go"},
		"admin in a group": {skills.Admin, core.Conversation{Account: "a", Place: core.Group}, "Wipe go open"},
	} {
		var got []string
		for _, x := range set.Callable(c.role, c.in) {
			got = append(got, x.Name)
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
	all := set.Callable(skills.Admin, core.Conversation{Account: "a", Place: core.Private})
	if c := all[0]; !c.Dangerous || c.Command || c.Skill != "one" || c.Help.In("de") != "Wipes it all." {
		t.Errorf("%+v", c)
	}
	if c := all[1]; c.Name != "go" || !c.Command || c.Description != "Do go" {
		t.Errorf("%+v", c)
	}
	for _, c := range []struct {
		of        skills.Callable
		in, want  string
		complaint string
	}{
		{all[1], "", `{"n":3}`, ""},
		{all[1], `{"n":7}`, `{"n":7}`, ""},
		{all[1], `{"m":7}`, "", "m"},
		{all[1], `[]`, "", "the arguments are no JSON object"},
		{all[0], `{"where":{"city":"Rome"},"days":[1]}`, `{"where":{"city":"Rome"},"days":[1]}`, ""},
		{all[0], `{"where":{"town":"Rome"}}`, "", "town"},
		{all[0], `{"where":{"city":"Rome"},"days":["x"]}`, "", "integer"},
		{all[0], `null`, "", "the arguments are no JSON object"},
		{all[2], ``, `{}`, ""},
		{skills.Callable{Tool: danger}, `{}`, "", "where"},
	} {
		got, err := c.of.Check(json.RawMessage(c.in))
		switch {
		case c.complaint == "" && (err != nil || string(got) != c.want):
			t.Errorf("%s %s: %s, %v", c.of.Name, c.in, got, err)
		case c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint)):
			t.Errorf("%s %s: %v, want %q in it", c.of.Name, c.in, err, c.complaint)
		}
	}
}
