package adaptertest

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// File is a file as people send and see it.
type File struct {
	Kind core.MediaKind
	// Name is empty where the platform shows none for this kind.
	Name    string
	MIME    string
	Caption string
	Content []byte
}

// FilePlatform is a platform on which people send files, and see those of the bot.
type FilePlatform interface {
	Platform
	// SayFile lets the chat's person send a file.
	SayFile(chat core.ChatID, f File)
	// ShownFiles gives the files of the bot's messages that stand in the chat, oldest
	// first, with the caption that stands at each.
	ShownFiles(chat core.ChatID) []File
}

// samples are small files that software which looks inside recognises.
var samples = []File{
	{Kind: core.Image, Name: "dot.png", MIME: "image/png", Caption: "a dot", Content: png},
	{Kind: core.Voice, Name: "note.ogg", MIME: "audio/ogg", Content: append([]byte("OggS\x00\x02"), bytes.Repeat([]byte{7}, 300)...)},
	{Kind: core.Audio, Name: "song.mp3", MIME: "audio/mpeg", Caption: "a song", Content: append([]byte("ID3\x04\x00"), bytes.Repeat([]byte{9}, 300)...)},
	{Kind: core.Video, Name: "film.mp4", MIME: "video/mp4", Caption: "a film", Content: append([]byte("\x00\x00\x00\x18ftypmp42"), bytes.Repeat([]byte{5}, 300)...)},
	{Kind: core.Document, Name: "página 1.pdf", MIME: "application/pdf", Caption: "to *read*", Content: append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte{0, 1, 2, 255}, 40_000)...)},
}

// png is one pixel.
var png = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\b\x06\x00\x00\x00\x1f\x15\xc4\x89" +
	"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82")

func blobOf(f File) core.BlobRef { return core.NewBlobRef("sample", f.Name) }

// Blobs has the files that the suite lets adapters send: what a harness gives its
// adapter as Settings.Blobs.
func Blobs() blobs.Opener { return shelf{} }

type shelf struct{}

func (shelf) Open(_ context.Context, ref core.BlobRef) (io.ReadCloser, blobs.Info, error) {
	for _, f := range samples {
		if blobOf(f) == ref {
			return io.NopCloser(bytes.NewReader(f.Content)), blobs.Info{Size: int64(len(f.Content))}, nil
		}
	}
	return nil, blobs.Info{}, fault.New(fault.Permanent, "open file", blobs.ErrNotFound)
}

// files gives the platform with the samples that the adapter says it carries this way.
// One that carries none has nothing to prove.
func (b *bench) files(t *testing.T, levels adapters.Levels) (FilePlatform, []File) {
	t.Helper()
	carried := slices.DeleteFunc(slices.Clone(samples), func(f File) bool {
		return slices.Contains(levels.Unsupported, adapters.Feature(f.Kind)) // they go by the same names
	})
	if len(carried) == 0 {
		t.Skip("the adapter says that it carries no files")
	}
	p, ok := b.Platform.(FilePlatform)
	if !ok {
		t.Fatal("the adapter says that it carries files, the platform is no FilePlatform")
	}
	return p, carried
}

func (b *bench) support() adapters.Support { return b.adapter.Describe().Capabilities.Support }

// filesComeIn: a file that somebody sends is a Media whose bytes can be had, and no
// more of them than the caller takes.
func filesComeIn(t *testing.T, b *bench) {
	platform, files := b.files(t, b.support().In)
	in := newInbox(0)
	stop := b.receive(t, in)
	defer stop()
	fetcher, ok := b.adapter.(adapters.Fetcher)
	if !ok {
		t.Fatal("it is no Fetcher")
	}
	for i, f := range files {
		chat := b.Chat(i)
		platform.SayFile(chat.Chat, f)
		in.await(t, i+1)
		m, ok := in.media(chat.Chat)
		if !ok {
			t.Errorf("%s: no media came", f.Kind)
			continue
		}
		heard := m.Kind == f.Kind || f.Kind == core.Voice && m.Kind == core.Audio && !b.native(adapters.FeatureVoice)
		captionless := f.Kind == core.Audio && m.Caption == "" // on some platforms people cannot say a word to a song
		if !heard || m.File == "" || m.Blob != "" || m.Caption != f.Caption && !captionless || m.Size < 0 {
			t.Errorf("%s: came as %+v", f.Kind, m)
		}
		r, err := fetcher.Fetch(t.Context(), m.File, int64(len(f.Content)))
		if err != nil {
			b.inspect(t, err)
			t.Errorf("%s: fetch: %v", f.Kind, err)
			continue
		}
		got, err := io.ReadAll(r)
		if closed := r.Close(); err != nil || closed != nil || !bytes.Equal(got, f.Content) {
			t.Errorf("%s: %d bytes (%v, %v), not the %d that were sent", f.Kind, len(got), err, closed, len(f.Content))
		}
		b.tooLarge(t, fetcher, m, int64(len(f.Content)-1))
	}
	if _, err := fetcher.Fetch(t.Context(), "no file of this platform", 1<<20); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("a foreign file: %v, want a permanent fault", err)
	}
}

