package pool

import (
	"cmp"
	"context"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/routing"
)

// Embed makes vectors on a worker of the heaviest version: vectors of two models cannot
// be compared, so they do not follow the weights.
func (p *Pool) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	var out models.Embeddings
	c := call{what: "embed", need: need{vectors: true}, band: r.Band, payer: r.For, trace: r.Trace, longest: true}
	for _, text := range r.Texts {
		c.tokens += core.EstimateTokens(text)
		c.messages = append(c.messages, models.Message{Role: models.User, Text: text})
	}
	err := p.call(ctx, c, func(ctx context.Context, j *job, l *lease) (u models.Usage, err error) {
		r.Model = j.v.model
		embedder, ok := l.client.(models.Embedder)
		if !ok {
			return u, fault.New(fault.Permanent, "embed", errUnable)
		}
		out, err = embedder.Embed(ctx, r)
		out.Model, out.Worker, out.Version = cmp.Or(out.Model, j.v.model), l.w.name, j.v.name
		return out.Usage, err
	})
	if err != nil {
		return models.Embeddings{}, err
	}
	return out, nil
}

// Transcribe writes down a recording on a worker of the heaviest version. The recording
// is read anew for each attempt.
func (p *Pool) Transcribe(ctx context.Context, r models.TranscribeRequest) (models.Transcript, error) {
	var out models.Transcript
	c := call{what: "transcribe", need: need{hearing: true}, band: r.Band, payer: r.For, trace: r.Trace}
	err := p.call(ctx, c, func(ctx context.Context, j *job, l *lease) (u models.Usage, err error) {
		r.Model = j.v.model
		transcriber, ok := l.client.(models.Transcriber)
		if !ok {
			return u, fault.New(fault.Permanent, "transcribe", errUnable)
		}
		out, err = transcriber.Transcribe(ctx, r)
		out.Model, out.Worker, out.Version = cmp.Or(out.Model, j.v.model), l.w.name, j.v.name
		return u, err
	})
	if err != nil {
		return models.Transcript{}, err
	}
	return out, nil
}

// call is a request whose answer comes whole.
type call struct {
	what     string
	need     need
	band     models.Band
	payer    models.Payer
	trace    core.TraceID
	tokens   int
	messages []models.Message
	// longest is true when one attempt may take no longer than a first content may.
	longest bool
}

func (p *Pool) call(ctx context.Context, c call, do func(context.Context, *job, *lease) (models.Usage, error)) error {
	s := p.now.Load()
	ctx, cancel := context.WithTimeoutCause(ctx, s.o.Total, errTotal)
	defer cancel()
	settle, err := s.o.Admit(models.Request{Messages: c.messages, Band: c.band, For: c.payer, Trace: c.trace})
	if err != nil {
		return err
	}
	j := &job{
		p: p, s: s, prompt: routing.Prompt{Tokens: c.tokens}, need: c.need, payer: c.payer, trace: c.trace, band: c.band,
		cost: max(c.tokens, 1), began: time.Now(), err: errLeft,
	}
	defer func() { settle(j.served) }()
	if j.v, err = p.admit(s, "", true); err != nil {
		return j.final(ctx, err, false)
	}
	defer j.over()
	var last error
	for {
		l, err := p.acquire(ctx, j)
		if err != nil {
			j.err = j.final(ctx, cmp.Or(last, err), false)
			return j.err
		}
		last = j.once(ctx, c, l, do)
		if last == nil {
			j.err = nil
			return nil
		}
		if !j.again(ctx, last) {
			j.err = j.final(ctx, last, false)
			return j.err
		}
	}
}

// once makes one attempt.
func (j *job) once(ctx context.Context, c call, l *lease, do func(context.Context, *job, *lease) (models.Usage, error)) error {
	t := j.start(l)
	defer func() {
		if !l.released.Load() { // a panic
			l.release()
			t.close(Cancelled, j.err)
		}
	}()
	limited, cancel := ctx, context.CancelFunc(func() {})
	if c.longest {
		limited, cancel = context.WithTimeoutCause(ctx, j.s.o.FirstContent, errFirst)
	}
	defer cancel()
	u, err := do(limited, j, l)
	switch {
	case err == nil:
		if u != (models.Usage{}) {
			t.usage = &u
		}
		t.first = max(time.Since(l.began), 1)
		l.w.alive.Store(time.Now().UnixNano())
		l.answered(t.usage)
		t.close(Served, nil)
	case ctx.Err() != nil:
		l.release()
		t.close(Cancelled, err)
	default:
		if limited.Err() != nil {
			err = fault.New(fault.Retryable, c.what, errFirst)
		}
		l.failed(err)
		t.close(RetryWaste, err)
	}
	return err
}
