package discord

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// Life of interactions (https://docs.discord.com/developers/interactions/receiving-and-responding).
const (
	answerWithin = 3 * time.Second
	tokenLife    = 15 * time.Minute
	keptAsked    = 10000
)

// interaction is a command or a press, with what became of it.
type interaction struct {
	id, token string
	kind      int
	channel   string
	user      User
	at        time.Time
	body      []byte
	// answered is true once the bot acknowledged it.
	answered bool
	// original is the message that answers it, or the one with the button.
	original string
}

// metadata is what a message says of the interaction it answers; original is set for all but the
// first.
func (in *interaction) metadata(r *room, original string) *InteractionMetadata {
	return &InteractionMetadata{ID: in.id, Type: in.kind, User: in.user, Original: original, Owners: owners(r)}
}

func owners(r *room) map[string]string {
	if r.GuildID == "" {
		return map[string]string{"0": "0"}
	}
	return map[string]string{"0": r.GuildID}
}

// ErrEndpoint is returned by SetEndpoint when the endpoint does not behave.
var ErrEndpoint = errors.New("the specified interactions endpoint url could not be verified")

// SetEndpoint has interactions delivered to this address. Like the developer console it first
// checks that a PING is answered and a wrong signature is not believed.
func (s *Server) SetEndpoint(address string) error {
	ping := []byte(`{"id":"1","application_id":"` + s.opts.ApplicationID + `","type":1,"token":"t","version":1}`)
	status, body, err := s.deliver(address, ping, true)
	var pong struct {
		Type int `json:"type"`
	}
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &pong) != nil || pong.Type != 1 {
		return fmt.Errorf("%w: PING answered with %d %s", ErrEndpoint, status, body)
	}
	if status, _, err = s.deliver(address, ping, false); err != nil || status != http.StatusUnauthorized {
		return fmt.Errorf("%w: a wrong signature answered with %d", ErrEndpoint, status)
	}
	s.mu.Lock()
	s.endpoint = address
	s.mu.Unlock()
	return nil
}

// deliver makes one call of the endpoint.
func (s *Server) deliver(address string, body []byte, honest bool) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = s.Sign(body, s.opts.Now())
	if !honest {
		req.Header.Set("X-Signature-Ed25519", fmt.Sprintf("%0128d", 0))
	}
	req.Header.Set("User-Agent", "Discord-Interactions/1.0 (+https://discord.com)")
	resp, err := s.hooks.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, answer, err
}

// Asked is an interaction as it was made.
type Asked struct {
	ID, Token string
	// Body is what is delivered of it.
	Body []byte
}

// Press presses a button under a message as a person.
func (s *Server) Press(channel, message, from, customID string) (Asked, error) {
	s.mu.Lock()
	r := s.channels[channel]
	var m *Message
	if r != nil {
		m = r.find(message)
	}
	found := m != nil && slices.ContainsFunc(m.Components, func(row Component) bool {
		return slices.ContainsFunc(row.Components, func(b Component) bool { return b.CustomID == customID && !b.Disabled })
	})
	s.mu.Unlock()
	switch {
	case m == nil:
		return Asked{}, ErrNoMessage
	case !found:
		return Asked{}, ErrNoButton
	}
	return s.ask(channel, from, 3, map[string]any{"custom_id": customID, "component_type": 2}, m)
}

// make builds an interaction; the caller holds mu.
func (s *Server) make(channel, from string, kind int, data map[string]any, m *Message) (*interaction, error) {
	r, u := s.channels[channel], s.users[from]
	switch {
	case r == nil:
		return nil, ErrNoChannel
	case u == nil:
		return nil, ErrNoUser
	}
	in := &interaction{id: s.id(), kind: kind, channel: channel, user: *u, at: s.opts.Now()}
	in.token = "token-of-interaction-" + in.id
	body := map[string]any{
		"id": in.id, "application_id": s.opts.ApplicationID, "type": kind, "token": in.token, "version": 1, "data": data,
		"channel_id": channel, "channel": r.Channel, "locale": "en-US", "entitlements": []any{}, "app_permissions": "2248473465835073",
		"authorizing_integration_owners": owners(r), "attachment_size_limit": 10 << 20,
	}
	if r.GuildID != "" {
		body["guild_id"], body["context"] = r.GuildID, 0
		body["guild"] = map[string]any{"id": r.GuildID, "locale": "en-US", "features": []any{}}
		body["member"] = map[string]any{"user": u, "roles": []string{}, "nick": nil, "joined_at": in.at.UTC(), "permissions": "2248473465835073", "deaf": false, "mute": false, "flags": 0}
	} else {
		body["context"], body["user"] = 1, u
	}
	if m != nil {
		body["message"] = *m
		in.original = m.ID
	}
	in.body = simulators.JSON(body)
	return in, nil
}

