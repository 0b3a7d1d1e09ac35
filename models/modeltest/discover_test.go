package modeltest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

// TestTheClientReadsTheFake asks each kind as the pool's own client does.
func TestTheClientReadsTheFake(t *testing.T) {
	for _, kind := range []models.Kind{models.KindVLLM, models.KindSGLang, models.KindLlamaCPP, models.KindOllama} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, client := modeltest.StartPiped(t, modeltest.Options{Kind: kind, Context: 4096, Slots: 1, FirstToken: time.Minute, Cache: 1 << 12})
				c, err := openaichat.New(openaichat.Options{Base: w.Base(), HTTP: client})
				if err != nil {
					t.Fatal(err)
				}
				s, err := c.Discover(t.Context(), "fake")
				if err != nil || s.Kind != kind || kind != models.KindOllama && s.Context != 4096 || !s.Chat {
					t.Errorf("%+v %v", s, err)
				}
				if tells := kind == models.KindSGLang || kind == models.KindLlamaCPP; (s.Slots == 1) != tells {
					t.Errorf("%d slots", s.Slots)
				}
				for range 3 {
					go func() { _, _, _ = post(t, client, w.Base()+"/chat/completions", question, http.Header{}) }()
				}
				synctest.Wait()
				load, err := c.Load(t.Context())
				if known := kind != models.KindOllama; err != nil || load.Running.Known != known || known && (load.Running.Value != 1 || load.Waiting.Value != 2) {
					t.Errorf("%+v %v", load, err)
				}
				time.Sleep(3 * time.Minute)
			})
		})
	}
}
