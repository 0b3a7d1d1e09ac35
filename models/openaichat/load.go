package openaichat

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strconv"

	"github.com/parley-hub/parley/models"
)

const (
	// maxMetrics bounds a page of metrics, maxMetricLine a line that is read: vLLM's page
	// has some 200 kB, its longest line below 2 kB.
	maxMetrics    = 4 << 20
	maxMetricLine = 16 << 10
	// maxRequests is the most that a server can be believed to hold.
	maxRequests = 1e6
	// fullCache leaves room for a ratio that was rounded up.
	fullCache = 1.01
)

// The ways in which the series of one metric become one number.
const (
	sum  = iota // requests of several engines in one server
	most        // the fullest engine is the one that hurts
)

// gauge says what of models.Load a metric is.
type gauge struct {
	of   func(l *models.Load) *models.Gauge
	how  int
	most float64
}

// gauges are the names of the metrics by kind. vLLM renamed its KV gauge in 2025 (V1
// engine); llama.cpp dropped its own then; SGLang's cache hits are a rate, not counters.
var gauges = map[models.Kind]map[string]gauge{
	models.KindVLLM: {
		"vllm:num_requests_running":       runningGauge,
		"vllm:num_requests_waiting":       waitingGauge,
		"vllm:kv_cache_usage_perc":        cacheGauge,
		"vllm:gpu_cache_usage_perc":       cacheGauge,
		"vllm:prefix_cache_queries":       queriesGauge,
		"vllm:prefix_cache_queries_total": queriesGauge,
		"vllm:prefix_cache_hits":          hitsGauge,
		"vllm:prefix_cache_hits_total":    hitsGauge,
	},
	models.KindSGLang: {
		"sglang:num_running_reqs": runningGauge,
		"sglang:num_queue_reqs":   waitingGauge,
		"sglang:token_usage":      cacheGauge,
	},
	models.KindLlamaCPP: {
		"llamacpp:requests_processing":  runningGauge,
		"llamacpp:requests_deferred":    waitingGauge,
		"llamacpp:kv_cache_usage_ratio": cacheGauge,
	},
}

var (
	runningGauge = gauge{func(l *models.Load) *models.Gauge { return &l.Running }, sum, maxRequests}
	waitingGauge = gauge{func(l *models.Load) *models.Gauge { return &l.Waiting }, sum, maxRequests}
	cacheGauge   = gauge{func(l *models.Load) *models.Gauge { return &l.Cache }, most, fullCache}
	queriesGauge = gauge{func(l *models.Load) *models.Gauge { return &l.CacheQueries }, sum, math.MaxFloat64}
	hitsGauge    = gauge{func(l *models.Load) *models.Gauge { return &l.CacheHits }, sum, math.MaxFloat64}
)

// Load reads what the server says about its load (GET /metrics). A metric that is
// missing, negative, no number or too large to be true is unknown, never 0. A server
// that gives none of them (Ollama, llama.cpp without --metrics, an unknown kind) has a
// Load in which nothing is known, and no error. ctx bounds the wait.
func (c *Client) Load(ctx context.Context) (models.Load, error) {
	known := gauges[c.kind()]
	if known == nil {
		return models.Load{}, nil
	}
	resp, err := c.get(ctx, "metrics", c.root.JoinPath("metrics").String())
	switch {
	case closed(err):
		return models.Load{}, nil
	case err != nil:
		return models.Load{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	load, err := readLoad(resp.Body, known)
	if err != nil {
		return models.Load{}, c.ended(ctx, ctx, "metrics", err)
	}
	return load, nil
}

// reading is one gauge on its way; broken once one of its series is nonsense.
type reading struct {
	value         float64
	known, broken bool
}

// readLoad reads a page in Prometheus' text format. Lines it does not understand are no
// error: they are of metrics that nobody asked for.
func readLoad(r io.Reader, known map[string]gauge) (models.Load, error) {
	var load models.Load
	readings := make(map[*models.Gauge]*reading)
	limited := &io.LimitedReader{R: r, N: maxMetrics}
	lines := bufio.NewReaderSize(limited, maxMetricLine)
	for {
		line, long, err := lines.ReadLine()
		for long && err == nil {
			line = nil
			_, long, err = lines.ReadLine()
		}
		if err != nil {
			for g, r := range readings {
				*g = models.Gauge{Value: r.value, Known: r.known && !r.broken}
				if !g.Known {
					*g = models.Gauge{}
				}
				load.Nonsense = load.Nonsense || r.broken
			}
			switch {
			case limited.N == 0:
				// The last line may be cut in a number.
				err = errAnswerTooLong
			case errors.Is(err, io.EOF):
				err = nil
			}
			return load, err
		}
		name, labels, value, ok := readSample(line)
		if !ok {
			continue
		}
		g, ok := known[string(name)]
		if !ok || repeats(labels) {
			continue
		}
		at := g.of(&load)
		if readings[at] == nil {
			readings[at] = new(reading)
		}
		readings[at].add(g, value)
	}
}

func (r *reading) add(g gauge, value float64) {
	switch {
	case !(value >= 0 && value <= g.most) || math.IsInf(value, 0): // also catches NaN
		r.broken = true
	case g.how == sum:
		r.value += value
		r.broken = r.broken || r.value > g.most
	default:
		r.value = max(r.value, min(value, 1))
	}
	r.known = true
}

// repeats tells whether a series counts requests that another one counts too: with
// SGLang every rank of a tensor or pipeline group may report them.
func repeats(labels []byte) bool {
	for _, name := range []string{`tp_rank="`, `pp_rank="`} {
		if i := bytes.Index(labels, []byte(name)); i >= 0 {
			if rest := labels[i+len(name):]; !bytes.HasPrefix(rest, []byte(`0"`)) {
				return true
			}
		}
	}
	return false
}

// readSample takes a line apart: name{labels} value [time]. ok is false for comments and
// what is no sample.
func readSample(line []byte) (name, labels []byte, value float64, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] == '#' {
		return nil, nil, 0, false
	}
	end := bytes.IndexAny(line, "{ \t")
	if end <= 0 {
		return nil, nil, 0, false
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		shut := labelsEnd(rest)
		if shut < 0 {
			return nil, nil, 0, false
		}
		labels, rest = rest[1:shut], rest[shut+1:]
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return nil, nil, 0, false
	}
	value, err := strconv.ParseFloat(string(fields[0]), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		// It is this metric, and it is no number.
		value = math.NaN()
	}
	return name, labels, value, true
}

// labelsEnd finds the brace that closes the labels: values may hold braces.
func labelsEnd(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '"':
			i += stringEnd(data[i:]) - 1
		case '}':
			return i
		}
	}
	return -1
}