// native tells whether what people do of this comes in as what it is.
func (b *bench) native(f adapters.Feature) bool {
	return slices.Contains(b.support().In.Native, f)
}

func (b *bench) tooLarge(t *testing.T, fetcher adapters.Fetcher, m core.Media, limit int64) {
	t.Helper()
	r, err := fetcher.Fetch(t.Context(), m.File, limit)
	if err == nil {
		_, err = io.ReadAll(r)
		_ = r.Close()
	}
	if fault.ClassOf(err) != fault.Permanent {
		t.Errorf("%s: more than is taken: %v, want a permanent fault", m.Kind, err)
	}
}

// filesGoOut: a file of the blob store stands in the chat, whole, with its words; what
// is not in the store fails for good and leaves nothing.
func filesGoOut(t *testing.T, b *bench) {
	platform, files := b.files(t, b.support().Out)
	for i, f := range files {
		to := b.Chat(i)
		r := reply(to, f.Name)
		r.Parts = []core.Part{core.Text{Text: "before"}, core.Media{
			Kind: f.Kind, Blob: blobOf(f), Name: f.Name, MIME: f.MIME, Caption: f.Caption, Size: int64(len(f.Content)),
		}}
		b.all(t, r)
		shown := platform.ShownFiles(to.Chat)
		if len(shown) != 1 || !bytes.Equal(shown[0].Content, f.Content) || shown[0].Kind != f.Kind {
			t.Errorf("%s: the chat shows %d files: %.200v", f.Kind, len(shown), shown)
			continue
		}
		if words := append(b.Shown(to.Chat), shown[0].Caption); !contains(words, "before") || f.Caption != "" && !contains(words, f.Caption) {
			t.Errorf("%s: words are missing in %q", f.Kind, words)
		}
	}
	gone := reply(b.Chat(len(files)), "gone")
	gone.Parts = []core.Part{core.Media{Kind: core.Image, Blob: core.NewBlobRef("gone"), Name: "gone.png", MIME: "image/png"}}
	if _, err := b.adapter.Send(t.Context(), gone); fault.ClassOf(err) != fault.Permanent || fault.IsUnsure(err) {
		t.Errorf("a file that is gone: %v, want a permanent fault", err)
	}
	if shown := platform.ShownFiles(b.Chat(len(files)).Chat); len(shown) != 0 {
		t.Errorf("%d files stand all the same", len(shown))
	}
}

func contains(words []string, want string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(plain(w), plain(want)) })
}

// plain leaves out what some platforms take for markup, and what keeps them from it.
func plain(s string) string {
	return strings.NewReplacer("*", "", "_", "", "\u200b", "", "\\", "").Replace(s)
}

// unsureFile: a file whose answer was lost is looked for and not sent twice, where the
// platform has a way.
func unsureFile(t *testing.T, b *bench) {
	platform, files := b.files(t, b.support().Out)
	f := files[0]
	to := b.Chat(0)
	r := reply(to, f.Name)
	r.Parts = []core.Part{core.Media{Kind: f.Kind, Blob: blobOf(f), Name: f.Name, MIME: f.MIME, Caption: f.Caption}}
	defer b.receive(t, newInbox(0))() // some platforms tell what became of a message
	b.Fail(Failure{How: LoseAnswer})
	_, err := b.adapter.Send(t.Context(), r)
	if !fault.IsUnsure(err) {
		t.Fatalf("the answer was lost: %v, want an unsure fault", err)
	}
	b.inspect(t, err)
	reconciler, ok := b.adapter.(adapters.Reconciler)
	if !ok {
		return
	}
	if !b.found(t, reconciler, r) {
		b.again(t, r) // the platform knows the message again
	}
	if shown := platform.ShownFiles(to.Chat); len(shown) != 1 {
		t.Errorf("the file stands %d times", len(shown))
	}
}

// again sends a message of one piece behind a failure, as the deliverer does: what failed may
// still be the connection that is in use.
func (b *bench) again(t *testing.T, r core.Reply) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := b.adapter.Send(ctx, r)
		if err == nil {
			return
		}
		b.inspect(t, err)
		if fault.ClassOf(err) != fault.Retryable || !wait(ctx, 50*time.Millisecond) {
			t.Fatalf("send again: %v", err)
		}
	}
}

// found looks for a message as often as the adapter asks to.
func (b *bench) found(t *testing.T, reconciler adapters.Reconciler, r core.Reply) bool {
	t.Helper()
	deadline := time.After(patience)
	for {
		_, found, err := reconciler.Reconcile(t.Context(), r)
		if err == nil {
			return found
		}
		b.inspect(t, err)
		if fault.ClassOf(err) != fault.RateLimited {
			t.Fatalf("look: %v", err)
		}
		select {
		case <-time.After(fault.Wait(err)):
		case <-deadline:
			t.Fatalf("it is still looked for: %v", err)
		}
	}
}
