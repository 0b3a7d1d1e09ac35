package slack_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

// shelf keeps one file, which its reader gives.
type shelf struct {
	size   int64
	reader func() io.Reader
}

func (s shelf) Open(context.Context, core.BlobRef) (io.ReadCloser, blobs.Info, error) {
	return io.NopCloser(s.reader()), blobs.Info{Size: s.size}, nil
}

// picture is what the shelf of withShelf holds.
var picture = append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{1, 2, 3}, 50_000)...)

func pictureShelf() shelf {
	return shelf{int64(len(picture)), func() io.Reader { return bytes.NewReader(picture) }}
}

// withShelf gives the rig an adapter with files of its own.
func (r *rig) withShelf(s blobs.Opener) *slack.Adapter {
	r.t.Helper()
	a, err := slack.Factory().New(adapters.Settings{Account: "sl", Config: configOf(r.t, r.api), Blobs: s, Log: zerolog.Nop()})
	if err != nil {
		r.t.Fatal(err)
	}
	adapter, ok := a.(*slack.Adapter)
	if !ok {
		r.t.Fatal("not the adapter")
	}
	return adapter
}

func pictureReply(to core.Conversation, caption string) core.Reply {
	r := answer(to, caption)
	r.Parts = []core.Part{core.Media{Kind: core.Image, Blob: core.NewBlobRef("x"), Name: "a.png", MIME: "image/png", Caption: caption}}
	return r
}

// TestUploadFailures: whatever fails before the message, no message stands, nobody calls
// the outcome unknown, and the next try shows the file once.
func TestUploadFailures(t *testing.T) {
	for _, method := range []string{"files.getUploadURLExternal", simulator.MethodUpload, "files.completeUploadExternal", "files.info"} {
		for kind, class := range map[simulator.FaultKind]fault.Class{
			simulator.FaultTooManyRequests: fault.RateLimited, simulator.FaultServerError: fault.Retryable,
			simulator.FaultServerErrorAfter: fault.Retryable, simulator.FaultDropBefore: fault.Retryable, simulator.FaultDropAfter: fault.Retryable,
		} {
			t.Run(method+" "+string(kind), func(t *testing.T) {
				r := start(t, slack.ModeEvents)
				a := r.withShelf(pictureShelf())
				r.sim.Inject(simulator.Fault{Kind: kind, Method: method, RetryAfter: 3})
				reply := pictureReply(inChannel(), "look")
				_, err := a.Send(t.Context(), reply)
				if fault.ClassOf(err) != class || fault.IsUnsure(err) || len(r.byBot(place)) != 0 {
					t.Fatalf("class %s, unsure %v, %d messages: %v", fault.ClassOf(err), fault.IsUnsure(err), len(r.byBot(place)), err)
				}
				if class == fault.RateLimited && fault.Wait(err).Seconds() != 3 {
					t.Errorf("wait %v, told 3 s", fault.Wait(err))
				}
				noSecret(t, err)
				if _, err := a.Send(t.Context(), reply); err != nil {
					t.Fatal(err)
				}
				r.onePicture(place, ann)
			})
		}
	}
}

// onePicture: the bot's one message shows the picture to somebody who is there.
func (r *rig) onePicture(channel, user string) {
	r.t.Helper()
	posted := r.byBot(channel)
	if len(posted) != 1 || len(posted[0].Files) != 1 {
		r.t.Fatalf("posted %+v", posted)
	}
	if _, content, err := r.sim.Download(user, posted[0].Files[0].ID); err != nil || !bytes.Equal(content, picture) {
		r.t.Errorf("%d bytes, %v", len(content), err)
	}
}

// TestRefusedFileIsUploadedOnce: a message that was refused for now finds its file there
// when it is tried again, also as the text of a draft's message.
func TestRefusedFileIsUploadedOnce(t *testing.T) {
	r := start(t, slack.ModeEvents)
	a := r.withShelf(pictureShelf())
	reply := pictureReply(inChannel(), "look")
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultTooManyRequests, Method: "chat.postMessage"})
	if _, err := a.Send(t.Context(), reply); fault.ClassOf(err) != fault.RateLimited {
		t.Fatal(err)
	}
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "chat.postMessage"})
	if _, err := a.Send(t.Context(), reply); !fault.IsUnsure(err) {
		t.Fatal(err)
	}
	if receipt, found, err := a.Reconcile(t.Context(), reply); err != nil || !found || string(receipt.Message) != r.byBot(place)[0].TS {
		t.Errorf("reconcile: %+v, %v, %v", receipt, found, err)
	}
	r.onePicture(place, ben)
	if n := len(r.sim.CallsOf("files.getUploadURLExternal")); n != 1 {
		t.Errorf("uploaded %d times", n)
	}
}

