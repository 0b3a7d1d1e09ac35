package app

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/intents"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/skills"
)

// weighWithin is how long explain waits for vectors: nobody else does.
const weighWithin = 15 * time.Second

// weighOnce weighs one message as a hub would, with the pool's listed workers.
func weighOnce(ctx context.Context, cfg *configs.Config, set *skills.Set, e core.Envelope, role skills.Role) router.Meaning {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := &http.Client{Transport: workerTransport()}
	defer client.CloseIdleConnections()
	m := meanings{
		log:     zerolog.Nop(),
		config:  func() *configs.Config { return cfg },
		weigher: intents.New(intents.Options{Embedder: listedVectors{cfg.Models, client}, Within: weighWithin, Log: zerolog.Nop()}),
	}
	m.weigher.Use(examplesOf(set))
	running.Go(func() { _ = m.weigher.Run(ctx) }) // it returns nil
	return m.Weigh(ctx, e, e.From.Person(), role)
}

// listedVectors makes vectors with the first worker of the intents' pool that answers.
type listedVectors struct {
	config models.Config
	client *http.Client
}

var errNoneListed = errors.New("the pool lists no workers: only a hub that runs knows those that are found")

// Embed implements models.Embedder.
func (v listedVectors) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	p := v.config.Pools[v.config.IntentPool()]
	o := openaichat.Options{HTTP: v.client, FirstContent: p.FirstContent, Idle: p.Idle}
	err := errNoneListed
	for _, version := range p.All() {
		for _, w := range version.Workers {
			o.Base, o.Key, o.Worker, o.Kind, o.Overrides = w.URL, w.APIKey, w.Name(), w.Kind, w.Overrides
			c, broken := openaichat.New(o)
			if broken != nil {
				return models.Embeddings{}, broken
			}
			r.Model = version.Model
			got, failed := c.Embed(ctx, r)
			if failed == nil {
				return got, nil
			}
			err = failed
		}
	}
	return models.Embeddings{}, err
}
