package openaiapi

import (
	"math"
	"slices"
	"strconv"

	"github.com/parley-hub/parley/models"
)

// Bounds on one request, beside its size. They are above what models take.
const (
	maxMessages = 2048
	maxImages   = 64
	maxTools    = 128
	maxStops    = 16
)

// chatRequest is what a caller asks for.
type chatRequest struct {
	models.Request
	// model is what the body names; the header goes before it.
	model string
	// stream asks for events; usage for one with the tokens at their end.
	stream, usage bool
	// single is true when at most one tool may be called.
	single bool
	images int
}

// readChat reads the body of POST /chat/completions
// (https://platform.openai.com/docs/api-reference/chat/create).
func readChat(body []byte) (*chatRequest, error) {
	v, err := parse(body)
	if err != nil {
		return nil, err
	}
	r := &chatRequest{}
	if err := v.object(r.member); err != nil {
		return nil, err
	}
	if len(r.Messages) == 0 {
		return nil, inside("messages", wrong(codeMissing, "is required: a list of at least one message"))
	}
	if err := r.checkCalls(); err != nil {
		return nil, err
	}
	return r, r.checkTools()
}

// member reads one member of the body. Unknown ones are ignored, as OpenAI does.
func (r *chatRequest) member(name string, v value) (err error) {
	switch name {
	case "model":
		r.model, err = v.text()
	case "messages":
		err = r.readMessages(v)
	case "stream":
		r.stream, err = v.boolean()
	case "stream_options":
		err = v.object(func(name string, v value) (err error) {
			if name == "include_usage" {
				r.usage, err = v.boolean()
			}
			return err
		})
	case "n":
		n, err := v.integer(1)
		if err == nil && n != nil && *n != 1 {
			err = unsupported("must be 1: more answers at a time are")
		}
		return err
	case "prompt_cache_key":
		r.Affinity, err = v.text()
	case "user", "safety_identifier":
		var who string
		if who, err = v.text(); err == nil && who != "" {
			r.Cache.User += name + "=" + strconv.Quote(who) + " "
		}
	case "tools":
		err = r.readTools(v)
	case "tool_choice":
		r.ToolChoice, err = readToolChoice(v)
	case "parallel_tool_calls":
		var many bool
		many, err = v.boolean()
		r.single = !v.missing() && !many
	case "response_format":
		r.Format, err = readFormat(v)
	default:
		return r.sampling(name, v)
	}
	return err
}

func (r *chatRequest) sampling(name string, v value) (err error) {
	switch name {
	case "temperature":
		r.Temperature, err = v.number(0, 2)
	case "top_p":
		r.TopP, err = v.number(0, 1)
	case "presence_penalty":
		r.PresencePenalty, err = v.number(-2, 2)
	case "frequency_penalty":
		r.FrequencyPenalty, err = v.number(-2, 2)
	case "seed":
		r.Seed, err = v.integer(math.MinInt64)
	case "stop":
		r.Stop, err = readStop(v)
	case "max_completion_tokens":
		err = r.readMaxTokens(v)
	case "max_tokens": // the older name
		older := r.MaxTokens
		if err = r.readMaxTokens(v); older > 0 {
			r.MaxTokens = older
		}
	default:
		return refuseChanging(name, v)
	}
	return err
}

func (r *chatRequest) readMaxTokens(v value) error {
	n, err := v.integer(1)
	if err == nil && n != nil {
		r.MaxTokens = int(min(*n, math.MaxInt32))
	}
	return err
}

// refuseChanging refuses what would change the answer and cannot be carried to a worker.
func refuseChanging(name string, v value) error {
	switch name {
	case "logprobs", "top_logprobs", "logit_bias", "audio", "functions", "function_call", "web_search_options":
		if v.missing() || slices.Contains([]string{"false", "0", "{}", "[]"}, string(v)) {
			return nil
		}
		return unsupported("is")
	case "modalities":
		return v.list(func(_ int, v value) error {
			kind, err := v.text()
			if err == nil && kind != "text" {
				err = unsupported("%q is", kind)
			}
			return err
		})
	}
	return nil
}

// readStop reads one text, or a list of them.
func readStop(v value) (stops []string, err error) {
	if v.missing() || v[0] != '[' {
		stop, err := v.text()
		if err != nil {
			return nil, wrongType("a string or a list of strings")
		}
		if stop != "" {
			stops = append(stops, stop)
		}
		return stops, nil
	}
	err = v.list(func(i int, v value) error {
		stop, err := v.text()
		switch {
		case err != nil:
			return err
		case stop == "":
			return wrong(codeValue, "must not be empty")
		case i == maxStops:
			return wrong(codeValue, "is one too many: at most %d", maxStops)
		}
		stops = append(stops, stop)
		return nil
	})
	return stops, err
}
