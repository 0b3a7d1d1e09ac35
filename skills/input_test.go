package skills_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// weather is a manifest whose first command has a schema.
var weather = skills.Manifest{Name: "weather", Commands: []skills.Command{
	{Name: "weather", Help: map[string]string{"en": "The weather"}, Input: json.RawMessage(forecast), Tool: true},
	{Name: "sun", Help: map[string]string{"en": "The sun"}, Args: "[words]"},
}}

func TestInput(t *testing.T) {
	for _, c := range []struct {
		options skilltest.TurnOptions
		input   string // "-" for a skill that is not run
		reply   string
	}{
		{skilltest.TurnOptions{Command: "weather", Args: "Rome"}, `{"city":"Rome","days":3}`, ""},
		{skilltest.TurnOptions{Command: "sun", Args: "days=x"}, "", ""},
		{skilltest.TurnOptions{Text: "days=x"}, "", ""},
		{skilltest.TurnOptions{Command: "weather", Args: "x", Input: json.RawMessage(`{"city":"given"}`)}, `{"city":"given"}`, ""},
		{
			skilltest.TurnOptions{Command: "weather", Args: "Rome days=0", Language: "de-AT"}, "-",
			"days ist „0“, muss aber eine ganze Zahl, von 1 bis 7 sein.\n\nBitte schreibe es so:\n/weather <city> [days=…] [unit=C|F] [wind=ja|nein] [above=…]\n" +
				"city – Where\ndays – How many days",
		},
	} {
		got := "-"
		handler := skills.Chain(skills.HandlerFunc(func(_ context.Context, t *skills.Turn, _ skills.Writer) error {
			got = string(t.Input)
			return nil
		}), skills.Input(weather))
		var w skilltest.RecordingWriter
		err := handler.Handle(t.Context(), skilltest.NewTurn(c.options), &w)
		if err != nil || got != c.input || w.Text() != c.reply {
			t.Errorf("%+v: input %s, reply %q, %v", c.options, got, w.Text(), err)
		}
	}
}

func TestUsageIsShown(t *testing.T) {
	set, err := skills.NewSet(named{weather})
	if err != nil {
		t.Fatal(err)
	}
	m := set.For(skills.User, core.Private)[0]
	if got := m.Commands[0].Usage("en"); !strings.HasPrefix(got, "<city> ") || m.Commands[0].Schema() == nil {
		t.Errorf("usage %q", got)
	}
	if got := m.Commands[1].Usage("en"); got != "[words]" || m.Commands[1].Schema() != nil {
		t.Errorf("usage %q", got)
	}
}

// named is a skill that only introduces itself.
type named struct{ m skills.Manifest }

func (n named) Manifest() skills.Manifest { return n.m }

func (named) Handle(context.Context, *skills.Turn, skills.Writer) error { return nil }

