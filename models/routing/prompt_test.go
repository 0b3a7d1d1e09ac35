package routing

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/models"
)

var words = strings.Repeat("It was a bright day in April. ", 40)

func TestGrowingConversationsBeginAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 900, -1)
		roles := rapid.SampledFrom([]models.Role{models.User, models.Assistant, models.ToolResult})
		r := models.Request{Messages: []models.Message{{Role: models.System, Text: text.Draw(t, "system")}}}
		last := Read(r)
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			r.Messages = append(r.Messages, models.Message{Role: roles.Draw(t, "role"), Name: text.Draw(t, "name"), Text: text.Draw(t, "text")})
			p := Read(r)
			if len(p.Blocks) < len(last.Blocks) || !slices.Equal(p.Blocks[:len(last.Blocks)], last.Blocks) {
				t.Fatal("the longer prompt begins differently")
			}
			if p.Tokens < last.Tokens || p.System != last.System {
				t.Fatalf("tokens %d after %d, system %x after %x", p.Tokens, last.Tokens, p.System, last.System)
			}
			for n := range p.Blocks {
				if got := p.tokensOf(n + 1); got > p.Tokens || got < p.tokensOf(n) {
					t.Fatalf("%d blocks are %d tokens of %d", n+1, got, p.Tokens)
				}
			}
			last = p
		}
	})
}

// closed puts text behind a request, so that all of it is in whole blocks.
func closed(r models.Request) models.Request {
	r.Messages = append(r.Messages, models.Message{Role: models.User, Text: words})
	return r
}

func TestReadTellsPromptsApart(t *testing.T) {
	base := func() models.Request {
		return models.Request{
			Messages: []models.Message{{Role: models.System, Text: words}, {Role: models.User, Text: words}},
			Tools:    []models.Tool{{Name: "weather", Description: "tells it", Parameters: []byte(`{"type":"object"}`)}},
		}
	}
	picture := models.Image{MIME: "image/png", Data: bytes.Repeat([]byte("picture"), 20_000)}
	other := models.Image{MIME: "image/png", Data: append(slices.Clone(picture.Data[1:]), 'x')}
	for name, change := range map[string]func(r *models.Request){
		"tool":       func(r *models.Request) { r.Tools[0].Name = "whether" },
		"parameters": func(r *models.Request) { r.Tools[0].Parameters = []byte(`{}`) },
		"no tools":   func(r *models.Request) { r.Tools = nil },
		"system":     func(r *models.Request) { r.Messages[0].Text = "x" + words },
		"role":       func(r *models.Request) { r.Messages[1].Role = models.Assistant },
		"name":       func(r *models.Request) { r.Messages[1].Name = "Ann" },
		"text":       func(r *models.Request) { r.Messages[1].Text = words[:300] + "!" + words[301:] },
		"picture":    func(r *models.Request) { r.Messages[1].Images = []models.Image{picture} },
		"other one":  func(r *models.Request) { r.Messages[1].Images = []models.Image{other} },
	} {
		r := base()
		change(&r)
		was := base()
		one, two := Read(closed(was)), Read(closed(r))
		if one.Blocks[len(one.Blocks)-1] == two.Blocks[len(two.Blocks)-1] {
			t.Errorf("%s: the blocks are the same", name)
		}
	}
	with := func(i models.Image) uint64 {
		r := base()
		r.Messages[1].Images = []models.Image{i}
		p := Read(closed(r))
		return p.Blocks[len(p.Blocks)-1]
	}
	if with(picture) == with(other) {
		t.Error("two pictures are the same")
	}
}

func TestReadGolden(t *testing.T) {
	// Nodes of different versions must agree, so that the hashes may not change unseen.
	p := Read(models.Request{
		Messages: []models.Message{{Role: models.System, Text: "You are a bot."}, {Role: models.User, Name: "Ann", Text: words}},
		Affinity: "person-7",
	})
	if len(p.Blocks) != 4 || p.Blocks[0] != 0x8be9ac1dfca8ed7f || p.System != 0x8a8e35fefe9119e || p.Session != 0xd8e631431a92ea8c || p.Tokens != 314 {
		t.Errorf("blocks %d, the first %#x; system %#x, session %#x, %d tokens", len(p.Blocks), p.Blocks[0], p.System, p.Session, p.Tokens)
	}
}

func TestReadEstimates(t *testing.T) {
	read := func(text string) int {
		return Read(models.Request{Messages: []models.Message{{Role: models.User, Text: text}}}).Tokens
	}
	none := read("")
	for text, want := range map[string]int{
		strings.Repeat("word", 5000): 5000, strings.Repeat("你好", 2000): 4000, strings.Repeat("é", 300): 300, strings.Repeat("a😀bc", 400): 700,
	} {
		if got := read(text) - none; got < want-1 || got > want+1 {
			t.Errorf("%.12s: %d tokens, want %d", text, got, want)
		}
	}
	seen := models.Message{Role: models.User, Images: make([]models.Image, 2)}
	if got := Read(models.Request{Messages: []models.Message{seen}}).Tokens; got < 2*imageTokens {
		t.Errorf("two pictures are %d tokens", got)
	}
}

func TestReadIsBounded(t *testing.T) {
	p := Read(models.Request{Messages: []models.Message{{Role: models.User, Text: strings.Repeat(words, 1000)}}})
	if len(p.Blocks) != maxBlocks || cap(p.Blocks) > 2*maxBlocks {
		t.Errorf("%d blocks", len(p.Blocks))
	}
	if p.Tokens < 250_000 {
		t.Errorf("%d tokens", p.Tokens)
	}
	if p := Read(models.Request{}); p.Tokens != 0 || p.System != 0 || p.Session != 0 || len(p.Blocks) != 0 {
		t.Errorf("an empty request is %+v", p)
	}
}
