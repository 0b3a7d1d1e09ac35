package openaichat

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// maxVectors bounds an answer of vectors in bytes: 2048 texts (OpenAI's limit) with
	// 1536 numbers each, written as words.
	maxVectors = 64 << 20
	// maxDimensions bounds one vector; the largest models have some 16 000.
	maxDimensions = 1 << 16
)

var errBadVectors = errors.New("the answer does not hold one vector for each text")

var _ models.Embedder = (*Client)(nil)

type embedRequest struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Encoding   string   `json:"encoding_format,omitempty"`
	Dimensions int      `json:"dimensions,omitempty"`
}

type embedAnswer struct {
	Data []struct {
		Index  *int            `json:"index"`
		Vector json.RawMessage `json:"embedding"`
	} `json:"data"`
	Model string          `json:"model"`
	Usage json.RawMessage `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// Embed makes vectors (POST /embeddings); see models.Embedder. An answer that lacks a
// vector, has one twice, vectors of different lengths or numbers that are none is a
// Retryable fault of the worker. Faults are those of Chat otherwise.
func (c *Client) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	const op = "embed"
	if len(r.Texts) == 0 {
		return models.Embeddings{}, fault.New(fault.Permanent, op, errors.New("no text to make a vector of"))
	}
	body, err := json.Marshal(embedRequest{r.Model, r.Texts, c.encoding(), r.Dimensions})
	if err != nil {
		return models.Embeddings{}, fault.New(fault.Permanent, op, err)
	}
	inner, cancel := context.WithTimeoutCause(ctx, c.firstContent, errFirstContent)
	defer cancel()
	req, err := c.newRequest(inner, http.MethodPost, c.base.JoinPath("embeddings").String(), body)
	if err != nil {
		return models.Embeddings{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return models.Embeddings{}, c.ended(ctx, inner, op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return models.Embeddings{}, c.refused(op, resp)
	}
	answer, err := c.readVectors(op, resp.Body, r)
	if err != nil {
		return models.Embeddings{}, c.ended(ctx, inner, op, err)
	}
	return answer, nil
}

// encoding asks for base64, a third of the bytes and a tenth of the work, where it is
// known to be understood. Both forms are read either way.
func (c *Client) encoding() string {
	switch c.kind() {
	case models.KindVLLM, models.KindSGLang, models.KindLlamaCPP, models.KindOllama:
		return "base64"
	default:
		return ""
	}
}

func (c *Client) readVectors(op string, body io.Reader, r models.EmbedRequest) (models.Embeddings, error) {
	raw, err := readAll(body, maxVectors)
	if err != nil {
		return models.Embeddings{}, err
	}
	var answer embedAnswer
	if err := json.Unmarshal(raw, &answer); err != nil {
		return models.Embeddings{}, fmt.Errorf("%w: %w", errBadVectors, err)
	}
	if len(answer.Error) > 0 && !empty(answer.Error) {
		return models.Embeddings{}, c.judge(op, explain(raw))
	}
	if c.another(r.Model, answer.Model) && answer.Model != "" {
		return models.Embeddings{}, fmt.Errorf("%w: %s instead of %s", models.ErrWrongModel, bounded(answer.Model), bounded(r.Model))
	}
	vectors := make([][]float32, len(r.Texts))
	if len(answer.Data) != len(vectors) {
		return models.Embeddings{}, fmt.Errorf("%w: %d for %d texts", errBadVectors, len(answer.Data), len(vectors))
	}
	for i, d := range answer.Data {
		at := i
		if d.Index != nil {
			at = *d.Index
		}
		if at < 0 || at >= len(vectors) || vectors[at] != nil {
			return models.Embeddings{}, fmt.Errorf("%w: index %d", errBadVectors, at)
		}
		if vectors[at], err = vectorOf(d.Vector); err != nil {
			return models.Embeddings{}, err
		}
		if n := len(vectors[at]); n != len(vectors[firstOf(answer)]) || r.Dimensions > 0 && n != r.Dimensions {
			return models.Embeddings{}, fmt.Errorf("%w: one has %d numbers", errBadVectors, n)
		}
	}
	result := models.Embeddings{Vectors: vectors, Model: answer.Model, Worker: c.worker}
	if usage := usageOf(answer.Usage); usage != nil {
		result.Usage = *usage
	}
	return result, nil
}

// firstOf is where the first vector of an answer belongs.
func firstOf(a embedAnswer) int {
	if index := a.Data[0].Index; index != nil {
		return *index
	}
	return 0
}

// vectorOf reads a list of numbers, or base64 of little-endian 32 bit floats.
func vectorOf(raw []byte) ([]float32, error) {
	var v []float32
	switch {
	case len(raw) > 0 && raw[0] == '[':
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("%w: %w", errBadVectors, err)
		}
	case len(raw) > 1 && raw[0] == '"':
		// Base64 needs no escapes but "\/", which nobody writes.
		b, err := base64.StdEncoding.DecodeString(string(bytes.Trim(raw, `"`)))
		if err != nil || len(b)%4 != 0 {
			return nil, fmt.Errorf("%w: no base64 of numbers", errBadVectors)
		}
		v = make([]float32, len(b)/4)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	if len(v) == 0 || len(v) > maxDimensions {
		return nil, fmt.Errorf("%w: one of %d numbers", errBadVectors, len(v))
	}
	for _, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("%w: one holds what is no number", errBadVectors)
		}
	}
	return v, nil
}

// readAll reads a whole answer, which must not be longer than limit.
func readAll(r io.Reader, limit int) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(raw) > limit {
		err = errAnswerTooLong
	}
	return raw, err
}
