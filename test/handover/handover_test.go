package handover_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/core/secret"
	discordsim "github.com/parley-hub/parley/simulators/discord"
	telegramsim "github.com/parley-hub/parley/simulators/telegram"
)

const token = "42:AAtoken-that-nobody-may-read_0123"

// adapter makes one, with connections of its own.
func adapter(t *testing.T, f adapters.Factory, config adapters.Config) adapters.Adapter {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	a, err := f.New(adapters.Settings{Account: "bot", Config: config, Client: client, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The simulator answers 409 to the first of two pollers, as the real one.
func TestTelegramPoller(t *testing.T) {
	handOver(t, func(t *testing.T) platform {
		t.Helper()
		sim := telegramsim.New(telegramsim.Options{})
		sim.AddBot(token, 42, "parley_bot", "Parley")
		web := httptest.NewServer(sim)
		t.Cleanup(web.Close)
		t.Cleanup(sim.Close)
		const chats = 5
		for i := range int64(chats) {
			sim.AddUser(telegramsim.User{ID: 7 + i, FirstName: fmt.Sprint("User ", i)})
		}
		return platform{
			adapter: func(t *testing.T) adapters.Adapter {
				t.Helper()
				c, _ := telegram.Factory().Defaults().(*telegram.Config)
				c.Token, c.APIURL = secret.New(token), web.URL
				return adapter(t, telegram.Factory(), c)
			},
			chats: chats, singles: 1,
			say: func(chat int, text string) {
				if _, err := sim.Say(7+int64(chat), text); err != nil {
					t.Error(err)
				}
			},
		}
	})
}

func TestDiscordShards(t *testing.T) {
	handOver(t, func(t *testing.T) platform {
		t.Helper()
		const shards = 4
		sim := discordsim.New(discordsim.Options{Token: token, ApplicationID: "100", RequiredShards: shards, Limits: discordsim.Limits{MaxConcurrency: shards}})
		web := httptest.NewServer(sim)
		t.Cleanup(web.Close)
		t.Cleanup(sim.Close)
		ann := sim.AddUser("Ann")
		channels := []string{sim.OpenDM(ann)}
		for shard := range uint64(shards) {
			channels = append(channels, channelOn(t, sim, ann, shard, shards))
		}
		return platform{
			adapter: func(t *testing.T) adapters.Adapter {
				t.Helper()
				c, _ := discord.Factory().Defaults().(*discord.Config)
				c.Token, c.APIURL, c.ApplicationID, c.Shards = secret.New(token), web.URL, "100", shards
				return adapter(t, discord.Factory(), c)
			},
			chats: len(channels), singles: shards,
			say: func(chat int, text string) {
				if _, err := sim.Say(channels[chat], ann, text); err != nil {
					t.Error(err)
				}
			},
		}
	})
}

// channelOn makes servers of people until the events of one go to the shard.
func channelOn(t *testing.T, sim *discordsim.Server, person string, shard, of uint64) string {
	t.Helper()
	for {
		guild := sim.AddGuild("Team", person)
		id, err := strconv.ParseUint(guild, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if (id>>22)%of == shard {
			return sim.AddChannel(guild, "general")
		}
	}
}
