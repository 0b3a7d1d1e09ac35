package app

import (
	"net/http"

	"github.com/parley-hub/parley/internal/openaiapi"
	"github.com/parley-hub/parley/models"
)

var bands = map[string]models.Band{"interactive": models.Interactive, "": models.Normal, "normal": models.Normal, "batch": models.Batch}

// makeAPI makes the endpoint for other programs; nil when nobody has a key.
func (a *App) makeAPI() http.Handler {
	if len(a.cfg.API.Keys) == 0 {
		return nil
	}
	o := openaiapi.Options{
		// The offline model talks to people; programs are told by a status.
		Registry: a.programs, MaxBody: int64(a.cfg.API.MaxBody), Dir: a.cfg.DataDir, Observer: a.observer, Log: a.room("api"),
	}
	for _, k := range a.cfg.API.Keys {
		o.Keys = append(o.Keys, openaiapi.Key{Name: k.Name, Secret: k.Key, Models: k.Models, Band: bands[k.Band], Role: k.Role})
	}
	return openaiapi.New(o)
}
