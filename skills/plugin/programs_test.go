package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
	"github.com/parley-hub/parley/skills/skilltest"
)

// scripted is a skill that does what it is told, word by word.
type scripted struct {
	name, version string
	change        func(*skills.Manifest)
}

// programs are those that the test's binary can be, by the name of their file.
var programs = map[string]skills.Skill{
	"echo":    scripted{name: "echo", version: "1"},
	"other":   scripted{name: "other", version: "1"},
	"two":     scripted{name: "echo", version: "2"},
	"wrong":   scripted{name: "No Name", change: func(m *skills.Manifest) { m.Timeout = -1 }},
	"sample":  skilltest.NewSample(),
	"failing": renamed{skilltest.NewFailingSample()},
	"nothing": scripted{name: "nothing", change: func(m *skills.Manifest) { m.Permissions = skills.Permissions{} }},
}

// renamed is the failing sample beside the other one.
type renamed struct{ skilltest.Sample }

func (r renamed) Manifest() skills.Manifest {
	return skills.Manifest{Name: "failing", Version: "1", Tools: r.Sample.Manifest().Tools[2:]}
}

// rough are programs that are no skill.
func rough(name string) {
	switch name {
	case "crash":
		_, _ = os.Stderr.WriteString("cannot find my left shoe\n")
		os.Exit(3)
	case "silent":
		<-time.After(time.Hour)
	case "newer":
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig:  protocol.Handshake,
			VersionedPlugins: map[int]plugin.PluginSet{protocol.Version + 1: {}},
			GRPCServer:       plugin.DefaultGRPCServer,
		})
	}
	os.Exit(0)
}

func (s scripted) Manifest() skills.Manifest {
	m := skills.Manifest{
		Name: s.name, Version: s.version, Timeout: time.Minute,
		Commands: []skills.Command{{Name: s.name, Help: map[string]string{"en": "Say it again"}}},
		Permissions: skills.Permissions{
			Hosts: []string{"api.example.org"}, Secrets: []string{"key"}, Models: []string{skills.DefaultPool}, Storage: 1 << 20, Elsewhere: true,
		},
	}
	if s.change != nil {
		s.change(&m)
	}
	return m
}

// Handle does what the first word says; any other words are said again.
func (s scripted) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	word, rest, _ := strings.Cut(t.Args, " ")
	if do, ok := scripts[word]; ok {
		return do(ctx, t, w, rest)
	}
	text := strings.TrimSpace(t.Args)
	if text == "" {
		text = "nothing"
	}
	w.Reply(core.Text{Text: text})
	return nil
}

type script func(ctx context.Context, t *skills.Turn, w skills.Writer, rest string) error

func say(w skills.Writer, words ...string) { w.Reply(core.Text{Text: strings.Join(words, " ")}) }

var scripts = map[string]script{
	"!version": func(_ context.Context, _ *skills.Turn, w skills.Writer, _ string) error {
		say(w, "version of "+os.Args[0])
		return nil
	},
	"!pid": func(_ context.Context, _ *skills.Turn, w skills.Writer, _ string) error {
		say(w, strconv.Itoa(os.Getpid()))
		return nil
	},
	"!env": func(_ context.Context, _ *skills.Turn, w skills.Writer, _ string) error {
		say(w, strings.Join(os.Environ(), "\n"))
		return nil
	},
	"!fill": func(ctx context.Context, _ *skills.Turn, _ skills.Writer, _ string) error {
		for n := range 4 {
			if err := os.WriteFile("f"+strconv.Itoa(n), make([]byte, 1<<19), 0o600); err != nil {
				return err
			}
		}
		<-ctx.Done() // somebody looks before
		return ctx.Err()
	},
	"!crash": func(context.Context, *skills.Turn, skills.Writer, string) error { os.Exit(7); return nil },
	"!panic": func(context.Context, *skills.Turn, skills.Writer, string) error { panic("boom") },
	"!panics": func(context.Context, *skills.Turn, skills.Writer, string) error {
		go func() { panic("far away") }()
		select {}
	},
	"!fail": func(_ context.Context, _ *skills.Turn, w skills.Writer, _ string) error {
		return fault.New(fault.RateLimited, "ask", errors.New("later"), fault.WithPublic("Come back."), fault.WithWait(3*time.Second), fault.WithRef("r3f"))
	},
	"!slow": func(ctx context.Context, _ *skills.Turn, w skills.Writer, _ string) error {
		w.Draft(core.Text{Text: "working"})
		<-ctx.Done()
		return ctx.Err()
	},
	"!hang": func(_ context.Context, _ *skills.Turn, w skills.Writer, _ string) error {
		w.Draft(core.Text{Text: "working"})
		select {}
	},
	"!late": func(ctx context.Context, _ *skills.Turn, w skills.Writer, _ string) error {
		w.Draft(core.Text{Text: "working"})
		<-ctx.Done()
		say(w, "too late")
		return nil
	},
	"!flood":  flood,
	"!world":  useWorld,
	"!denied": useNothing,
	"!files":  useFiles,
	"!say":    sayAll,
	"!session": func(_ context.Context, t *skills.Turn, w skills.Writer, _ string) error {
		history, err := t.Session.History()
		if err != nil {
			return err
		}
		for _, h := range history {
			say(w, string(h.ID), h.Said[0].Text, h.Answer)
		}
		say(w, strings.Join(t.Session.Pinned(), ","), t.Session.Model())
		t.Session.Append(session.Turn{ID: t.ID, At: t.Now, Said: []session.Line{{Text: "new"}}, Answer: "yes", Tokens: 3})
		t.Session.Pin("likes tea")
		t.Session.SetModel("big", string(t.Role))
		return t.Session.Trim(5)
	},
	"!clear": func(_ context.Context, t *skills.Turn, _ skills.Writer, _ string) error {
		t.Session.Clear()
		return nil
	},
	"!log": func(_ context.Context, t *skills.Turn, w skills.Writer, _ string) error {
		t.Log.Info().Int("n", 4).Msg("hello from afar")
		t.Log.Debug().Msg("nobody wants this")
		say(w, "logged")
		return nil
	},
}

