package slack

import (
	"encoding/base64"
	"slices"
	"strconv"
)

// methodTable is what the server can do; a method without a function answers ok.
func methodTable() map[string]method {
	t := map[string]method{
		"auth.test":                    {do: authTest},
		"apps.connections.open":        {do: openConnection, scope: socketScope, app: true},
		"chat.postMessage":             {do: postMessage, scope: "chat:write"},
		"chat.postEphemeral":           {do: postEphemeral, scope: "chat:write"},
		"chat.update":                  {do: updateMessage, scope: "chat:write"},
		"chat.startStream":             {do: startStream, scope: "chat:write"},
		"chat.appendStream":            {do: appendStream, scope: "chat:write"},
		"chat.stopStream":              {do: stopStream, scope: "chat:write"},
		"chat.delete":                  {do: deleteMessage, scope: "chat:write"},
		"conversations.history":        {do: history},
		"conversations.replies":        {do: replies},
		"conversations.info":           {do: conversationInfo, scope: "channels:read"},
		"conversations.open":           {do: conversationOpen, scope: "im:write"},
		"conversations.list":           {do: conversationList, scope: "channels:read"},
		"users.info":                   {do: userInfo, scope: "users:read"},
		"files.info":                   {do: fileInfo, scope: "files:read"},
		"files.getUploadURLExternal":   {do: uploadAddress, scope: "files:write"},
		"files.completeUploadExternal": {do: completeUpload, scope: "files:write"},
		"reactions.add":                {do: addReaction, scope: "reactions:write"},
		"reactions.remove":             {do: removeReaction, scope: "reactions:write"},
		"assistant.threads.setStatus":  {do: setStatus, scope: "assistant:write"},
	}
	for _, name := range []string{
		"api.test", "assistant.threads.setTitle", "assistant.threads.setSuggestedPrompts", "conversations.join", "conversations.mark",
		"pins.add", "pins.remove", "views.open", "views.publish", "views.push", "views.update", "chat.unfurl", "auth.revoke",
	} {
		t[name] = method{}
	}
	return t
}

func authTest(s *Server, c *call) (args, error) {
	app := s.opts.App
	return args{
		"url": c.base + "/", "team": "Simulated", "team_id": s.opts.Team, "user": app.Name, "user_id": app.UserID,
		"bot_id": app.BotID, "is_enterprise_install": false,
	}, nil
}

func openConnection(s *Server, c *call) (args, error) {
	ticket := token()
	s.hub.mu.Lock()
	s.hub.tickets[ticket] = true
	s.hub.mu.Unlock()
	return args{"url": "ws" + c.base[len("http"):] + "/socket?ticket=" + ticket + "&app_id=" + s.opts.App.ID}, nil
}

func conversationInfo(s *Server, c *call) (args, error) {
	ch := s.channels[c.channel]
	if ch == nil {
		return nil, refuse("channel_not_found")
	}
	return args{"channel": s.info(ch)}, nil
}

func conversationOpen(s *Server, c *call) (args, error) {
	user := c.params["users"]
	if _, ok := s.users[user]; !ok {
		return nil, refuse("user_not_found")
	}
	return args{"channel": args{"id": s.dm(user).id}, "no_op": true}, nil
}

func conversationList(s *Server, _ *call) (args, error) {
	list := []Channel{}
	for _, ch := range s.channels {
		if !ch.im() {
			list = append(list, s.info(ch))
		}
	}
	return args{"channels": list, "response_metadata": args{"next_cursor": ""}}, nil
}

func userInfo(s *Server, c *call) (args, error) {
	u, ok := s.users[c.params["user"]]
	if !ok {
		return nil, refuse("user_not_found")
	}
	user := args{
		"id": u.ID, "team_id": s.opts.Team, "name": u.Name, "real_name": u.Name, "is_bot": u.Bot,
		"profile": args{"real_name": u.Name, "display_name": u.Name},
	}
	if c.params["include_locale"] == "true" {
		user["locale"] = "en-US"
	}
	return args{"user": user}, nil
}

// page is one page of messages.
type page struct {
	messages []Message
	next     string
}

