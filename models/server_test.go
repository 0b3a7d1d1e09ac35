package models_test

import (
	"testing"

	"github.com/parley-hub/parley/models"
)

func TestOverrides(t *testing.T) {
	yes, no := true, false
	told := models.Capabilities{Chat: true, Tools: true, Context: 4096}
	if got := (models.Overrides{}).Over(told); got != told {
		t.Errorf("nothing overridden gives %+v", got)
	}
	all := models.Overrides{&no, &no, &yes, &yes, &yes, &yes, &yes, 100}.Over(told)
	if want := (models.Capabilities{Vision: true, Embeddings: true, Transcription: true, JSONSchema: true, Continue: true, Context: 100}); all != want {
		t.Errorf("got %+v, want %+v", all, want)
	}
}