func flood(_ context.Context, t *skills.Turn, w skills.Writer, what string) error {
	for i := range 1_000_000 {
		switch what {
		case "replies":
			say(w, strconv.Itoa(i))
		case "drafts":
			w.Draft(core.Text{Text: strings.Repeat("d", 1000)})
		case "logs":
			t.Log.Error().Msg("again")
		case "megabytes":
			say(w, strings.Repeat("m", protocol.MaxToHub+1))
		case "memory":
			t.Session.Append(session.Turn{ID: t.ID, Answer: strings.Repeat("m", 2<<20)})
			return nil
		case "calls":
			_, _ = t.World.Secret("key")
		}
	}
	return nil
}

func useWorld(ctx context.Context, t *skills.Turn, w skills.Writer, _ string) error {
	key, err := t.World.Secret("key")
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.example.org/weather?in=Linz", strings.NewReader("body"))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", key.Reveal())
	resp, err := t.World.HTTP().Do(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	say(w, resp.Status, resp.Header.Get("X-Seen"), strconv.Itoa(len(body)), string(body[:4]))
	for d, err := range t.World.Chat(ctx, "", models.Request{Messages: []models.Message{{Role: models.User, Text: "hi"}}}) {
		if err != nil {
			return err
		}
		if d.Text != "" {
			say(w, d.Text)
		}
	}
	return useStorage(ctx, t, w)
}

func useStorage(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	own := t.World.Storage()
	if err := own.Set(ctx, "a", []byte("1")); err != nil {
		return err
	}
	if err := t.World.PersonStorage().Set(ctx, "empty", []byte{}); err != nil {
		return err
	}
	empty, ok, err := t.World.PersonStorage().Get(ctx, "empty")
	if err != nil || !ok || empty == nil {
		return errors.Join(err, errors.New("an empty value is none"))
	}
	first, err := own.Swap(ctx, "b", nil, []byte("2"))
	if err != nil {
		return err
	}
	second, err := own.Swap(ctx, "b", nil, []byte("3"))
	if err != nil {
		return err
	}
	names, err := own.Names(ctx, "")
	if err != nil {
		return err
	}
	if err := own.Delete(ctx, "a"); err != nil {
		return err
	}
	_, there, err := own.Get(ctx, "a")
	if err != nil {
		return err
	}
	told, err := t.World.Tell(ctx, core.Text{Text: "psst"})
	if err != nil {
		return err
	}
	state, err := json.Marshal([]any{first, second, names, there, told})
	say(w, string(state))
	return err
}

// useNothing tells which calls were refused.
func useNothing(ctx context.Context, t *skills.Turn, w skills.Writer, _ string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://elsewhere.example.org/", nil)
	if err != nil {
		return err
	}
	_, call := t.World.HTTP().Do(r)
	_, read := t.World.Secret("other")
	_, _, get := t.World.Storage().Get(ctx, "a")
	_, told := t.World.Tell(ctx, core.Text{Text: "psst"})
	var chat error
	for _, err := range t.World.Chat(ctx, "", models.Request{}) {
		chat = err
	}
	for _, err := range []error{call, read, get, told, chat} {
		say(w, strconv.FormatBool(errors.Is(err, skills.ErrDenied)), fault.ClassOf(err).String())
	}
	return nil
}

func useFiles(ctx context.Context, t *skills.Turn, w skills.Writer, _ string) error {
	for _, p := range t.Envelope.Parts {
		m, ok := p.(core.Media)
		if !ok {
			continue
		}
		r, err := t.Files.Open(ctx, m)
		if err != nil {
			return err
		}
		kept, err := t.Files.Keep(ctx, core.Media{Kind: core.Document, Name: "again"}, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		w.Reply(kept)
	}
	return nil
}

func sayAll(_ context.Context, t *skills.Turn, w skills.Writer, _ string) error {
	w.Draft()
	if w.Drafted() {
		return errors.New("typing is no draft")
	}
	w.Draft(core.Text{Text: "so far"})
	if !w.Drafted() {
		return errors.New("it was drafted")
	}
	say(w, "done")
	w.ReplyIn(core.Conversation{Account: "b", Place: core.Private, Chat: "7"}, "p", core.Text{Text: "there"})
	w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "really?"}}, State: json.RawMessage(`{"n":1}`), For: time.Hour})
	if t.Asked != nil {
		say(w, string(t.Asked.Turn), string(t.Asked.State), string(t.Input))
	}
	return nil
}
