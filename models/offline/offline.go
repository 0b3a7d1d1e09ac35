// Package offline is the model for a hub that has none: it says so, tells how to
// connect one, and names what works all the same. It never pretends to answer.
package offline

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// Name is what the offline model calls itself, as model and as worker.
const Name = "offline"

const notice = `**No model worker is connected to this hub**, so I cannot answer that.

To connect one, add it to the configuration and restart the hub. Any server that speaks the OpenAI chat protocol will do, such as Ollama, llama.cpp or vLLM:

` + "```yaml" + `
models:
  pools:
    chat:
      model: qwen2.5-7b-instruct
      workers:
        - url: http://127.0.0.1:8000/v1
` + "```"

// Client is the offline model.
type Client struct {
	skills func() []string
	pace   time.Duration
}

var _ models.Client = (*Client)(nil)

// New makes the offline model. skills lists what still works, as a person would
// type it ("/help"); it is asked anew for each answer and may be nil. pace is the
// time between two words, for showing how an answer grows; 0 gives all at once.
func New(skills func() []string, pace time.Duration) *Client { return &Client{skills, pace} }

// Chat yields the notice and stops. It fails only when ctx ends before.
func (c *Client) Chat(ctx context.Context, _ models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		for piece := range c.pieces() {
			if !c.wait(ctx) {
				yield(models.Delta{}, fault.New(fault.Retryable, "chat", ctx.Err()))
				return
			}
			if !yield(models.Delta{Text: piece}, nil) {
				return
			}
		}
		yield(models.Delta{Finish: models.FinishStop, Model: Name, Worker: Name}, nil)
	}
}

// pieces is the text word by word, or whole.
func (c *Client) pieces() iter.Seq[string] {
	if c.pace <= 0 {
		return slices.Values([]string{c.text()})
	}
	return strings.SplitAfterSeq(c.text(), " ")
}

// wait lets the pace pass; false when ctx ended.
func (c *Client) wait(ctx context.Context) bool {
	if c.pace <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(c.pace)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Client) text() string {
	if c.skills == nil {
		return notice
	}
	working := c.skills()
	if len(working) == 0 {
		return notice
	}
	return notice + "\n\nThis works without a model: " + strings.Join(working, ", ")
}
