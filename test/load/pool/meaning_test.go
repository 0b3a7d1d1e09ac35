package pool_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// opposites are pairs of questions that no answer is the same for.
var opposites = [][2]string{
	{"Is it safe to eat?", "Is it not safe to eat?"}, {"Do you deliver?", "Don't you deliver?"}, {"Show users with access", "Show users without access"},
	{"Is anybody there?", "Is nobody there?"}, {"Is it possible?", "Is it impossible?"}, {"Ist das erlaubt?", "Ist das nicht erlaubt?"},
	{"¿Se puede pagar?", "¿No se puede pagar?"}, {"Does it ever stop?", "Does it never stop?"},
	{"What is 20 % of 50?", "What is 200 % of 50?"}, {"Convert 1.5 km", "Convert 15 km"}, {"A table for two", "A table for three"},
	{"Room 101", "Room 110"}, {"Divide 10 by 5", "Divide 5 by 10"}, {"What costs 10 €?", "What costs 10 $?"}, {"first lesson", "second lesson"},
	{"Are you open today?", "Are you open tomorrow?"}, {"Book it for 3 May", "Book it for 3 June"}, {"Wake me at 7:30", "Wake me at 17:30"},
	{"How do I enable 2FA?", "How do I disable 2FA?"}, {"Turn it on", "Turn it off"}, {"How do I log in?", "How do I log out?"},
	{"the cheapest room", "the dearest room"}, {"before lunch", "after lunch"}, {"open the door", "close the door"}, {"buy shares", "sell shares"},
	{"How is the weather in Paris?", "How is the weather in London?"}, {"Flights from Berlin to Rome", "Flights from Rome to Berlin"},
	{"What is my name?", "What is your name?"}, {"The dog bites the man", "The man bites the dog"}, {"I have paid", "Have I paid?"},
}

func semanticHub(t *testing.T, vectors string) (chat models.Client, embed models.Embedder) {
	t.Helper()
	w := modeltest.Start(t, modeltest.Options{})
	hub := runHub(t, func(c *configs.Config) {
		by := poolAt("embed", vectors)
		by.Batch.Items = 1 // questions that follow each other in no time would wait for the next batch
		c.Models.Pools = map[string]models.PoolConfig{"chat": poolAt("fake", w.Base()), "vectors": by}
		c.Models.Default = "chat"
		c.Models.Cache.Semantic = models.SemanticConfig{Pool: "vectors", Skills: map[string]models.SemanticSkill{"chat": {}}}
	})
	chat, _ = hub.Client("chat")
	made, _ := hub.Client("vectors")
	return chat, made.(models.Embedder)
}

// byMeaning is what the cache by meaning adds to the vector that it needs, and what it
// must not take for the same.
func byMeaning(t *testing.T) []row {
	const known, asked = 10_000, 400
	chat, embed := semanticHub(t, vectorsOf(t))
	crowd(known, 4, func(i int) time.Duration {
		_, _, d := heard(t, chat, first("p", fmt.Sprintf("What is number %d?", i)))
		return d
	})
	missed := 0
	all := crowd(asked, 1, func(i int) time.Duration {
		_, hit, d := heard(t, chat, first("p", fmt.Sprintf("what is number %d", i*known/asked)))
		if !hit {
			missed++
		}
		return d
	})
	alone := crowd(asked, 1, func(i int) time.Duration {
		began := time.Now()
		if _, err := embed.Embed(t.Context(), models.EmbedRequest{Texts: []string{fmt.Sprintf("what was number %d", i)}, For: first("p", "").For}); err != nil {
			t.Error(err)
		}
		return time.Since(began)
	})
	if missed > 0 {
		t.Logf("%d of %d were not found", missed, asked)
	}
	added := quantile(all, 0.5) - quantile(alone, 0.5)
	wrong := 0
	alike, _ := semanticHub(t, sameVectors(t))
	for i, pair := range opposites {
		for n, texts := range [][2]string{pair, {pair[1], pair[0]}} {
			person := fmt.Sprint(i, n)
			heard(t, alike, first(person, texts[0]))
			if _, hit, _ := heard(t, alike, first(person, texts[1])); hit {
				wrong++
			}
		}
	}
	return []row{
		{
			11, fmt.Sprintf("a hit by meaning among %d questions: p50 over that of the vector, %s", known, ms(quantile(alone, 0.5))),
			ms(added), "<= 2.00 ms", judge(added <= 2*time.Millisecond && missed == 0),
		},
		{11, fmt.Sprintf("hits of %d negations, numbers, dates, names and antonyms that have one vector", 2*len(opposites)), fmt.Sprint(wrong), "0", judge(wrong == 0)},
	}
}

// sameVectors serves one vector for everything.
func sameVectors(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !strings.HasSuffix(r.URL.Path, "/embeddings") {
			http.Error(w, `{"error":{"message":"no"}}`, http.StatusNotFound)
			return
		}
		var data []string
		for i := range body.Input {
			data = append(data, fmt.Sprintf(`{"index":%d,"embedding":[3,4]}`, i))
		}
		_, _ = io.WriteString(w, `{"data":[`+strings.Join(data, ",")+`],"model":"embed","usage":{"prompt_tokens":1}}`)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}
