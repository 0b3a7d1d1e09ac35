package whatsapp_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/whatsapp"
)

func withFile(s adaptertest.Shelf) func(*adapters.Settings, *whatsapp.Config, *simulator.Options) {
	return func(set *adapters.Settings, _ *whatsapp.Config, _ *simulator.Options) { set.Blobs = s }
}

func media(to core.Conversation, m core.Media) core.Reply {
	m.Blob = "blob"
	return core.Reply{ID: "e.0", Final: true, To: to, Parts: []core.Part{m}}
}

// calls counts the calls of an endpoint.
func (s *simulated) calls(endpoint string) (n int) {
	for _, c := range s.sim.Calls() {
		if c.Endpoint == endpoint {
			n++
		}
	}
	return n
}

// TestFilesGoAsWhatTheyCanBe: what the platform does not show as its kind goes as a document.
func TestFilesGoAsWhatTheyCanBe(t *testing.T) {
	for name, test := range map[string]struct {
		media core.Media
		shown simulator.Posted
	}{
		"picture": {core.Media{Kind: core.Image, MIME: "image/png", Caption: "c"},
			simulator.Posted{Type: "image", Text: "c", Media: &simulator.Media{MIME: "image/png"}}},
		"picture of another type": {core.Media{Kind: core.Image, MIME: "image/webp", Name: "a.webp", Caption: "c"},
			simulator.Posted{Type: "document", Text: "c", Media: &simulator.Media{MIME: "image/webp", Name: "a.webp"}}},
		"sticker": {core.Media{Kind: core.Sticker, MIME: "image/webp"},
			simulator.Posted{Type: "sticker", Media: &simulator.Media{MIME: "image/webp"}}},
		"voice": {core.Media{Kind: core.Voice, MIME: "audio/ogg; codecs=opus"},
			simulator.Posted{Type: "audio", Media: &simulator.Media{MIME: "audio/ogg", Voice: true}}},
		"voice of another type": {core.Media{Kind: core.Voice, MIME: "audio/mpeg"},
			simulator.Posted{Type: "audio", Media: &simulator.Media{MIME: "audio/mpeg"}}},
		"text": {core.Media{Kind: core.Document, MIME: "text/csv; charset=utf-8", Name: "table.csv"},
			simulator.Posted{Type: "document", Media: &simulator.Media{MIME: "text/plain", Name: "table.csv"}}},
		"nameless": {core.Media{Kind: core.Document, MIME: "application/pdf"},
			simulator.Posted{Type: "document", Media: &simulator.Media{MIME: "application/pdf", Name: "document.pdf"}}},
	} {
		t.Run(name, func(t *testing.T) {
			a, s := bench(t, zerolog.Nop(), withFile(adaptertest.Shelf{Size: 9}))
			to := s.Chat(0)
			receipt, err := a.Send(t.Context(), media(to, test.media))
			if err != nil || receipt.More {
				t.Fatalf("%+v, %v", receipt, err)
			}
			got := s.sim.Shown(number, string(to.Chat))[0]
			test.shown.Media.ID, test.shown.Media.Size = got.Media.ID, 9
			if got.Type != test.shown.Type || got.Text != test.shown.Text || *got.Media != *test.shown.Media {
				t.Errorf("shown %+v %+v, want %+v %+v", got, got.Media, test.shown, test.shown.Media)
			}
			if data, ok := s.sim.FileBytes(got.Media.ID); !ok || !bytes.Equal(data, bytes.Repeat([]byte("x"), 9)) {
				t.Errorf("bytes %q", data)
			}
		})
	}
}

func TestUploadFailures(t *testing.T) {
	image := core.Media{Kind: core.Image, MIME: "image/png"}
	for name, test := range map[string]struct {
		media core.Media
		file  adaptertest.Shelf
		fail  simulator.Fault
		class fault.Class
		calls int
	}{
		"large picture":  {image, adaptertest.Shelf{Size: 5<<20 + 1}, simulator.Fault{}, fault.Permanent, 0},
		"large film":     {core.Media{Kind: core.Video, MIME: "video/mp4"}, adaptertest.Shelf{Size: 16<<20 + 1}, simulator.Fault{}, fault.Permanent, 0},
		"large sticker":  {core.Media{Kind: core.Sticker, MIME: "image/webp"}, adaptertest.Shelf{Size: 500<<10 + 1}, simulator.Fault{}, fault.Permanent, 0},
		"large document": {core.Media{Kind: core.Document, MIME: "application/pdf"}, adaptertest.Shelf{Size: 100<<20 + 1}, simulator.Fault{}, fault.Permanent, 0},
		"no such type":   {core.Media{Kind: core.Document, MIME: "application/zip"}, adaptertest.Shelf{Size: 9}, simulator.Fault{}, fault.Permanent, 1},
		"dropped":        {image, adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultDropAfter}, fault.Retryable, 1},
		"502 page":       {image, adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultBadGateway}, fault.Retryable, 1},
		"flood":          {image, adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultRateLimit, RetryAfter: 7}, fault.RateLimited, 1},
		"revoked":        {image, adaptertest.Shelf{Size: 9}, simulator.Fault{Kind: simulator.FaultError, Status: http.StatusUnauthorized, Code: 190}, fault.NeedsHuman, 1},
		"unreadable":     {image, adaptertest.Shelf{Size: 9, Err: errors.New("the disk is gone")}, simulator.Fault{}, fault.Retryable, -1},
	} {
		t.Run(name, func(t *testing.T) {
			log := &strings.Builder{}
			a, s := bench(t, zerolog.New(log), withFile(test.file))
			if test.fail.Kind != "" {
				test.fail.Endpoint = "media"
				t.Cleanup(s.sim.Inject(test.fail).Remove)
			}
			_, err := a.Send(t.Context(), media(s.Chat(0), test.media))
			if fault.ClassOf(err) != test.class || fault.IsUnsure(err) || strings.Contains(err.Error(), token) {
				t.Errorf("class %s, unsure %v: %v", fault.ClassOf(err), fault.IsUnsure(err), err)
			}
			if n := s.calls("media"); test.calls >= 0 && n != test.calls {
				t.Errorf("%d uploads, want %d", n, test.calls)
			}
			if n := s.calls("messages"); n != 0 {
				t.Errorf("%d messages were sent", n)
			}
		})
	}
}

// TestUploadIsUsedAgain: a message that was refused for now does not bring its file again.
func TestUploadIsUsedAgain(t *testing.T) {
	a, s := bench(t, zerolog.Nop(), withFile(adaptertest.Shelf{Size: 9}))
	r := media(s.Chat(0), core.Media{Kind: core.Image, MIME: "image/png"})
	s.sim.Inject(simulator.Fault{Kind: simulator.FaultRateLimit, Endpoint: "messages", Code: 131056})
	if _, err := a.Send(t.Context(), r); fault.ClassOf(err) != fault.RateLimited {
		t.Fatal(err)
	}
	if _, err := a.Send(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if n := s.calls("media"); n != 1 {
		t.Errorf("%d uploads", n)
	}
}
