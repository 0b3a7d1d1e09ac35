package telegram

import (
	"context"
	"net"
	"net/url"
	"time"
)

func (s *Server) setWebhook(c *call) (any, error) {
	address := c.params.values["url"]
	if address == "" {
		return s.deleteWebhook(c)
	}
	b := c.bot
	secret := c.params.values["secret_token"]
	if err := s.checkHook(address, secret); err != nil {
		return nil, err
	}
	connections := c.params.int("max_connections", defaultConnections, 1, maxConnections)
	drop := c.params.bool("drop_pending_updates")
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.opts.Limits.SetWebhook {
		if c.at.Sub(b.lastSet) < time.Second {
			return nil, tooMany(1)
		}
		b.lastSet = c.at
	}
	b.setAllowed(c.params)
	old := b.hook
	if old != nil && old.url == address && old.secret == secret && old.connections == connections && !drop {
		return described{true, "Webhook is already set"}, nil
	}
	b.endPoll(conflictSet)
	b.dropHook()
	if drop {
		b.queue = nil
	}
	b.expire(c.at)
	ctx, stop := context.WithCancel(s.ctx)
	b.hook = &hook{
		url: address, secret: secret, connections: connections,
		ctx: ctx, stop: stop, server: s, bot: b, chats: map[int64]*lane{},
	}
	for _, u := range b.queue {
		b.hook.enqueue(u)
	}
	return described{true, "Webhook was set"}, nil
}

func (s *Server) checkHook(address, secret string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return badRequest("invalid webhook URL specified")
	}
	if s.opts.RequireHTTPS && u.Scheme != "https" {
		return badRequest("bad webhook: An HTTPS URL must be provided for webhook")
	}
	if len(secret) > maxSecret {
		return badRequest("secret token is too long")
	}
	for _, r := range secret {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		default:
			return badRequest("secret token contains unallowed characters")
		}
	}
	return nil
}

func (s *Server) deleteWebhook(c *call) (any, error) {
	b := c.bot
	b.mu.Lock()
	defer b.mu.Unlock()
	text := "Webhook was deleted"
	if b.hook == nil {
		text = "Webhook is already deleted"
	}
	b.dropHook()
	if c.params.bool("drop_pending_updates") {
		b.queue = nil
	}
	return described{true, text}, nil
}

type webhookInfo struct {
	URL            string   `json:"url"`
	Certificate    bool     `json:"has_custom_certificate"`
	Pending        int      `json:"pending_update_count"`
	LastErrorDate  int64    `json:"last_error_date,omitempty"`
	LastErrorText  string   `json:"last_error_message,omitempty"`
	MaxConnections int      `json:"max_connections,omitempty"`
	AllowedUpdates []string `json:"allowed_updates,omitempty"`
	IPAddress      string   `json:"ip_address,omitempty"`
}

func (s *Server) getWebhookInfo(c *call) (any, error) {
	b := c.bot
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(c.at)
	info := webhookInfo{Pending: b.pending(), AllowedUpdates: b.allowedList()}
	if h := b.hook; h != nil {
		info.URL, info.MaxConnections = h.url, h.connections
		info.IPAddress = hostIP(h.url)
		if h.lastError != "" {
			info.LastErrorDate, info.LastErrorText = unix(h.errorAt), h.lastError
		}
	}
	return info, nil
}

// hostIP is the address of a webhook whose host is an address already.
func hostIP(address string) string {
	u, err := url.Parse(address)
	if err != nil || net.ParseIP(u.Hostname()) == nil {
		return ""
	}
	return u.Hostname()
}