func TestManifestsThatCannotBe(t *testing.T) {
	_, err := skills.NewSet(named{skills.Manifest{
		Name: "bad", Description: map[string]string{"de": strings.Repeat("x", skills.MaxDescription+1)},
		Commands: []skills.Command{
			{Name: "a", Help: map[string]string{"en": "x"}, Input: json.RawMessage(`{"type": "array"}`), Dangerous: true},
			{Name: "b", Help: map[string]string{"en": "x"}, Tool: true},
			{Name: "cancel", Help: map[string]string{"en": "x"}},
		},
		Triggers: skills.Triggers{Keywords: []string{" "}, Pattern: "(?=x)", Every: []core.Place{"moon"}},
		Permissions: skills.Permissions{
			Channels: []core.Account{""}, Hosts: []string{"", "http://x.org", "*.org", "X.org", "a..b", "x.org:0", "x.org:", "1.2.3", "[::1", "[1.2.3.4]", "*", "x.org/path", "a_b.org"},
			Secrets: []string{"a b"}, Models: []string{""}, Storage: -1, Memory: -1, CallsPerMinute: -1,
		},
	}})
	if err == nil {
		t.Fatal("it is taken")
	}
	for _, want := range []string{
		"a description in English is missing", `description in "de" has 1025 characters`, `command "a": input: a schema is`, `command "a": dangerous is of tools only`,
		`command "b": a tool needs a schema`, `command "cancel": it is the hub's own`, "a keyword is empty", "pattern: ", `every message in place "moon"`,
		"a channel has no name", `host ""`, `host "http://x.org"`, `host "*.org"`, `host "X.org"`, `host "a..b"`, `host "x.org:0"`, `host "x.org:"`, `host "1.2.3"`, `host "[::1"`,
		`host "[1.2.3.4]"`, `host "*"`, `host "x.org/path"`, `host "a_b.org"`, `secret "a b"`, "a model pool has no name", "storage -1 is negative",
		"memory -1 is negative", "calls per minute -1 is negative",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told in:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 28 {
		t.Errorf("%d problems:\n%v", n, err)
	}
}

func TestHosts(t *testing.T) {
	p := skills.Permissions{Hosts: []string{"api.example.org", "*.example.net", "x.org:8443", "10.0.0.1:8080", "[::1]", "localhost"}}
	if _, err := skills.NewSet(named{skills.Manifest{Name: "a", Permissions: p}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, port  string
		own         bool
		ok, address bool
	}{
		{"api.example.org", "443", true, true, false},
		{"API.example.org.", "443", true, true, false},
		{"api.example.org", "8443", false, false, false},
		{"evil.api.example.org", "443", true, false, false},
		{"api.example.org.evil.com", "443", true, false, false},
		{"example.org", "443", true, false, false},
		{"a.example.net", "80", true, true, false},
		{"a.b.example.net", "443", true, true, false},
		{"example.net", "443", true, false, false},
		{"evilexample.net", "443", true, false, false},
		{"x.org", "8443", false, true, false},
		{"x.org", "443", true, false, false},
		{"10.0.0.1", "8080", false, true, true},
		{"10.0.0.1", "80", true, false, false},
		{"::1", "443", true, true, true},
		{"0:0:0:0:0:0:0:1", "443", true, true, true},
		{"localhost", "80", true, true, false},
		{"", "80", true, false, false},
	} {
		if ok, address := p.MayCall(c.name, c.port, c.own); ok != c.ok || address != c.address {
			t.Errorf("%s:%s: %v, address %v", c.name, c.port, ok, address)
		}
	}
}

func TestModels(t *testing.T) {
	p := skills.Permissions{Models: []string{"default", "big"}}
	for pool, want := range map[string]bool{"small": true, "big": true, "other": false, "default": true} {
		if got := p.MayAsk(pool, "small"); got != want {
			t.Errorf("%s: %v", pool, got)
		}
	}
	if (skills.Permissions{Models: []string{"big"}}).MayAsk("small", "small") {
		t.Error("the default pool is asked by who may ask another")
	}
}

func TestDeniedIsAPermanentFault(t *testing.T) {
	err := skills.Denied("poll", skills.PermitHost, "x.org", "de")
	if !errors.Is(err, skills.ErrDenied) || fault.ClassOf(err) != fault.Permanent || !strings.Contains(fault.Public(err), "nicht darf") ||
		!strings.Contains(err.Error(), `skill poll: `) || !strings.Contains(err.Error(), `host "x.org"`) {
		t.Errorf("%v, public %q", err, fault.Public(err))
	}
}

func TestAccessByAccount(t *testing.T) {
	m := skills.Manifest{Name: "a", Permissions: skills.Permissions{Channels: []core.Account{"other"}}}
	ran := 0
	handler := skills.Access(m)(skills.HandlerFunc(func(context.Context, *skills.Turn, skills.Writer) error {
		ran++
		return nil
	}))
	var w skilltest.RecordingWriter
	turn := skilltest.NewTurn(skilltest.TurnOptions{})
	if err := handler.Handle(t.Context(), turn, &w); err != nil || ran != 0 || w.Text() != "This is not available through this account." {
		t.Errorf("%v, ran %d, %q", err, ran, w.Text())
	}
	turn.Envelope.In.Account = "other"
	if err := handler.Handle(t.Context(), turn, &w); err != nil || ran != 1 {
		t.Errorf("%v, ran %d", err, ran)
	}
}

func TestCallsPerMinute(t *testing.T) {
	ran := 0
	handler := skills.CallsPerMinute(skills.Manifest{Permissions: skills.Permissions{CallsPerMinute: 2}})(
		skills.HandlerFunc(func(context.Context, *skills.Turn, skills.Writer) error {
			ran++
			return nil
		}))
	var w skilltest.RecordingWriter
	for i := range 4 {
		if err := handler.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{ID: fmt.Sprint(i)}), &w); err != nil {
			t.Fatal(err)
		}
	}
	if ran != 2 || !strings.Contains(w.Text(), "2 in 1 min") || len(w.Replies()) != 1 {
		t.Errorf("ran %d, %q", ran, w.Text())
	}
	if err := handler.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{ID: "x", Name: "Bert"}), &w); err != nil || ran != 3 {
		t.Errorf("somebody else: %v, ran %d", err, ran)
	}
}

func TestQuestions(t *testing.T) {
	words := []core.Part{core.Text{Text: "?"}}
	long := json.RawMessage(`"` + strings.Repeat("x", skills.MaxQuestionState) + `"`)
	for q, wrong := range map[*skills.Question]bool{
		{Parts: words, For: time.Hour}:                                       false,
		{Parts: words, For: time.Hour, State: json.RawMessage(`{"a": [1]}`)}: false,
		{For: time.Hour}:        true,
		{Parts: words}:          true,
		{Parts: words, For: -1}: true,
		{Parts: words, For: skills.MaxQuestionTime + 1}:             true,
		{Parts: words, For: time.Hour, State: json.RawMessage(`{`)}: true,
		{Parts: words, For: time.Hour, State: long}:                 true,
	} {
		if err := q.Check(); (err != nil) != wrong {
			t.Errorf("%.80v: %v", *q, err)
		}
	}
}
