package openaichat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	defaultMaxAudio = 25 << 20
	// maxTranscript bounds an answer in bytes: a day of speech with its time stamps.
	maxTranscript = 16 << 20
	// maxSeconds is the longest recording that is believed: a month.
	maxSeconds = 31 * 24 * 3600
)

const (
	publicAudioTooLong = "The recording is too long for the model."
	publicNoAudio      = "The recording could not be read."
)

var errNotTranscript = errors.New("the answer is no transcript")

var _ models.Transcriber = (*Client)(nil)

// Transcribe writes down a recording (POST /audio/transcriptions); see
// models.Transcriber. The recording is sent as it is read, never held as a whole. One
// longer than Options.MaxAudio is Permanent, with public words, and asks nobody; so is
// one that cannot be opened or is not as long as it says. Faults are those of Chat
// otherwise.
func (c *Client) Transcribe(ctx context.Context, r models.TranscribeRequest) (models.Transcript, error) {
	const op = "transcribe"
	if r.Size > c.maxAudio {
		return models.Transcript{}, fault.New(fault.Permanent, op,
			fmt.Errorf("a recording of %d bytes; %d are allowed", r.Size, c.maxAudio), fault.WithPublic(publicAudioTooLong))
	}
	// The verbose form also tells language and length. Servers that do not know it (older
	// vLLM, OpenAI's newer models) name the parameter when they refuse.
	verbose := !c.noVerbose.Load()
	t, err := c.transcribed(ctx, op, r, verbose)
	var status *statusError
	if verbose && errors.As(err, &status) && status.code < 500 && strings.Contains(status.text, "response_format") {
		c.noVerbose.Store(true)
		t, err = c.transcribed(ctx, op, r, false)
	}
	return t, err
}

func (c *Client) transcribed(ctx context.Context, op string, r models.TranscribeRequest, verbose bool) (models.Transcript, error) {
	inner, cancel := context.WithTimeoutCause(ctx, c.transcribe, errFirstContent)
	defer cancel()
	form, err := newForm(r, verbose)
	if err != nil {
		return models.Transcript{}, fault.New(fault.Permanent, op, err)
	}
	body, err := form.open()
	if err != nil {
		return models.Transcript{}, form.unreadable(op, err)
	}
	req, err := http.NewRequestWithContext(inner, http.MethodPost, c.base.JoinPath("audio", "transcriptions").String(), body)
	if err != nil {
		_ = body.Close()
		return models.Transcript{}, fault.New(fault.Bug, op, c.redact.err(err))
	}
	req.GetBody, req.ContentLength = form.open, form.length()
	req.Header.Set("Content-Type", form.kind)
	req.Header.Set("Accept", "application/json")
	c.sign(req)
	resp, err := c.http.Do(req)
	if cause := form.failure(); cause != nil {
		err = form.unreadable(op, cause)
	}
	if err != nil {
		if resp != nil {
			_ = resp.Body.Close()
		}
		return models.Transcript{}, c.ended(ctx, inner, op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return models.Transcript{}, c.refused(op, resp)
	}
	t, err := c.readTranscript(op, resp.Body)
	if err != nil {
		return models.Transcript{}, c.ended(ctx, inner, op, err)
	}
	// The protocol's answer names no model.
	t.Model = r.Model
	return t, nil
}

// readTranscript reads {"text"}, in the verbose form with "language" and "duration";
// newer servers put the length into "usage" of the short one.
func (c *Client) readTranscript(op string, body io.Reader) (models.Transcript, error) {
	raw, err := readAll(body, maxTranscript)
	if err != nil {
		return models.Transcript{}, err
	}
	var answer struct {
		Text     *string         `json:"text"`
		Language string          `json:"language"`
		Duration json.RawMessage `json:"duration"`
		Usage    struct {
			Seconds json.RawMessage `json:"seconds"`
		} `json:"usage"`
		Error json.RawMessage `json:"error"`
	}
	if err := decodeLoose(bytes.NewReader(raw), &answer); err != nil {
		return models.Transcript{}, fmt.Errorf("%w: %w", errNotTranscript, err)
	}
	switch {
	case len(answer.Error) > 0 && !empty(answer.Error):
		return models.Transcript{}, c.judge(op, explain(raw))
	case answer.Text == nil:
		return models.Transcript{}, fmt.Errorf("%w: it has no text", errNotTranscript)
	}
	t := models.Transcript{Text: strings.TrimSpace(*answer.Text), Language: bounded(answer.Language), Worker: c.worker}
	for _, length := range []json.RawMessage{answer.Usage.Seconds, answer.Duration} {
		if s := seconds(length); s > 0 {
			t.Seconds = s
		}
	}
	return t, nil
}

// seconds reads a length: a number, or (vLLM) a string with one. Nonsense is 0.
func seconds(raw json.RawMessage) float64 {
	s, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || !(s > 0 && s < maxSeconds) { // also catches NaN
		return 0
	}
	return s
}