// ask makes an interaction and brings it to the endpoint, or to the gateway where there is none.
func (s *Server) ask(channel, from string, kind int, data map[string]any, m *Message) (Asked, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in, err := s.make(channel, from, kind, data, m)
	if err != nil {
		return Asked{}, err
	}
	s.asked[in.token] = in
	s.askedBy = append(s.askedBy, in.token)
	if len(s.askedBy) > keptAsked {
		delete(s.asked, s.askedBy[0])
		s.askedBy = s.askedBy[1:]
	}
	out := Asked{in.id, in.token, in.body}
	r := s.channels[channel]
	if s.endpoint == "" {
		s.dispatch("INTERACTION_CREATE", r, json.RawMessage(in.body))
		return out, nil
	}
	times := 1
	if s.takeKind(FaultDuplicate, channel) {
		times = 2
	}
	for range times {
		s.lanes[channel] = append(s.lanes[channel], in)
	}
	if len(s.lanes[channel]) == times && s.ctx.Err() == nil {
		s.wg.Go(func() { s.work(channel) })
	}
	return out, nil
}

// work delivers the interactions of a channel one after the other.
func (s *Server) work(channel string) {
	for {
		s.mu.Lock()
		lane := s.lanes[channel]
		if len(lane) == 0 || s.ctx.Err() != nil {
			delete(s.lanes, channel)
			s.mu.Unlock()
			return
		}
		in, address := lane[0], s.endpoint
		s.mu.Unlock()
		began := time.Now()
		status, answer, err := s.deliver(address, in.body, true)
		taken := err == nil && status >= 200 && status < 300
		if !taken && s.opts.RepeatInteractions > 0 {
			t := time.NewTimer(s.opts.RepeatInteractions)
			select {
			case <-t.C:
			case <-s.ctx.Done():
				t.Stop()
			}
			continue
		}
		s.mu.Lock()
		if taken && time.Since(began) < s.opts.AnswerWithin {
			_ = s.answer(in, answer) // a wrong answer is shown to the person as a failure
		}
		if s.lanes[channel] = s.lanes[channel][1:]; len(s.lanes[channel]) == 0 {
			delete(s.lanes, channel)
			s.mu.Unlock()
			s.feed.Touch()
			return
		}
		s.mu.Unlock()
		s.feed.Touch()
	}
}

func (s *Server) callback(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.asked[c.r.PathValue("token")]
	switch {
	case in == nil || in.id != c.r.PathValue("interaction"):
		return nil, errUnknownAsked
	case in.answered:
		return nil, errAnswered
	case c.at.Sub(in.at) > s.opts.AnswerWithin:
		return nil, errUnknownAsked
	}
	c.channel = in.channel
	return nil, s.answer(in, c.body)
}

// answer takes in what the bot answers at first; the caller holds mu.
func (s *Server) answer(in *interaction, body []byte) error {
	var a struct {
		Type int             `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &a) != nil {
		return errNotJSON
	}
	r := s.channels[in.channel]
	switch {
	case in.answered:
		return errAnswered
	case a.Type == 5 || a.Type == 4:
		d := &draft{}
		m := &Message{Author: s.bot, Type: 20, Interaction: in.metadata(r, ""), ChannelID: r.ID}
		if a.Type == 5 {
			m.Flags = flagLoading
		} else {
			if json.Unmarshal(a.Data, d) != nil {
				return errNotJSON
			}
			if err := d.check(); err != nil {
				return err
			}
			if d.empty() {
				return errEmpty
			}
			s.fill(m, d, "")
		}
		s.post(r, m)
		in.original = m.ID
	case a.Type == 6 && in.kind == 3:
	default:
		return invalid("type", "BASE_TYPE_CHOICES", "The value is not one for this interaction.")
	}
	in.answered = true
	return nil
}

// hook finds the interaction of a call with its token; the caller holds mu.
func (s *Server) hook(c *call) (*interaction, *room, error) {
	in := s.asked[c.r.PathValue("token")]
	switch {
	case in == nil || c.r.PathValue("application") != s.opts.ApplicationID || !in.answered:
		return nil, nil, errUnknownWebhook
	case c.at.Sub(in.at) > tokenLife:
		return nil, nil, errBadToken
	}
	c.channel = in.channel
	return in, s.channels[in.channel], nil
}

func (s *Server) followUp(c *call) (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, r, err := s.hook(c)
	if err != nil {
		return nil, err
	}
	if d.empty() {
		return nil, errEmpty
	}
	if m := r.find(in.original); m != nil && m.Flags&flagLoading != 0 {
		return s.change(r, m, d, c.r.Host) // the first follow-up of a deferred answer is that answer
	}
	m := &Message{Author: s.bot, ChannelID: r.ID, Interaction: in.metadata(r, in.original)}
	s.fill(m, d, c.r.Host)
	s.post(r, m)
	return *m, nil
}

// hooked finds the message of a call with an interaction's token; the caller holds mu.
func (s *Server) hooked(c *call) (*room, *Message, error) {
	in, r, err := s.hook(c)
	if err != nil {
		return nil, nil, err
	}
	id := c.r.PathValue("message")
	if id == "@original" {
		id = in.original
	}
	m := r.find(id)
	if m == nil || m.ID != in.original && (m.Interaction == nil || m.Interaction.ID != in.id) {
		return nil, nil, errUnknownMessage
	}
	return r, m, nil
}

func (s *Server) webhookGet(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, m, err := s.hooked(c)
	if err != nil {
		return nil, err
	}
	return *m, nil
}

func (s *Server) webhookEdit(c *call) (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, m, err := s.hooked(c)
	if err != nil {
		return nil, err
	}
	return s.change(r, m, d, c.r.Host)
}

func (s *Server) webhookDelete(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, m, err := s.hooked(c)
	if err == nil {
		s.remove(r, m)
	}
	return nil, err
}
