package openaiapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

var (
	errGone       = errors.New("the caller left")
	errTakenBack  = errors.New("the answer was to begin again after a part of it had been sent")
	errUnfinished = errors.New("the answer ended without a finish")
)

// chat answers POST /chat/completions.
func (c *call) chat() error {
	body, err := c.readBody()
	if err != nil {
		return err
	}
	r, err := readChat(body)
	if err != nil {
		return err
	}
	client, err := c.pick(r.model)
	if err != nil {
		return err
	}
	if r.images > 0 && !c.api.o.Registry.Sees(c.model) {
		return inside("messages", wrong(codeUnsupported, "hold images, which the model %q does not see", c.model))
	}
	if r.Cache.Mode, err = c.cacheMode(); err != nil {
		return err
	}
	r.Band, r.For, r.Trace = c.key.Band, c.payer(), c.id
	r.Shown = func() bool { return c.shown.Load() }
	if r.stream {
		return c.stream(client, r)
	}
	return c.whole(client, r)
}

func (c *call) payer() models.Payer { return models.Payer{Account: c.key.Name, Role: c.key.Role} }

// whole collects an answer and sends it at once. Until then it may begin again.
func (c *call) whole(client models.Client, r *chatRequest) error {
	var text strings.Builder
	var last models.Delta
	var usage *models.Usage
	for d, err := range client.Chat(c.r.Context(), r.Request) {
		if err != nil {
			return err
		}
		if d.Reset {
			text.Reset()
		}
		text.WriteString(d.Text)
		if d.Usage != nil {
			usage = d.Usage
		}
		if d.Finish != "" {
			last = d
		}
	}
	if last.Finish == "" {
		return fault.New(fault.Retryable, "chat", errUnfinished)
	}
	c.told(last)
	f := c.frame("chat.completion")
	b := f.message(nil, text.String(), r.atMost(last.Calls), last.Finish)
	if usage != nil {
		b = appendUsage(append(b, `,"usage":`...), *usage)
	}
	c.answer(http.StatusOK, append(b, '}'))
	return nil
}

// atMost leaves the calls that the caller can take: one, where it wants no parallel ones.
func (r *chatRequest) atMost(calls []models.ToolCall) []models.ToolCall {
	if r.single && len(calls) > 1 {
		return calls[:1]
	}
	return calls
}

// cacheMode reads whether an answer that was given before will do: as the temperature
// says, unless the caller does.
func (c *call) cacheMode() (models.CacheMode, error) {
	switch c.r.Header.Get(headerCache) {
	case "":
		return models.CacheAuto, nil
	case "always":
		return models.CacheAlways, nil
	case "never":
		return models.CacheNever, nil
	default:
		return 0, inside(headerCache, wrong(codeValue, "must be always or never"))
	}
}

// headerCache asks for an answer that was there, and says that it was.
const headerCache = "X-Cache"

// told tells whose answer it is, and whether it was there.
func (c *call) told(last models.Delta) {
	c.version(last.Version, last.Model)
	if last.Saved != nil {
		c.trail(headerCache, "hit")
	}
}

// version tells which version answered, and what its worker calls the model.
func (c *call) version(version, model string) {
	for header, value := range map[string]string{"X-Model-Version": version, "X-Model-Name": model} {
		if value != "" {
			c.trail(header, value)
		}
	}
}

// trail sets a header. When the headers are gone it is a trailer.
func (c *call) trail(name, value string) {
	if c.shown.Load() {
		name = http.TrailerPrefix + name
	}
	c.w.Header().Set(name, value)
}

// stream sends an answer while it comes. Headers wait for its first words, so that what
// fails before them has its own status.
func (c *call) stream(client models.Client, r *chatRequest) error {
	f := c.frame("chat.completion.chunk")
	f.usage = r.usage
	var usage *models.Usage
	var buf []byte
	for d, err := range client.Chat(c.r.Context(), r.Request) {
		switch {
		case err != nil:
			return err
		case d.Reset && c.shown.Load():
			return fault.New(fault.Bug, "chat", errTakenBack)
		case d.Usage != nil:
			usage = d.Usage
		}
		buf = buf[:0]
		if d.Text == "" && d.Finish == "" {
			continue
		}
		if !c.shown.Load() {
			c.w.Header().Set("Content-Type", "text/event-stream")
			buf = f.role(buf)
		}
		if d.Text != "" {
			buf = f.words(buf, d.Text)
		}
		if d.Finish != "" {
			c.told(d)
			buf = f.end(buf, r.atMost(d.Calls), d.Finish, usage)
		}
		c.shown.Store(true)
		if err := c.write(buf); err != nil {
			return fault.New(fault.Retryable, "chat", fmt.Errorf("%w: %w", errGone, err))
		}
		if d.Finish != "" {
			return nil
		}
	}
	return fault.New(fault.Retryable, "chat", errUnfinished)
}
