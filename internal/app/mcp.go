package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/mcpserver"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// makeMCP makes the hub an MCP server; nil when nobody may call.
func (a *App) makeMCP() (http.Handler, error) {
	if len(a.cfg.API.MCP.Clients) == 0 {
		return nil, nil
	}
	f := &mcpFront{a: a, clients: map[string]configs.MCPClient{}}
	f.notifier = router.NewNotifier(router.NotifierOptions{Queue: a.queue, Table: a.people.table, Lane: a.lane, Serves: func(to core.Account) bool {
		_, known := a.cfg.Channels[to]
		return known
	}})
	o := mcpserver.Options{Hub: f, MaxBody: int64(a.cfg.HTTP.MaxBody), Version: a.o.Version, Observer: a.observer, Log: a.room("mcp")}
	if a.cfg.HTTP.PublicURL != "" {
		o.Origins = []string{origin(a.cfg.HTTP.PublicURL)}
	}
	for _, c := range a.cfg.API.MCP.Clients {
		f.clients[c.Key] = c
		o.Clients = append(o.Clients, mcpserver.Client{Name: c.Key, Secret: secretOf(a.cfg.API.Keys, c.Key), Send: c.Send})
	}
	s, err := mcpserver.New(o)
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "http.public_url", err)
	}
	return s, nil
}

func secretOf(keys []configs.APIKey, name string) secret.String {
	i := slices.IndexFunc(keys, func(k configs.APIKey) bool { return k.Name == name })
	return keys[i].Key // the configuration names only keys that there are
}

// origin is that of an address, which the configuration has looked at.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}

// mcpFront is what the MCP server reaches of the hub.
type mcpFront struct {
	a        *App
	clients  map[string]configs.MCPClient
	notifier *router.Notifier
}

var _ mcpserver.Hub = (*mcpFront)(nil)

// apiRealm is where programs with a key are people.
const apiRealm core.Realm = "api"

// Tools implements mcpserver.Hub: each key is a person of its own, in a private chat with the
// hub that is on no platform and remembers nothing.
func (f *mcpFront) Tools(client string) skills.Tools {
	c := f.clients[client]
	role := skills.User
	if c.Role != "" {
		role = skills.Role(c.Role)
	}
	who := core.Sender{Realm: apiRealm, ID: core.UserID(client), Name: client}
	in := core.Conversation{Account: core.Account(client), Place: core.Private, Chat: core.ChatID(client)}
	e := core.Envelope{Kind: core.KindMessage, In: in, From: who, Addressed: true, SentAt: time.Now(), Trace: core.NewTraceID()}
	t := &skills.Turn{
		Envelope: e, Person: who.Person(), Key: f.a.people.policy.KeyOf(in, who, who.Person()), Role: role, Session: &session.Session{},
		Log: f.a.room("mcp").With().Str("key", client).Logger(),
	}
	return f.a.tools.For(t, func(tool skills.Callable) bool {
		return (c.Dangerous || !tool.Dangerous) && (len(c.Skills) == 0 || slices.Contains(c.Skills, tool.Skill))
	})
}

var errNotPrivate = errors.New("the other conversation is no private chat")

// Deliver implements mcpserver.Hub.
func (f *mcpFront) Deliver(ctx context.Context, r skills.Result) error {
	for i, reply := range r.Elsewhere {
		if reply.To.Place != core.Private || reply.To.Account == "" || reply.To.Chat == "" {
			return fault.New(fault.Bug, "reply elsewhere", errNotPrivate)
		}
		reply.ID, reply.Final = core.ReplyTo(r.Turn, i), true
		if reply.Trace == "" {
			reply.Trace = core.NewTraceID()
		}
		body, err := core.EncodeReply(reply)
		if err != nil {
			return fault.New(fault.Bug, "encode reply", err)
		}
		if _, err := f.a.queue.Publish(ctx, f.a.lane(reply.To), queue.Item{ID: string(reply.ID), Body: body}); err != nil {
			return err
		}
	}
	return nil
}

var errNoBytes = errors.New("the hub does not have the bytes of this file")

// Open implements mcpserver.Hub.
func (f *mcpFront) Open(ctx context.Context, m core.Media) (io.ReadCloser, error) {
	if m.Blob == "" {
		return nil, fault.New(fault.Permanent, "read file", errNoBytes)
	}
	from, _, err := f.a.blobs.Open(ctx, m.Blob)
	return from, err
}

var (
	errNobody  = errors.New("the person cannot be reached")
	neverHeard = "This person never wrote to the bot in private, or was forgotten since."
	allOut     = "This person wrote only through accounts that the bot no longer has."
)

// Send implements mcpserver.Hub. What an id of a key says is sent once; the audit has each.
func (f *mcpFront) Send(ctx context.Context, client string, n mcpserver.Notice) (int, error) {
	var who configs.Person
	if err := who.UnmarshalText([]byte(n.Person)); err != nil {
		return 0, fault.New(fault.Permanent, "person", err, fault.WithPublic("The person "+err.Error()+"."))
	}
	base := core.PersonOf(who.Realm, who.User)
	person, err := f.a.people.directory.Person(ctx, base)
	if err != nil {
		return 0, err
	}
	id := noticeOf(client, n.ID)
	told, err := f.notifier.Send(ctx, router.Notice{
		ID: id, Person: person, Trace: core.NewTraceID(), Parts: []core.Part{core.Text{Text: n.Text, Format: core.Markdown}},
	})
	if err != nil {
		return 0, err
	}
	switch told.Nowhere {
	case router.NeverHeard:
		return 0, fault.New(fault.Permanent, "send to person", errNobody, fault.WithPublic(neverHeard))
	case router.AllOut:
		return 0, fault.New(fault.Permanent, "send to person", errNobody, fault.WithPublic(allOut))
	}
	why := records.Cause{Turn: core.EnvelopeID(id), Actor: "key:" + client, At: time.Now()}
	return len(told.At), f.a.records.Note(ctx, why, records.AuditSent, base)
}

// noticeOf is the id of what a key says under an id of its own.
func noticeOf(client, id string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", client, id))
	return "mcp-" + hex.EncodeToString(sum[:24])
}
