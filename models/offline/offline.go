// Package offline is the model for a hub that has none: it says so, tells how to
// connect one, and names what works all the same. It never pretends to answer.
package offline

import (
	"context"
	"iter"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// Name is what the offline model calls itself, as model and as worker.
const Name = "offline"

const notice = "No model worker is connected to this hub, so I cannot answer that. " +
	"To connect one, add it to the configuration under models.pools and restart the hub: " +
	"any server that speaks the OpenAI chat protocol will do, such as Ollama, llama.cpp or vLLM."

// Client is the offline model.
type Client struct{ skills func() []string }

var _ models.Client = (*Client)(nil)

// New makes the offline model. skills lists what still works, as a person would
// type it ("/help"); it is asked anew for each answer and may be nil.
func New(skills func() []string) *Client { return &Client{skills} }

// Chat yields the notice as one text and stops. It fails only when ctx has ended.
func (c *Client) Chat(ctx context.Context, _ models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(models.Delta{}, fault.New(fault.Retryable, "chat", err))
			return
		}
		if !yield(models.Delta{Text: c.text()}, nil) {
			return
		}
		yield(models.Delta{Finish: models.FinishStop, Model: Name, Worker: Name}, nil)
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
