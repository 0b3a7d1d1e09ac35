package openaiapi

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"strconv"

	"github.com/parley-hub/parley/models"
)

// maxInputs is how many texts may come at once; it is OpenAI's number.
const maxInputs = 2048

type embedRequest struct {
	models.EmbedRequest
	model string
	// packed vectors are base64 of little-endian 32-bit floats.
	packed bool
}

// readEmbed reads the body of POST /embeddings
// (https://platform.openai.com/docs/api-reference/embeddings/create).
func readEmbed(body []byte) (*embedRequest, error) {
	v, err := parse(body)
	if err != nil {
		return nil, err
	}
	r := &embedRequest{}
	if err := v.object(r.member); err != nil {
		return nil, err
	}
	if len(r.Texts) == 0 {
		return nil, inside("input", wrong(codeMissing, "is required: a text, or a list of at least one"))
	}
	return r, nil
}

func (r *embedRequest) member(name string, v value) (err error) {
	switch name {
	case "model":
		r.model, err = v.text()
	case "input":
		err = r.readInput(v)
	case "dimensions":
		n, err := v.integer(1)
		if err == nil && n != nil {
			r.Dimensions = int(min(*n, math.MaxInt32))
		}
		return err
	case "encoding_format":
		var format string
		format, err = v.text()
		r.packed = format == "base64"
		if err == nil && !r.packed && format != "" && format != "float" {
			err = wrong(codeValue, "must be float or base64")
		}
	}
	return err
}

func (r *embedRequest) readInput(v value) error {
	r.Texts = nil
	if v.missing() || v[0] != '[' {
		return r.addText(v)
	}
	return v.list(func(i int, v value) error {
		if i == maxInputs {
			return wrong(codeValue, "is one too many: at most %d texts", maxInputs)
		}
		return r.addText(v)
	})
}

func (r *embedRequest) addText(v value) error {
	if len(v) > 0 && (v[0] == '[' || v[0] >= '0' && v[0] <= '9') {
		return unsupported("holds tokens, which are of one model's own vocabulary and")
	}
	text, err := v.text()
	if err == nil && text == "" {
		err = wrong(codeValue, "must not be empty")
	}
	r.Texts = append(r.Texts, text)
	return err
}

// embed answers POST /embeddings.
func (c *call) embed() error {
	body, err := c.readBody()
	if err != nil {
		return err
	}
	r, err := readEmbed(body)
	if err != nil {
		return err
	}
	client, err := c.pick(r.model)
	if err != nil {
		return err
	}
	embedder, ok := client.(models.Embedder)
	if !ok {
		return cannot(c.model, "makes no embeddings")
	}
	r.Band, r.For, r.Trace = c.key.Band, c.payer(), c.id
	e, err := embedder.Embed(c.r.Context(), r.EmbedRequest)
	if err != nil {
		return err
	}
	c.version(e.Version, e.Model)
	b := []byte(`{"object":"list","data":[`)
	for i, vector := range e.Vectors {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"object":"embedding","index":`...), int64(i), 10)
		b = appendVector(append(b, `,"embedding":`...), vector, r.packed)
		b = append(b, '}')
	}
	b = appendQuoted(append(b, `],"model":`...), c.model)
	b = strconv.AppendInt(append(b, `,"usage":{"prompt_tokens":`...), int64(e.Usage.Prompt), 10)
	b = strconv.AppendInt(append(b, `,"total_tokens":`...), int64(e.Usage.Prompt+e.Usage.Completion), 10)
	c.answer(http.StatusOK, append(b, "}}"...))
	return nil
}

func appendVector(b []byte, vector []float32, packed bool) []byte {
	if packed {
		raw := make([]byte, 0, 4*len(vector))
		for _, x := range vector {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), raw), '"')
	}
	b = append(b, '[')
	for i, x := range vector {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
	}
	return append(b, ']')
}
