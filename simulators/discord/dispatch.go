package discord

import (
	"encoding/json"
	"strings"
)

// tell dispatches an event to one session; the caller holds mu.
func (s *Server) tell(sess *session, event string, data any) {
	sess.seq++
	k := kept{sess.seq, frame(opDispatch, &sess.seq, event, data)}
	sess.events = append(sess.events, k)
	if len(sess.events) > s.opts.MaxEvents {
		sess.events, sess.lost = sess.events[1:], true
	}
	if sess.conn != nil {
		sess.conn.push(outgoing{data: k.data})
	}
}

// wants tells whether a session asked for an event of a channel, and is of its shard.
func (sess *session) wants(event string, r *room) bool {
	if !sess.has(r.GuildID) {
		return false
	}
	private := r.GuildID == ""
	need := intentGuilds
	switch {
	case event == "INTERACTION_CREATE":
		return true
	case strings.HasPrefix(event, "MESSAGE_REACTION") && private:
		need = intentDMReactions
	case strings.HasPrefix(event, "MESSAGE_REACTION"):
		need = intentReactions
	case strings.HasPrefix(event, "MESSAGE_") && private:
		need = intentDMs
	case strings.HasPrefix(event, "MESSAGE_"):
		need = intentMessages
	}
	return sess.intents&need != 0
}

// dispatch tells an event of a channel to all sessions that want it; the caller holds mu.
func (s *Server) dispatch(event string, r *room, data any) {
	times := 1
	if s.takeKind(FaultDuplicate, r.ID) {
		times = 2
	}
	for _, sess := range s.gate.sessions {
		for range times {
			if sess.wants(event, r) {
				s.tell(sess, event, data)
			}
		}
	}
}

// dispatchMessage tells of a message, without its content to those who may not read it; the caller
// holds mu.
func (s *Server) dispatchMessage(event string, r *room, m *Message) {
	full := said{Message: *m, ChannelType: r.Type, GuildID: r.GuildID}
	if r.GuildID != "" {
		full.Member = &member{Roles: []string{}, JoinedAt: m.Timestamp}
	}
	bare := full
	bare.Content, bare.Attachments, bare.Embeds, bare.Components = "", []Attachment{}, []json.RawMessage{}, []Component{}
	visible := r.GuildID == "" || m.Author.ID == s.bot.ID
	for _, u := range m.Mentions {
		visible = visible || u.ID == s.bot.ID
	}
	times := 1
	if s.takeKind(FaultDuplicate, r.ID) {
		times = 2
	}
	for _, sess := range s.gate.sessions {
		for range times {
			switch {
			case !sess.wants(event, r):
			case visible || sess.intents&intentMessageContent != 0:
				s.tell(sess, event, full)
			default:
				s.tell(sess, event, bare)
			}
		}
	}
}

// guildPayload is what GUILD_CREATE tells; the caller holds mu.
func (s *Server) guildPayload(g *guild) any {
	channels, threads := []Channel{}, []Channel{}
	for _, r := range s.channels {
		switch {
		case r.GuildID != g.id:
		case r.Type == ChannelPublicThread:
			threads = append(threads, r.Channel)
		default:
			channels = append(channels, r.Channel)
		}
	}
	bot := s.bot
	return map[string]any{
		"id": g.id, "name": g.name, "owner_id": s.bot.ID, "channels": channels, "threads": threads, "member_count": len(g.members),
		"members": []member{{User: &bot, Roles: []string{g.botRole}, JoinedAt: s.opts.Now().UTC()}},
		"roles": []map[string]any{
			{"id": g.id, "name": "@everyone", "permissions": "104324673", "position": 0, "color": 0},
			{"id": g.botRole, "name": s.bot.Username, "permissions": "104324673", "position": 1, "color": 0, "managed": true, "tags": map[string]string{"bot_id": s.bot.ID}},
		},
		"emojis": []any{}, "stickers": []any{}, "voice_states": []any{}, "presences": []any{}, "features": []any{}, "large": false,
		"unavailable": false, "joined_at": s.opts.Now().UTC(), "stage_instances": []any{}, "guild_scheduled_events": []any{}, "preferred_locale": "en-US",
	}
}
