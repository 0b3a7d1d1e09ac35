package discord

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// beginEvery is how often as many sessions may be begun as max_concurrency says
	// (https://docs.discord.com/developers/events/gateway#rate-limiting).
	beginEvery = 5 * time.Second
	// maxShards bounds the shards of an account.
	maxShards = 1000
)

// shard is one of the connections of an account: that of the servers whose id, without its
// lowest 22 bits, leaves this number when it is divided by how many there are. The first
// has the private chats (https://docs.discord.com/developers/events/gateway#sharding).
type shard struct {
	*Adapter
	id int
	// place is where the session stands; only the connection's store touches it.
	place *place
}

// shardName names what only one node may do.
func shardName(id, of int) string { return "shard " + strconv.Itoa(id) + "/" + strconv.Itoa(of) }

// shardFile is the session file of a shard: the file itself where there is only one.
func shardFile(file string, id, of int) string {
	if file == "" || of == 1 {
		return file
	}
	return strings.TrimSuffix(file, ".json") + "-" + strconv.Itoa(id) + "-of-" + strconv.Itoa(of) + ".json"
}

// gatewayAddress is where the session is resumed, or where a new one begins.
func (s *shard) gatewayAddress(ctx context.Context) (string, error) {
	base := s.place.ResumeURL
	if s.place.Session == "" || base == "" {
		var answer struct {
			URL    string `json:"url"`
			Shards int    `json:"shards"`
			Limit  struct {
				Remaining   *int    `json:"remaining"`
				ResetAfter  float64 `json:"reset_after"`
				Concurrency int     `json:"max_concurrency"`
			} `json:"session_start_limit"`
		}
		if err := s.api.call(ctx, request{op: "gateway", method: http.MethodGet, url: discordgo.EndpointGatewayBot}, &answer); err != nil {
			return "", err
		}
		if left := answer.Limit.Remaining; left != nil && *left <= 0 && s.place.Session == "" {
			return "", fault.New(fault.RateLimited, "gateway", errors.New("no session may be begun for now"),
				fault.WithWait(max(seconds(answer.Limit.ResetAfter/1000), time.Minute)), fault.WithScope(fault.ScopeMethod))
		}
		if answer.Shards > s.config.Shards {
			s.log.Warn().Int("shards", s.config.Shards).Int("recommended", answer.Shards).Msg("Discord recommends more shards: set shards of this channel")
		}
		if s.place.Session == "" && s.config.Shards > 1 {
			if err := s.begins.wait(ctx, s.id%max(answer.Limit.Concurrency, 1)); err != nil {
				return "", err
			}
		}
		base = answer.URL
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "wss" && u.Scheme != "ws") {
		return "", fault.New(fault.Retryable, "gateway", errShape)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = "v=" + discordgo.APIVersion + "&encoding=json"
	return u.String(), nil
}

// pacer spaces the sessions that this node begins, by bucket. Where another node begins
// one at the same time, Discord turns one away, which comes back after some seconds.
type pacer struct {
	mu   sync.Mutex
	next map[int]time.Time
}

func (p *pacer) wait(ctx context.Context, bucket int) error {
	p.mu.Lock()
	if p.next == nil {
		p.next = map[int]time.Time{}
	}
	now := time.Now()
	at := p.next[bucket]
	if at.Before(now) {
		at = now
	}
	p.next[bucket] = at.Add(beginEvery)
	p.mu.Unlock()
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Retryable, "gateway", fmt.Errorf("before a session was begun: %w", ctx.Err()))
	}
}
