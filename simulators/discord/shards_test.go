package discord_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/parley-hub/parley/simulators/discord"
)

// line is a gateway connection that the test itself speaks on.
type line struct {
	t  *testing.T
	ws *websocket.Conn
}

// dial opens one and says who it is.
func (r *rig) dial(shard string) *line {
	r.t.Helper()
	ws, resp, err := websocket.DefaultDialer.DialContext(r.t.Context(), "ws"+strings.TrimPrefix(r.url, "http")+"/gateway/?v=10&encoding=json", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = resp.Body.Close()
	r.t.Cleanup(func() { _ = ws.Close() })
	l := &line{r.t, ws}
	l.wants("HELLO")
	body := `{"op":2,"d":{"token":"` + token + `","intents":37377,"properties":{"os":"x"}` + shard + `}}`
	if err := ws.WriteMessage(websocket.TextMessage, []byte(body)); err != nil {
		r.t.Fatal(err)
	}
	return l
}

// next gives the type of the next event with its data, or what it was instead.
func (l *line) next() (kind string, data json.RawMessage) {
	l.t.Helper()
	_ = l.ws.SetReadDeadline(time.Now().Add(wait))
	var f struct {
		Op   int             `json:"op"`
		Type string          `json:"t"`
		Data json.RawMessage `json:"d"`
	}
	if err := l.ws.ReadJSON(&f); err != nil {
		closed, ok := err.(*websocket.CloseError) //nolint:errorlint // ReadJSON gives it as it is
		if !ok {
			l.t.Fatal(err)
		}
		return strconv.Itoa(closed.Code), nil
	}
	switch f.Op {
	case 10:
		return "HELLO", f.Data
	case 9:
		return "INVALID", f.Data
	}
	return f.Type, f.Data
}

func (l *line) wants(kinds ...string) {
	l.t.Helper()
	for _, want := range kinds {
		if got, data := l.next(); got != want {
			l.t.Fatalf("%s comes, want %s: %s", got, want, data)
		}
	}
}

func TestShardsAreChecked(t *testing.T) {
	r := start(t, discord.Options{RequiredShards: 2})
	for shard, want := range map[string]string{
		``:                 "4011",
		`,"shard":[0,1]`:   "4011",
		`,"shard":[2,2]`:   "4010",
		`,"shard":[-1,2]`:  "4010",
		`,"shard":[0,0]`:   "4010",
		`,"shard":[1,2]`:   "READY",
		`,"shard":"first"`: "4002",
	} {
		if got, _ := r.dial(shard).next(); got != want {
			t.Errorf("identify with %s: %s, want %s", shard, got, want)
		}
	}
}

func TestIdentifiesAreCounted(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := start(t, discord.Options{Limits: discord.Limits{MaxConcurrency: 2}, Now: func() time.Time { return now }})
	for _, step := range []struct {
		shard, want string
		later       time.Duration
	}{
		{`,"shard":[0,4]`, "READY", 0},
		{`,"shard":[1,4]`, "READY", 0},
		{`,"shard":[2,4]`, "INVALID", 0},
		{`,"shard":[2,4]`, "READY", 5 * time.Second},
		{`,"shard":[3,4]`, "READY", 0},
		{`,"shard":[0,4]`, "INVALID", 4 * time.Second},
	} {
		now = now.Add(step.later)
		if got, _ := r.dial(step.shard).next(); got != step.want {
			t.Errorf("%s: %s, want %s", step.shard, got, step.want)
		}
	}
}

// guildOn makes a server of people whose events go to a shard, with a channel.
func (r *rig) guildOn(shard, of uint64) (channel string) {
	r.t.Helper()
	for {
		guild := r.AddGuild("Team", r.ann)
		id, err := strconv.ParseUint(guild, 10, 64)
		if err != nil {
			r.t.Fatal(err)
		}
		if (id>>22)%of == shard { // the time at which it was made, in milliseconds
			return r.AddChannel(guild, "general")
		}
	}
}

func TestEventsGoToTheirShard(t *testing.T) {
	r := start(t, discord.Options{})
	first, second := r.dial(`,"shard":[0,2]`), r.dial(`,"shard":[1,2]`)
	first.wants("READY")
	second.wants("READY")
	channels := []string{r.guildOn(0, 2), r.guildOn(1, 2)}
	for _, channel := range append(channels, r.dm) {
		if _, err := r.Say(channel, r.ann, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range []*line{first, second} {
		var said []string
		for len(said) < 2-i {
			kind, data := l.next()
			var m struct {
				Channel string `json:"channel_id"`
			}
			if kind == "MESSAGE_CREATE" && json.Unmarshal(data, &m) == nil {
				said = append(said, m.Channel)
			}
		}
		if said[0] != channels[i] || i == 0 && said[1] != r.dm {
			t.Errorf("shard %d is told of %q", i, said)
		}
	}
	third := r.dial(`,"shard":[1,2]`) // what a shard is told at its beginning is its own too
	third.wants("READY", "GUILD_CREATE")
}
