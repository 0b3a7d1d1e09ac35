package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/prompts"
)

// introduced is a skill of which only the manifest is wanted.
type introduced struct {
	skills.HandlerFunc
	manifest skills.Manifest
}

// Manifest implements skills.Skill.
func (i introduced) Manifest() skills.Manifest { return i.manifest }

// explainSet is the skills of a configuration: programs are started to be asked who they are.
// What a hub would not take is written to out and left out.
func explainSet(ctx context.Context, out io.Writer, cfg *configs.Config) (*skills.Set, error) {
	all := builtin(parts{config: cfg, models: &models.Registry{}, real: &models.Registry{}, list: func(skills.Role, core.Place) []skills.Manifest { return nil }})
	set, err := skills.NewSet(all...)
	if err != nil || cfg.Skills.Folder == "" {
		return set, err
	}
	err = eachOutside(ctx, cfg, func(name string, s outside, err error) error {
		if err == nil {
			more, clash := skills.NewSet(append(all, introduced{manifest: s.manifest})...)
			if clash == nil {
				set, all = more, append(all, introduced{manifest: s.manifest})
				return nil
			}
			err = clash
		}
		_, err = fmt.Fprintf(out, "%s is not taken: %v\n", name, err)
		return err
	})
	return set, err
}

// outside is what there is to say of a skill in the folder.
type outside struct {
	manifest skills.Manifest
	sum      string
	// prompt is nil for a program.
	prompt *prompts.Skill
}

// eachOutside gives what lies in the skills' folder, and what a hub would say of it.
func eachOutside(ctx context.Context, cfg *configs.Config, do func(name string, s outside, err error) error) error {
	entries, err := os.ReadDir(cfg.Skills.Folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	allow := plugin.Allow{Sums: cfg.Skills.Allow.Sums, Signers: cfg.Skills.Allow.Signers}
	for _, e := range entries {
		path := filepath.Join(cfg.Skills.Folder, e.Name())
		if strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), plugin.Signature) {
			continue
		}
		var one outside
		var err error
		switch info, statErr := os.Stat(path); {
		case statErr != nil:
			err = statErr
		case !info.IsDir():
			err = withSkill(ctx, io.Discard, path, allow, func(s *plugin.Skill, _ string) error {
				one = outside{manifest: s.Manifest(), sum: s.Sum()}
				return nil
			})
		case !prompts.Is(path):
			continue
		default:
			var s *prompts.Skill
			if s, err = prompts.Read(path); err == nil {
				one = outside{s.Manifest(), s.Sum(), s}
				err = allow.Check(s.Sum(), path+plugin.Signature)
			}
		}
		if err := do(e.Name(), one, err); err != nil {
			return err
		}
	}
	return nil
}

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
