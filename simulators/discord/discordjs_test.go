package discord_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/simulators/nodetest"
)

const nodeTimeout = 2 * time.Minute

// An unrelated client must find the simulator as it finds the real service, with one
// connection and with several.
func TestDiscordJS(t *testing.T) {
	for shards, name := range map[int]string{1: "one connection", 2: "two shards"} {
		t.Run(name, func(t *testing.T) { meetDiscordJS(t, shards) })
	}
}

func meetDiscordJS(t *testing.T, shards int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir := nodetest.Dir(ctx, t, "testdata/discordjs", "discord.js")
	s := discord.New(discord.Options{
		Token: token, ApplicationID: application, RequiredShards: shards, Limits: discord.Limits{MaxConcurrency: 1},
	})
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	t.Cleanup(s.Close)
	ann := s.AddUser("Ann")
	dm := s.OpenDM(ann)
	guild := s.AddGuild("Team", ann)
	thread, err := s.AddThread(s.AddChannel(guild, "general"), "side")
	if err != nil {
		t.Fatal(err)
	}

	node := exec.CommandContext(ctx, "node", "check.mjs", web.URL, token, application)
	node.Dir = dir
	var out bytes.Buffer
	node.Stdout, node.Stderr = &out, &out
	stdin, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := node.Wait()
		cancel() // nothing more comes
		ended <- err
	}()
	play(ctx, t, s, shards, strings.TrimPrefix(web.URL, "http://"), ann, dm, thread)
	if _, err := stdin.Write([]byte("end\n")); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil || strings.TrimSpace(out.String()) != "ok" {
		var calls strings.Builder
		for _, c := range s.Calls() {
			calls.WriteString(c.Name + " " + c.Body + "\n")
		}
		t.Fatalf("%v\n%s\n%s", err, out.String(), calls.String())
	}
}

// play is the people's side: each step waits for what the client made of the one before.
func play(ctx context.Context, t *testing.T, s *discord.Server, shards int, host, ann, dm, thread string) {
	t.Helper()
	has := func(channel, text string) bool {
		return slices.ContainsFunc(s.Shown(channel), func(p discord.Posted) bool { return p.ByBot && p.Text == text })
	}
	shows := func(channel, text string) {
		t.Helper()
		if err := s.Wait(ctx, func() bool { return has(channel, text) }); err != nil {
			t.Errorf("waiting for %q: %v", text, err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	must(s.Wait(ctx, func() bool { return s.Connected() == shards && len(s.Commands()) == 1 }))
	ping, err := s.Say(dm, ann, "ping")
	must(err)
	shows(dm, "ready")
	shows(dm, "once")
	i := slices.IndexFunc(s.Shown(dm), func(p discord.Posted) bool { return p.Text == "pong again" })
	if i < 0 {
		t.Error("the edit does not show")
		return
	}
	_, err = s.Press(dm, s.Shown(dm)[i].ID, ann, "yes")
	must(err)
	shows(dm, "pressed")
	file := discord.File{Name: "a.txt", Type: "text/plain", Data: []byte("some bytes")}
	_, err = s.Run(discord.Run{Channel: dm, From: ann, Name: "ask", Text: "what?", File: &file, Host: host})
	must(err)
	shows(dm, "an answer")
	shows(dm, "and more")
	must(s.React(dm, ping.ID, ann, "👍", false))
	shows(dm, "reacted 👍")
	_, err = s.Say(thread, ann, "in the thread")
	must(err)
	shows(thread, "seen there")
	_, err = s.Speak(discord.Utterance{Channel: dm, From: ann, Text: "a file", Files: []discord.File{file}, Host: host})
	must(err)
	shows(dm, "back")
	shows(dm, "small enough")
	showsFiles(t, s, dm, string(file.Data), "answer.txt", "a.txt", "back.txt")
	s.Reconnect()
	_, err = s.Say(dm, ann, "after the gap")
	must(err)
	shows(dm, "resumed")
	must(s.DeleteShown(dm, ping.ID))
	shows(dm, "gone")
}

// showsFiles: the channel shows files of these names, all with the same content.
func showsFiles(t *testing.T, s *discord.Server, channel, content string, want ...string) {
	t.Helper()
	var names []string
	for _, p := range s.Shown(channel) {
		for _, a := range p.Attachments {
			if data, ok := s.FileBytes(a.ID); !ok || string(data) != content {
				t.Errorf("%s holds %q", a.Filename, data)
			}
			names = append(names, a.Filename)
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}
