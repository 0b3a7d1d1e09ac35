package redisq

import (
	"context"
	"embed"
	"path"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var sources embed.FS

// format is the version of the data and of what the scripts do with it. It changes
// when a node with the scripts before could not work on the same store.
const format = "1"

// The scripts. What each takes, gives and costs stands in its file.
var (
	openScript    = script("open")
	claimScript   = script("claim")
	publishScript = script("publish")
	takeScript    = script("take")
	loadScript    = script("load")
	beatScript    = script("beat")
	noteScript    = script("note")
	releaseScript = script("release")
	commitScript  = script("commit")
	receiveScript = script("receive")
	trimScript    = script("trim")
	statsScript   = script("stats")
	lettersScript = script("letters")
	replayScript  = script("replay")
	dropScript    = script("drop")
)

// script reads a script and puts what they share between its first line, which
// holds the flags, and the rest.
func script(name string) *redis.Script {
	head, body, _ := strings.Cut(source(name), "\n")
	return redis.NewScript(head + "\n" + stripped(source("common")) + stripped(body))
}

func source(name string) string {
	text, err := sources.ReadFile(path.Join("lua", name+".lua"))
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// stripped leaves out what is only for readers.
func stripped(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if bare := strings.TrimSpace(line); bare != "" && !strings.HasPrefix(bare, "--") {
			b.WriteString(bare + "\n")
		}
	}
	return b.String()
}

// run runs a script: by its hash, and with its text where the server does not know
// it. Every script may run twice without harm, which the cluster client makes use of.
func (e *Engine) run(ctx context.Context, what string, s *redis.Script, keys []string, args ...any) (any, error) {
	if e.isClosed() {
		return nil, closed(what)
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	answer, err := s.Run(ctx, e.rdb, keys, args...).Result()
	if err != nil {
		return nil, e.classify(what, err)
	}
	return answer, nil
}

// call is a script to be run among others.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
	answer any
	err    error
}

// runAll runs scripts in one pipeline. Those that the server does not know are run
// again one by one.
func (e *Engine) runAll(ctx context.Context, what string, calls []*call) {
	if len(calls) == 1 {
		calls[0].answer, calls[0].err = e.run(ctx, what, calls[0].script, calls[0].keys, calls[0].args...)
		return
	}
	if e.isClosed() {
		for _, c := range calls {
			c.err = closed(what)
		}
		return
	}
	within, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	pipe := e.rdb.Pipeline()
	cmds := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		cmds[i] = c.script.EvalSha(within, pipe, c.keys, c.args...)
	}
	_, _ = pipe.Exec(within) // each command has its own error
	for i, c := range calls {
		answer, err := cmds[i].Result()
		switch {
		case err == nil:
			c.answer = answer
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			c.answer, c.err = e.run(ctx, what, c.script, c.keys, c.args...)
		default:
			c.err = e.classify(what, err)
		}
	}
}

// array reads an answer that is a list.
func array(answer any) []any {
	l, _ := answer.([]any)
	return l
}

// str reads an answer that is text; "" for none.
func str(answer any) string {
	s, _ := answer.(string)
	return s
}

// num reads an answer that is a number; 0 for none.
func num(answer any) int64 {
	n, _ := answer.(int64)
	return n
}
