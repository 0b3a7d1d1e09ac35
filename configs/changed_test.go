package configs_test

import (
	"slices"
	"testing"

	"github.com/parley-hub/parley/configs"
)

func TestChanged(t *testing.T) {
	before := mustLoad(t, "channels: {a: {platform: telegram, token: one}, b: {platform: telegram, token: two}}\n"+
		"models: {pools: {chat: {model: m, workers: [{url: 'http://h'}]}}}\nroutes: [{to: {model: chat}}]\nredis: {url: 'redis://u:old@h'}\n")
	if got := configs.Changed(before, before); len(got) > 0 {
		t.Errorf("with itself: %v", got)
	}
	after := mustLoad(t, "channels: {a: {platform: telegram, token: one}, b: {platform: telegram, token: other}, c: {platform: telegram, token: three}}\n"+
		"models: {pools: {chat: {model: n, workers: [{url: 'http://h'}]}}, time_zone: Europe/Berlin}\nroutes: [{to: {skill: chat}}]\n"+
		"redis: {url: 'redis://u:new@h'}\nskills: {chat: {prompt: hi}}\nlog: {level: debug}\n")
	want := []string{"channels.b", "channels.c", "log.level", "models.pools.chat", "models.time_zone", "redis.url", "routes", "skills.chat.prompt"}
	if got := configs.Changed(before, after); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
