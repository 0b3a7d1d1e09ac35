package models_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/offline"
)

func TestChoose(t *testing.T) {
	client := offline.New(nil, 0)
	offer := models.Offer{
		Default: "chat", Pools: map[string]models.Client{"chat": client, "fast": client, "big": client, "own": client},
		Skills: map[string]string{"recap": "fast", "odd": "gone"}, Accounts: map[string]string{"support": "own", "desk": "gone"},
		Roles: map[string][]string{"big": {models.RoleUser}, "own": {models.RoleAdmin}},
	}
	r := &models.Registry{}
	if c, ok := r.Choose(models.Wish{Named: "chat"}); ok || !slices.Equal(c.Missed, []string{"chat"}) {
		t.Errorf("an empty registry gives %+v", c)
	}
	if _, ok := r.Choose(models.Wish{}); ok || len(r.May(models.RoleAdmin)) > 0 {
		t.Error("an empty registry has a pool")
	}
	r.Offer(offer)
	for name, c := range map[string]struct {
		wish   models.Wish
		pool   string
		by     models.Reason
		missed string
	}{
		"nothing":                   {models.Wish{}, "chat", models.ByDefault, ""},
		"nothing configured":        {models.Wish{Skill: "chat", Account: "home"}, "chat", models.ByDefault, ""},
		"an account's":              {models.Wish{Skill: "chat", Account: "support"}, "own", models.ByAccountDefault, ""},
		"a skill's goes before":     {models.Wish{Skill: "recap", Account: "support"}, "fast", models.BySkillDefault, ""},
		"the conversation's before": {models.Wish{Chosen: "big", ChosenBy: "user", Skill: "recap", Account: "support"}, "big", models.ByConversation, ""},
		"the named one before all":  {models.Wish{Named: "own", Chosen: "big", ChosenBy: "user", Skill: "recap"}, "own", models.ByName, ""},
		"named is that or none":     {models.Wish{Named: "gone", Chosen: "big", ChosenBy: "user"}, "", "", "gone"},
		"chosen and gone":           {models.Wish{Chosen: "gone", ChosenBy: "admin"}, "chat", models.ByDefault, "gone"},
		"chosen and not allowed":    {models.Wish{Chosen: "own", ChosenBy: "user", Skill: "recap"}, "fast", models.BySkillDefault, "own"},
		"nobody remembers who":      {models.Wish{Chosen: "fast"}, "chat", models.ByDefault, "fast"},
		"an admin may choose any":   {models.Wish{Chosen: "fast", ChosenBy: "admin"}, "fast", models.ByConversation, ""},
		"configured and not there":  {models.Wish{Skill: "odd", Account: "desk"}, "chat", models.ByDefault, "gone gone"},
	} {
		got, ok := r.Choose(c.wish)
		if got.Pool != c.pool || got.By != c.by || ok != (c.pool != "") || strings.Join(got.Missed, " ") != c.missed {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	if got := r.May(models.RoleUser); !slices.Equal(got, []string{"big"}) {
		t.Errorf("users may choose %v", got)
	}
	if got := r.May(models.RoleAdmin); !slices.Equal(got, []string{"big", "chat", "fast", "own"}) {
		t.Errorf("admins may choose %v", got)
	}
	r.Offer(models.Offer{Default: "big", Pools: map[string]models.Client{"big": client}})
	if got, ok := r.Choose(models.Wish{Skill: "recap"}); !ok || got.Pool != "big" || r.Default() != "big" {
		t.Errorf("after the exchange: %+v", got)
	}
}

func TestDefaultsAndRolesAreChecked(t *testing.T) {
	c := models.Config{
		Skills: map[string]string{"recap": "gone", "chat": "main"}, Accounts: map[string]string{"support": ""},
		Pools: map[string]models.PoolConfig{"main": {
			Model: "m", Workers: []models.WorkerConfig{{URL: "http://h"}}, Roles: []string{"user", "boss"}, KeepWarm: 1, MinWarm: -1,
			Shadow: models.ShadowConfig{Version: "green", Share: 101},
		}},
	}
	var keys []string
	for _, p := range c.WithDefaults().Validate() {
		keys = append(keys, p.Key)
	}
	want := []string{"pools.main.roles[1]", "pools.main.keep_warm", "pools.main.shadow.version", "pools.main.shadow.share", "pools.main.shadow.tokens",
		"pools.main.min_warm", "accounts.support", "skills.recap"}
	if !slices.Equal(keys, want) {
		t.Errorf("problems at %q, want %q", keys, want)
	}
}
