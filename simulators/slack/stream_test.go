package slack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/slack"
)

// stream starts one that must be taken.
func (r *rig) stream(params ...string) reply {
	r.t.Helper()
	out := r.call("chat.startStream", append([]string{"channel", general, "recipient_user_id", ann, "recipient_team_id", "T0SIM"}, params...)...)
	if !out.OK {
		r.t.Fatal(out.Error)
	}
	return out
}

func (r *rig) last() slack.Posted {
	shown := r.Shown(general)
	return shown[len(shown)-1]
}

func TestStreamGrows(t *testing.T) {
	r := start(t, slack.Options{})
	root := r.say("question")
	ts := r.stream("thread_ts", root.TS, "markdown_text", "**a").TS
	if p := r.last(); !p.Streaming || p.Text != "**a" || p.ThreadTS != root.TS {
		t.Errorf("begun %+v", p)
	}
	sub := r.Subscribe(10)
	defer sub.Close()
	if out := r.call("chat.appendStream", "channel", general, "ts", ts, "chunks", `[{"type":"markdown_text","text":"b*"}]`); !out.OK {
		t.Error(out.Error)
	}
	if e := <-sub.C; e.Kind != slack.EventEdited || e.Message.Text != "**ab*" || !e.Message.Streaming {
		t.Errorf("event %+v", e)
	}
	for method, want := range map[string]string{"chat.update": "streaming_state_conflict", "chat.delete": "cant_delete_message"} {
		if out := r.call(method, "channel", general, "ts", ts, "text", "x"); out.Error != want {
			t.Errorf("%s: %q", method, out.Error)
		}
	}
	buttons := `[{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text","text":"x"}}]}]`
	if out := r.call("chat.stopStream", "channel", general, "ts", ts, "markdown_text", "*", "blocks", buttons, "metadata", `{"event_type":"x","event_payload":{}}`); !out.OK {
		t.Error(out.Error)
	}
	if p := r.last(); p.Streaming || p.Text != "**ab**" || p.Metadata == nil || !strings.Contains(string(p.Blocks), "actions") {
		t.Errorf("stopped %+v", p)
	}
	if out := r.call("chat.update", "channel", general, "ts", ts, "text", "x", "blocks", "[]"); !out.OK || r.last().Text != "x" || len(r.last().Blocks) != 0 {
		t.Errorf("updated: %q, %+v", out.Error, r.last())
	}
}

func TestStreamIsStrict(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := start(t, slack.Options{Now: func() time.Time { return now }})
	dm, err := r.OpenDM(ann)
	r.must(err)
	said := r.say("question")
	long := strings.Repeat("x", 12001)
	for name, tc := range map[string]struct {
		params []string
		want   string
	}{
		"no recipient":    {[]string{"channel", general}, "missing_recipient_user_id"},
		"no team":         {[]string{"channel", general, "recipient_user_id", ann}, "missing_recipient_team_id"},
		"a stranger":      {[]string{"channel", general, "recipient_user_id", "U404", "recipient_team_id", "T"}, "user_not_found"},
		"no thread":       {[]string{"channel", dm}, "channel_type_not_supported"},
		"no such thread":  {[]string{"channel", dm, "thread_ts", "1.1"}, "thread_not_found"},
		"no such channel": {[]string{"channel", "C404"}, "channel_not_found"},
		"too long":        {[]string{"channel", general, "markdown_text", long}, "msg_too_long"},
		"odd chunks":      {[]string{"channel", general, "chunks", "x"}, "invalid_chunks"},
	} {
		if out := r.call("chat.startStream", tc.params...); out.Error != tc.want {
			t.Errorf("%s: %q, want %q", name, out.Error, tc.want)
		}
	}
	ts, posted := r.stream("markdown_text", "a").TS, r.post("no stream").TS
	for _, tc := range []struct {
		method, ts, text, want string
	}{
		{"chat.appendStream", "1.1", "x", "message_not_found"},
		{"chat.appendStream", said.TS, "x", "message_not_owned_by_app"},
		{"chat.appendStream", posted, "x", "message_not_in_streaming_state"},
		{"chat.appendStream", ts, "", "no_text"},
		{"chat.appendStream", ts, long, "msg_too_long"},
		{"chat.stopStream", posted, "", "message_not_in_streaming_state"},
		{"chat.stopStream", ts, long, "msg_too_long"},
	} {
		if out := r.call(tc.method, "channel", general, "ts", tc.ts, "markdown_text", tc.text); out.Error != tc.want {
			t.Errorf("%s %q: %q, want %q", tc.method, tc.text[:min(3, len(tc.text))], out.Error, tc.want)
		}
	}
	if out := r.call("chat.stopStream", "channel", general, "ts", ts, "metadata", "x"); out.Error != "invalid_metadata_format" {
		t.Errorf("odd metadata: %q", out.Error)
	}
	r.must(r.StopStream(general, ts))
	if out := r.call("chat.appendStream", "channel", general, "ts", ts, "markdown_text", "x"); out.Error != "stopped_by_user" {
		t.Errorf("after somebody stopped it: %q", out.Error)
	}
	ts = r.stream("markdown_text", "old").TS
	now = now.Add(time.Hour)
	if out := r.call("chat.stopStream", "channel", general, "ts", ts); out.Error != "message_not_in_streaming_state" || r.last().Streaming {
		t.Errorf("an old one: %q", out.Error)
	}
	if err := r.StopStream(general, ts); err == nil {
		t.Error("what is over can be stopped")
	}
}

func TestTiers(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := start(t, slack.Options{Tiers: true, Now: func() time.Time { return now }})
	for range 20 {
		r.stream("markdown_text", "x")
	}
	start := []string{"channel", general, "recipient_user_id", ann, "recipient_team_id", "T0SIM"}
	if out := r.call("chat.startStream", start...); out.Status != 429 || out.Header.Get("Retry-After") != "3" {
		t.Errorf("status %d, Retry-After %q", out.Status, out.Header.Get("Retry-After"))
	}
	now = now.Add(3 * time.Second)
	if out := r.call("chat.startStream", start...); !out.OK {
		t.Errorf("after the wait: %q", out.Error)
	}
}
