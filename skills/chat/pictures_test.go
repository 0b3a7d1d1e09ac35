package chat_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/skilltest"
)

var (
	png  = append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...)
	jpeg = append([]byte("\xff\xd8\xff\xe0"), make([]byte, 100)...)
)

func TestPicturesAreShownToModelsThatSee(t *testing.T) {
	photo := func(ref core.FileRef) core.Part { return core.Media{Kind: core.Image, File: ref} }
	for name, test := range map[string]struct {
		pool  string
		parts []core.Part
		want  [][]byte
	}{
		"seeing":   {"seeing", []core.Part{photo("p"), photo("j")}, [][]byte{png, jpeg}},
		"blind":    {"", []core.Part{photo("p")}, nil},
		"gone":     {"seeing", []core.Part{photo("gone"), photo("p")}, [][]byte{png}},
		"no photo": {"seeing", []core.Part{photo("text"), core.Media{Kind: core.Document, File: "p"}}, nil},
		"large":    {"seeing", []core.Part{photo("large"), photo("p")}, [][]byte{png}},
		"many":     {"seeing", []core.Part{photo("p"), photo("p"), photo("p"), photo("p"), photo("j")}, [][]byte{png, png, png, png}},
	} {
		t.Run(name, func(t *testing.T) {
			model := says("I see")
			skill := chat.New(chat.Options{Models: pools{"": model, "seeing": model}})
			files := &skilltest.Files{Sent: map[core.FileRef][]byte{
				"p": png, "j": jpeg, "text": []byte("no picture at all"), "large": append(bytes.Clone(png), make([]byte, 4<<20)...),
			}}
			turn := skilltest.NewTurn(skilltest.TurnOptions{Text: "what is it?", Parts: test.parts, Model: test.pool, Files: files})
			if err := skill.Handle(t.Context(), turn, &skilltest.RecordingWriter{}); err != nil {
				t.Fatal(err)
			}
			messages := model.last(t).Messages
			last := messages[len(messages)-1]
			if len(last.Images) != len(test.want) {
				t.Fatalf("%d images, want %d", len(last.Images), len(test.want))
			}
			for i, image := range last.Images {
				if !bytes.Equal(image.Data, test.want[i]) || image.MIME != "image/png" && image.MIME != "image/jpeg" {
					t.Errorf("image %d: %s, %d bytes", i, image.MIME, len(image.Data))
				}
			}
		})
	}
}

// A platform that does not give the picture now is asked again with the next run.
func TestPictureThatCannotBeHadNow(t *testing.T) {
	down := fault.New(fault.Retryable, "fetch", errors.New("down"))
	turn := skilltest.NewTurn(skilltest.TurnOptions{
		Parts: []core.Part{core.Media{Kind: core.Image, File: "p"}}, Model: "seeing", Files: &skilltest.Files{Err: down},
	})
	err := chat.New(chat.Options{Models: pools{"seeing": says("no")}}).Handle(t.Context(), turn, &skilltest.RecordingWriter{})
	if fault.ClassOf(err) != fault.Retryable {
		t.Errorf("%v", err)
	}
}