// cut reads the arguments of a page: a range of timestamps, a limit and a cursor.
func (c *call) cut(list []Message) (page, error) {
	inclusive := c.params["inclusive"] == "true" || c.params["inclusive"] == "1"
	inside := func(ts string) bool {
		oldest, latest := c.params["oldest"], c.params["latest"]
		after := oldest == "" || oldest == "0" || less(oldest, ts) || inclusive && oldest == ts
		before := latest == "" || less(ts, latest) || inclusive && latest == ts
		return after && before
	}
	parent := ""
	if c.method == "conversations.replies" {
		parent = c.params["ts"] // it comes with every page
	}
	list = slices.DeleteFunc(list, func(m Message) bool { return m.TS != parent && !inside(m.TS) })
	limit := 100
	if given := c.params["limit"]; given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > 1000 {
			return page{}, refuse("invalid_limit")
		}
		limit = n
	}
	from := 0
	if cursor := c.params["cursor"]; cursor != "" {
		last, err := base64.StdEncoding.DecodeString(cursor)
		if err != nil {
			return page{}, refuse("invalid_cursor")
		}
		from = slices.IndexFunc(list, func(m Message) bool { return m.TS == string(last) }) + 1
	}
	out := page{messages: list[from:]}
	if len(out.messages) > limit {
		out.messages = out.messages[:limit]
		out.next = base64.StdEncoding.EncodeToString([]byte(out.messages[limit-1].TS))
	}
	return out, nil
}

// less compares timestamps: seconds of any length, then six digits.
func less(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

func (p page) answer() args {
	return args{"messages": p.messages, "has_more": p.next != "", "response_metadata": args{"next_cursor": p.next}}
}

// seen is a message as a look-up shows it: metadata only when they are asked for.
func (c *call) seen(p *Posted) Message {
	m := p.Message
	if all := c.params["include_all_metadata"]; all != "true" && all != "1" {
		m.Metadata = nil
	}
	return m
}

// readable finds the channel of a call that reads what was said there, which needs the scope
// of its kind (https://docs.slack.dev/reference/methods/conversations.history).
func (s *Server) readable(c *call) (*channel, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	if scope := families[ch.kind] + ":history"; !s.may(scope) {
		return nil, &apiError{code: "missing_scope", needed: scope}
	}
	return ch, nil
}

func history(s *Server, c *call) (args, error) {
	ch, err := s.readable(c)
	if err != nil {
		return nil, err
	}
	list := []Message{}
	for _, p := range slices.Backward(ch.log) {
		if (p.ThreadTS == "" || p.ThreadTS == p.TS) && p.Ephemeral == "" {
			list = append(list, c.seen(p))
		}
	}
	out, err := c.cut(list)
	return out.answer(), err
}

func replies(s *Server, c *call) (args, error) {
	ch, err := s.readable(c)
	if err != nil {
		return nil, err
	}
	thread := c.params["ts"]
	if ch.find(thread) == nil {
		return nil, refuse("thread_not_found")
	}
	list := []Message{}
	for _, p := range ch.log {
		if p.TS == thread || p.ThreadTS == thread {
			list = append(list, c.seen(p))
		}
	}
	out, err := c.cut(list)
	return out.answer(), err
}

func addReaction(s *Server, c *call) (args, error)    { return reactByBot(s, c, false) }
func removeReaction(s *Server, c *call) (args, error) { return reactByBot(s, c, true) }

func reactByBot(s *Server, c *call, removed bool) (args, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	i, name, self := ch.index(c.params["timestamp"]), c.params["name"], s.opts.App.UserID
	if i < 0 {
		return nil, refuse("message_not_found")
	}
	if name == "" {
		return nil, refuse("invalid_name")
	}
	has := slices.ContainsFunc(ch.log[i].Reactions, func(r Reaction) bool { return r.Name == name && slices.Contains(r.Users, self) })
	switch {
	case has && !removed:
		return nil, refuse("already_reacted")
	case !has && removed:
		return nil, refuse("no_reaction")
	}
	s.react(ch, i, self, name, removed)
	return args{}, nil
}

func setStatus(s *Server, c *call) (args, error) {
	ch, err := s.target(c)
	if err != nil {
		return nil, err
	}
	thread := c.params["thread_ts"]
	if ch.find(thread) == nil {
		return nil, refuse("invalid_thread_ts")
	}
	ch.status[thread] = c.params["status"]
	s.publish(Event{Kind: EventStatus, At: c.at, Channel: ch.id, Thread: thread, Status: c.params["status"]})
	return args{}, nil
}
