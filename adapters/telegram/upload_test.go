package telegram_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

func withFile(s adaptertest.Shelf) func(*adapters.Settings, *telegram.Config) {
	return func(set *adapters.Settings, _ *telegram.Config) { set.Blobs = s }
}

func media(kind core.MediaKind, caption string) core.Reply {
	return core.Reply{ID: "e.0", Final: true, To: private, Parts: []core.Part{
		core.Media{Kind: kind, Blob: "blob", Name: "a.png", MIME: "image/png", Caption: caption, Seconds: 3, Width: 4, Height: 5},
	}}
}

// taken reads a form and answers that the message stands.
func taken(t *testing.T, field string, size int64, want map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Errorf("form: %v", err)
			return
		}
		file, head, err := r.FormFile(field)
		if err != nil || head.Size != size || head.Filename != "a.png" || head.Header.Get("Content-Type") != "image/png" {
			t.Errorf("file %+v, %v", head, err)
			return
		}
		_ = file.Close()
		for name, value := range want {
			if got := r.PostFormValue(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
		result(`{"message_id":9,"date":1700000000}`)(w, r)
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind          core.MediaKind
		size          int64
		method, field string
		want          map[string]string
	}{
		"photo":         {core.Image, 9, "sendPhoto", "photo", map[string]string{"caption": "words", "chat_id": "7", "width": ""}},
		"large picture": {core.Image, 10<<20 + 1, "sendDocument", "document", map[string]string{"caption": "words"}},
		"voice":         {core.Voice, 9, "sendVoice", "voice", map[string]string{"duration": "3"}},
		"audio":         {core.Audio, 9, "sendAudio", "audio", map[string]string{"duration": "3"}},
		"video":         {core.Video, 9, "sendVideo", "video", map[string]string{"width": "4", "height": "5", "supports_streaming": "true"}},
		"document":      {core.Document, 50 << 20, "sendDocument", "document", map[string]string{"duration": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.on(test.method, taken(t, test.field, test.size, test.want))
			receipt, err := s.adapter(withFile(adaptertest.Shelf{Size: test.size})).Send(t.Context(), media(test.kind, "words"))
			if err != nil || receipt.Message != "9" || receipt.More {
				t.Errorf("%+v, %v", receipt, err)
			}
		})
	}
}

// TestUploadOfNoPhoto: what the server does not take as a photo goes as a document.
func TestUploadOfNoPhoto(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"IMAGE_PROCESS_FAILED", "PHOTO_INVALID_DIMENSIONS"} {
		s := newServer(t)
		s.on("sendPhoto", refuse(400, "Bad Request: "+words))
		s.on("sendDocument", taken(t, "document", 9, map[string]string{"caption": "words"}))
		if _, err := s.adapter(withFile(adaptertest.Shelf{Size: 9})).Send(t.Context(), media(core.Image, "words")); err != nil {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestUploadFailures(t *testing.T) {
	t.Parallel()
	dropLate := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		drop(w, r)
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		file   adaptertest.Shelf
		class  fault.Class
		unsure bool
		calls  int
	}{
		"too large":      {nil, adaptertest.Shelf{Size: 50<<20 + 1}, fault.Permanent, false, 0},
		"flood":          {refuse(429, "Too Many Requests: retry after 7", `{"retry_after":7}`), adaptertest.Shelf{Size: 9}, fault.RateLimited, false, 1},
		"revoked":        {refuse(401, "Unauthorized"), adaptertest.Shelf{Size: 9}, fault.NeedsHuman, false, 1},
		"refused":        {refuse(400, "Bad Request: chat not found"), adaptertest.Shelf{Size: 9}, fault.Permanent, false, 1},
		"413 page":       {page(413), adaptertest.Shelf{Size: 9}, fault.Retryable, false, 1},
		"502 page":       {page(502), adaptertest.Shelf{Size: 9}, fault.Retryable, false, 1},
		"dropped early":  {drop, adaptertest.Shelf{Size: 40 << 20}, fault.Retryable, false, 1},
		"dropped late":   {dropLate, adaptertest.Shelf{Size: 9}, fault.Retryable, true, 1},
		"no message":     {result(`{}`), adaptertest.Shelf{Size: 9}, fault.Retryable, true, 1},
		"unreadable":     {dropLate, adaptertest.Shelf{Size: 9, Err: errors.New("the disk is gone")}, fault.Retryable, false, -1},
		"store is human": {dropLate, adaptertest.Shelf{Size: 9, Err: fault.New(fault.NeedsHuman, "read", nil)}, fault.NeedsHuman, false, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			if test.answer != nil {
				s.on("sendDocument", test.answer)
			}
			_, err := s.adapter(withFile(test.file)).Send(t.Context(), media(core.Document, ""))
			noToken(t, err)
			if fault.ClassOf(err) != test.class || fault.IsUnsure(err) != test.unsure {
				t.Errorf("class %s, unsure %v: %v", fault.ClassOf(err), fault.IsUnsure(err), err)
			}
			if n := len(s.of("sendDocument")); test.calls >= 0 && n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
		})
	}
}

func TestUploadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("sendDocument", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		hang(w, r)
	})
	a := s.adapter(withFile(adaptertest.Shelf{Size: 9}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		s.await("sendDocument", 1)
		cancel()
	}()
	_, err := a.Send(ctx, media(core.Document, ""))
	noToken(t, err)
	if !errors.Is(err, context.Canceled) || fault.ClassOf(err) != fault.Retryable {
		t.Errorf("cancelled: %v", err)
	}
}

// TestLongCaption: what does not fit under a file stands behind it.
func TestLongCaption(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("sendPhoto", taken(t, "photo", 9, map[string]string{"caption": ""}))
	s.on("sendMessage", result(`{"message_id":10,"date":1700000000}`))
	a := s.adapter(withFile(adaptertest.Shelf{Size: 9}))
	r := media(core.Image, strings.Repeat("😀", 513)) // 1026 units
	receipt, err := a.Send(t.Context(), r)
	if err != nil || !receipt.More {
		t.Fatalf("%+v, %v", receipt, err)
	}
	r.Sent = []core.MessageID{receipt.Message}
	if receipt, err = a.Send(t.Context(), r); err != nil || receipt.More || s.of("sendMessage")[0].form["text"] != strings.Repeat("😀", 513) {
		t.Errorf("%+v, %v", receipt, err)
	}
}
