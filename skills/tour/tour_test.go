package tour_test

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
	"github.com/parley-hub/parley/skills/tour"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{
		New: func(*testing.T) skills.Skill { return tour.New(0) },
		NewSlow: func(*testing.T) (skills.Skill, <-chan struct{}) {
			working := make(chan struct{})
			close(working) // from its beginning on
			return tour.New(time.Hour), working
		},
	})
}

// run gives what the skill replies.
func run(t *testing.T, o skilltest.TurnOptions) [][]core.Part {
	t.Helper()
	var w skilltest.RecordingWriter
	if err := tour.New(0).Handle(t.Context(), skilltest.NewTurn(o), &w); err != nil {
		t.Fatal(err)
	}
	return w.Replies()
}

// TestEveryButtonLeadsSomewhere presses all there is to press.
func TestEveryButtonLeadsSomewhere(t *testing.T) {
	open := []string{""}
	seen := map[string]bool{}
	for len(open) > 0 {
		args := open[0]
		open = open[1:]
		if seen[args] {
			continue
		}
		seen[args] = true
		replies := run(t, skilltest.TurnOptions{Command: "tour", Args: args})
		if len(replies) != 1 || len(replies[0]) == 0 {
			t.Errorf("%q: %v", args, replies)
			continue
		}
		for _, p := range replies[0] {
			b, ok := p.(core.Buttons)
			if !ok {
				continue
			}
			for _, row := range b.Rows {
				for _, button := range row {
					rest, ok := strings.CutPrefix(button.Data, tour.Name+":")
					if !ok || button.Label == "" {
						t.Errorf("the button %+v is none of this skill", button)
					}
					open = append(open, rest)
				}
			}
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d answers: %v", len(seen), seen)
	}
}

func TestAnswers(t *testing.T) {
	long := run(t, skilltest.TurnOptions{Command: "tour", Args: "long"})[0][0].(core.Text).Text
	if len(long) < 4200 {
		t.Errorf("the long answer has %d bytes: it fits into one message somewhere", len(long))
	}
	german := run(t, skilltest.TurnOptions{Command: "tour", Args: "pick **Tee**\n", Language: "de-DE"})[0][0].(core.Text).Text
	if german != "**Tee** also." {
		t.Errorf("%q", german)
	}
	photo := core.Media{Kind: core.Image, File: "f", Caption: "mine", MIME: "image/png"}
	files := &skilltest.Files{Sent: map[core.FileRef][]byte{"f": []byte("bytes")}}
	back := run(t, skilltest.TurnOptions{Command: "tour", Parts: []core.Part{photo}, Files: files})[0]
	if m, ok := back[1].(core.Media); !ok || m.File != "f" || m.Blob == "" || m.Caption != "" {
		t.Errorf("sent back: %+v", back)
	}
}

func TestPictureIsOne(t *testing.T) {
	files := &skilltest.Files{}
	run(t, skilltest.TurnOptions{Command: "tour", Args: "picture", Files: files})
	img, err := png.Decode(bytes.NewReader(files.Kept[0]))
	if err != nil || img.Bounds().Dx() != 360 {
		t.Errorf("%v, %d bytes", err, len(files.Kept[0]))
	}
}

// TestGrows looks at the drafts: each is longer than the one before, and none is more
// than the answer.
func TestGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w skilltest.RecordingWriter
		began := time.Now()
		if err := tour.New(40*time.Millisecond).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Command: "tour"}), &w); err != nil {
			t.Fatal(err)
		}
		whole := w.Replies()[0][0].(core.Text).Text
		drafts := w.Drafts()
		last := ""
		for _, d := range drafts {
			text := d[0].(core.Text).Text
			if len(text) <= len(last) || !strings.HasPrefix(whole, text) {
				t.Fatalf("draft %q behind %q", text, last)
			}
			last = text
		}
		if last != whole || time.Since(began) != time.Duration(len(drafts))*40*time.Millisecond {
			t.Errorf("%d drafts in %v, the last %q", len(drafts), time.Since(began), last)
		}
	})
}