// TestFileTakesTheDraftsPlace: a final that is a file alone is shown by the message that
// showed its draft.
func TestFileTakesTheDraftsPlace(t *testing.T) {
	r := start(t, slack.ModeEvents)
	a := r.withShelf(pictureShelf())
	draft := answer(r.Chat(1), "drawing")
	draft.Final = false
	receipt, err := a.Send(t.Context(), draft)
	if err != nil {
		t.Fatal(err)
	}
	final := pictureReply(r.Chat(1), strings.Repeat("longwords ", 400))
	final.ID = draft.ID
	final.Parts = append(final.Parts, core.Buttons{Rows: [][]core.Button{{{Label: "Again", Data: "again"}}}})
	for range 2 {
		if got, err := a.Edit(t.Context(), receipt.Message, final); err != nil || !got.More || got.Message != receipt.Message {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	r.onePicture(string(r.Chat(1).Chat), userOf(1))
	final.Sent = []core.MessageID{receipt.Message}
	if _, err := a.Send(t.Context(), final); err != nil {
		t.Fatal(err)
	}
	shown := r.byBot(string(r.Chat(1).Chat))
	if n := strings.Count(shown[0].Text+shown[1].Text, "longwords"); n != 400 || shown[0].Metadata == nil || len(shown[1].Blocks) == 0 {
		t.Errorf("%d times the caption's words, in %d messages", n, len(shown))
	}
}

// TestFilesThatCannotGo: with the reason, and without a message.
func TestFilesThatCannotGo(t *testing.T) {
	r := start(t, slack.ModeEvents, func(o *simulator.Options, _ *slack.Config) {
		o.MaxFileBytes = 1000
		o.App.Lacking = []string{"files:read"}
	})
	broken := fault.New(fault.Retryable, "read", io.ErrUnexpectedEOF)
	for name, tc := range map[string]struct {
		shelf blobs.Opener
		class fault.Class
		says  string
	}{
		"no store":     {nil, fault.Permanent, "keeps files"},
		"empty":        {shelf{0, func() io.Reader { return strings.NewReader("") }}, fault.Permanent, "empty"},
		"too large":    {pictureShelf(), fault.Permanent, "file_upload_size_restricted"},
		"shorter":      {shelf{10, func() io.Reader { return strings.NewReader("short") }}, fault.Retryable, ""},
		"store breaks": {shelf{10, func() io.Reader { return io.MultiReader(strings.NewReader("abc"), failing{broken}) }}, fault.Retryable, "unexpected EOF"},
		"no files:read": {shelf{3, func() io.Reader { return strings.NewReader("abc") }}, fault.Permanent,
			"scope files:read: add it under OAuth & Permissions at https://api.slack.com/apps"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.withShelf(tc.shelf).Send(t.Context(), pictureReply(inChannel(), "look"))
			if fault.ClassOf(err) != tc.class || fault.IsUnsure(err) || !strings.Contains(fmt.Sprint(err), tc.says) {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
		})
	}
	lacking := start(t, slack.ModeEvents, func(o *simulator.Options, _ *slack.Config) { o.App.Lacking = []string{"files:write"} })
	_, err := lacking.withShelf(pictureShelf()).Send(t.Context(), pictureReply(inChannel(), "look"))
	if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "scope files:write: add it under OAuth & Permissions at https://api.slack.com/apps") {
		t.Errorf("without the scope: %v", err)
	}
	if n := len(r.byBot(place)) + len(lacking.byBot(place)); n != 0 {
		t.Errorf("%d messages", n)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestUploadGoesToThePlatformAlone: an answer that names another host gets no byte.
func TestUploadGoesToThePlatformAlone(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request went inside the network") }))
	defer inside.Close()
	for _, address := range []string{inside.URL + "/x", "http://169.254.169.254/", "https://files.slack.com.evil.test/", "file:///etc/passwd", "%"} {
		web := httptest.NewServer(body(200, `{"ok":true,"file_id":"F0000001","upload_url":"`+address+`"}`))
		r := &rig{simulated: &simulated{api: web.URL + "/api/"}, t: t}
		_, err := r.withShelf(pictureShelf()).Send(t.Context(), pictureReply(inChannel(), "look"))
		if fault.ClassOf(err) != fault.Permanent || strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", address, err)
		}
		web.Close()
	}
}
