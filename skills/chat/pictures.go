package chat

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
)

// Bounds on what is shown to a model: the servers take some 20 MB in one request.
const (
	maxPictures    = 4
	maxPictureSize = 4 << 20
)

// pictureTypes are those that models with vision read.
var pictureTypes = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

var errLargePicture = errors.New("the picture is larger than models are shown")

// pictures reads the photos of a message. One that is gone, too large or of another
// type is left to its description; a platform that does not answer now is a fault.
func pictures(ctx context.Context, t *skills.Turn) ([]models.Image, error) {
	var out []models.Image
	for _, p := range t.Envelope.Parts {
		m, ok := p.(core.Media)
		if !ok || m.Kind != core.Image || m.Size > maxPictureSize || len(out) == maxPictures {
			continue
		}
		image, err := readPicture(ctx, t, m)
		if err != nil {
			return nil, err
		}
		if image != nil {
			out = append(out, *image)
		}
	}
	return out, nil
}

// readPicture reads one; nil where it is gone, too large or of a type that models do not read.
func readPicture(ctx context.Context, t *skills.Turn, m core.Media) (*models.Image, error) {
	data, err := picture(ctx, t, m)
	switch mime := http.DetectContentType(data); {
	case err == nil && slices.Contains(pictureTypes, mime):
		return &models.Image{MIME: mime, Data: data}, nil
	case err == nil:
		t.Log.Debug().Str("type", mime).Msg("a picture of a type that models do not read")
	case fault.ClassOf(err) == fault.Permanent:
		t.Log.Warn().Err(err).Msg("a picture cannot be shown to the model")
	default:
		return nil, err
	}
	return nil, nil
}

func picture(ctx context.Context, t *skills.Turn, m core.Media) ([]byte, error) {
	r, err := t.Files.Open(ctx, m)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxPictureSize+1))
	if err == nil && len(data) > maxPictureSize {
		err = fault.New(fault.Permanent, "read picture", errLargePicture)
	}
	return data, errors.Join(err, r.Close())
}
