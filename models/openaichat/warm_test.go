package openaichat_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

// warm probes a worker, so that its kind is known, and warms it.
func warm(t *testing.T, o modeltest.Options, w openaichat.Warming) (*modeltest.Worker, *openaichat.Client, error) {
	t.Helper()
	worker, client := modeltest.StartPiped(t, o)
	c, err := openaichat.New(openaichat.Options{Base: worker.Base(), HTTP: client, Kind: o.Kind})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return worker, c, c.Warm(t.Context(), w)
}

func TestWarm(t *testing.T) {
	const opening = "Be kind."
	for name, c := range map[string]struct {
		o    modeltest.Options
		keep time.Duration
		want modeltest.Residence
		// asked is how many generations it takes.
		asked int
	}{
		"vllm":               {modeltest.Options{Kind: models.KindVLLM}, 0, modeltest.Residence{}, 1},
		"vllm asleep":        {modeltest.Options{Kind: models.KindVLLM, Asleep: true}, 0, modeltest.Residence{Wakes: 1}, 1},
		"sglang":             {modeltest.Options{Kind: models.KindSGLang}, 0, modeltest.Residence{}, 1},
		"llama.cpp":          {modeltest.Options{Kind: models.KindLlamaCPP}, 0, modeltest.Residence{}, 1},
		"llama.cpp's router": {modeltest.Options{Kind: models.KindLlamaCPP, Router: true, Load: 5 * time.Second}, 0, modeltest.Residence{Loads: 1}, 1},
		"ollama": {
			modeltest.Options{Kind: models.KindOllama, Load: 5 * time.Second, Keep: time.Minute}, 10 * time.Minute,
			modeltest.Residence{Loads: 1, Kept: 1, KeepAlive: "600s"}, 1,
		},
		"ollama, as long as it likes": {
			modeltest.Options{Kind: models.KindOllama, Keep: time.Minute}, 0, modeltest.Residence{Loads: 1, Kept: 1}, 1,
		},
		"any other":   {modeltest.Options{}, time.Hour, modeltest.Residence{}, 0},
		"for vectors": {modeltest.Options{Kind: models.KindVLLM, Model: "nomic-embed"}, 0, modeltest.Residence{}, 1},
		"for sounds":  {modeltest.Options{Kind: models.KindVLLM, Model: "whisper-1"}, 0, modeltest.Residence{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.o.Model == "" {
					c.o.Model = "tiny"
				}
				c.o.Key = ""
				worker, _, err := warm(t, c.o, openaichat.Warming{Model: c.o.Model, Opening: opening, Keep: c.keep})
				if err != nil {
					t.Fatal(err)
				}
				if got := worker.Residence(); got != c.want {
					t.Errorf("%+v, want %+v", got, c.want)
				}
				if n := worker.Counts().Finished; n != c.asked {
					t.Errorf("it was asked %d times, want %d", n, c.asked)
				}
				if last := worker.Last(); len(last.Messages) > 0 && (last.Messages[0].Text != opening || last.MaxTokens != 1) {
					t.Errorf("it was asked %+v", last)
				}
			})
		})
	}
}

// A model that is kept is there for the next request; one that is not has to be loaded.
func TestKeptWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openaichat.Warming{Model: "tiny", Keep: 10 * time.Minute}
		worker, c, err := warm(t, modeltest.Options{Model: "tiny", Kind: models.KindOllama, Load: time.Second, Keep: time.Minute}, w)
		for range 5 {
			time.Sleep(50 * time.Second)
			err = errors.Join(err, c.Warm(t.Context(), w))
		}
		if n := worker.Residence().Loads; n != 1 || err != nil {
			t.Errorf("loaded %d times, %v", n, err)
		}
		time.Sleep(time.Hour)
		if err := c.Warm(t.Context(), w); err != nil || worker.Residence().Loads != 2 {
			t.Errorf("%+v, %v", worker.Residence(), err)
		}
	})
}

func TestWarmFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			o     modeltest.Options
			class fault.Class
			is    error
		}{
			"no room in the prompt":  {modeltest.Options{Kind: models.KindVLLM, Context: 1}, 0, nil},
			"a worker that breaks":   {modeltest.Options{Kind: models.KindVLLM, Faults: []modeltest.Fault{{Kind: modeltest.ServerError}}}, fault.Retryable, nil},
			"it loads for too long":  {modeltest.Options{Kind: models.KindLlamaCPP, Router: true, Load: time.Hour}, fault.Retryable, models.ErrLoading},
			"another model's router": {modeltest.Options{Kind: models.KindLlamaCPP, Router: true, Model: "another"}, fault.Retryable, models.ErrLoading},
		} {
			if c.o.Model == "" {
				c.o.Model = "tiny"
			}
			worker, client := modeltest.StartPiped(t, c.o)
			o, err := openaichat.New(openaichat.Options{Base: worker.Base(), HTTP: client, Kind: c.o.Kind})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err = o.Warm(ctx, openaichat.Warming{Model: "tiny", Opening: strings.Repeat("long ", 50)})
			cancel()
			if fault.ClassOf(err) != c.class && err != nil || (err == nil) != (c.class == 0) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%s: %v of class %v", name, err, fault.ClassOf(err))
			}
		}
	})
}
