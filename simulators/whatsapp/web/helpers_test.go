//go:build !nowhatsmeow

package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	_ "modernc.org/sqlite" // the client's store

	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

func TestMain(m *testing.M) {
	whatsmeow.WACertPubKey = web.RootKey()
	// The client leaves a goroutine behind when a frame comes while it hangs up.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).frameComplete"))
}

const (
	bot      = "4915551000"
	botLID   = "200000001000"
	ann      = "16505551234"
	annLID   = "200000001234"
	bob      = "16505555678"
	bobLID   = "200000005678"
	room     = "120363000000000001"
	lidRoom  = "120363000000000002"
	patience = 60 * time.Second
	calm     = 300 * time.Millisecond
)

// storeOptions let transactions lock at once: one that only begins to write when another
// wrote meanwhile fails, the client cannot decrypt, and the message comes later and again.
const storeOptions = "?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_txlock=immediate"

// rig is a server behind a real listener, with a number, two people and two groups.
type rig struct {
	*web.Server
	t   testing.TB
	url *url.URL
}

func start(t testing.TB, opts web.Options) *rig {
	t.Helper()
	r := &rig{Server: web.New(opts), t: t}
	r.AddNumber(web.Number{Phone: bot, LID: botLID, Name: "Parley"})
	r.AddPerson(web.Person{Phone: ann, LID: annLID, Name: "Ann"})
	r.AddPerson(web.Person{Phone: bob, LID: bobLID, Name: "Bob", ByLID: true})
	members := []string{ann, bob, bot}
	r.AddGroup(web.Group{ID: room, Name: "Room", Members: members})
	r.AddGroup(web.Group{ID: lidRoom, Name: "Hidden room", LID: true, Members: members})
	listener := httptest.NewServer(r.Server)
	var err error
	r.url, err = url.Parse(listener.URL)
	r.must(err)
	t.Cleanup(func() {
		r.Close()
		listener.Close()
	})
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), patience)
	r.t.Cleanup(cancel)
	return ctx
}

// wait waits for something on the server.
func (r *rig) wait(what string, cond func() bool) {
	r.t.Helper()
	if err := r.Wait(r.ctx(), cond); err != nil {
		r.t.Fatalf("%s: %v\n%s", what, err, r.story())
	}
}

// story tells what happened so far.
func (r *rig) story() string {
	out := ""
	for _, c := range r.Calls() {
		out += fmt.Sprintf("%+v\n", c)
	}
	for _, e := range r.Events(0) {
		out += fmt.Sprintf("%+v\n", e)
	}
	return out
}

// noProblems fails when the client did anything wrong.
func (r *rig) noProblems() {
	r.t.Helper()
	for _, c := range r.Calls() {
		if c.Problem != "" {
			r.t.Errorf("the client does something wrong: %+v", c)
		}
	}
}

// texts gives what a chat shows.
func (r *rig) texts(chat string) (out []string) {
	for _, p := range r.Shown("", chat) {
		out = append(out, p.Text)
	}
	return out
}

// redirect sends all requests to the simulator.
type redirect struct {
	to   *url.URL
	base *http.Transport
}

func (d redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host, req.Host = "http", d.to.Host, d.to.Host
	return d.base.RoundTrip(req)
}

// client is a real client with a store of its own.
type client struct {
	*whatsmeow.Client
	r     *rig
	store string

	mu     sync.Mutex
	events []any
	wake   chan struct{}
	// accept tells whether the handler takes a message; nil takes all.
	accept func(*events.Message) bool
}

// newClient opens a client over a store, new or known. It acks what its handler took.
func (r *rig) newClient(store string) *client {
	r.t.Helper()
	ctx := r.ctx()
	container, err := sqlstore.New(ctx, "sqlite", "file:"+store+storeOptions, waLog.Noop)
	r.must(err)
	dev, err := container.GetFirstDevice(ctx)
	r.must(err)
	log := waLog.Noop
	if os.Getenv("WALOG") != "" {
		log = waLog.Stdout("client", "DEBUG", false)
	}
	c := &client{Client: whatsmeow.NewClient(dev, log), r: r, store: store, wake: make(chan struct{}, 1)}
	c.SynchronousAck, c.EnableDecryptedEventBuffer = true, true
	base := &http.Transport{}
	carrier := &http.Client{Transport: redirect{r.url, base}}
	c.SetWebsocketHTTPClient(carrier)
	c.SetPreLoginHTTPClient(carrier)
	c.SetMediaHTTPClient(carrier)
	c.AddEventHandlerWithSuccessStatus(func(e any) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if m, ok := e.(*events.Message); ok && c.accept != nil && !c.accept(m) {
			return false
		}
		c.events = append(c.events, e)
		select {
		case c.wake <- struct{}{}:
		default:
		}
		return true
	})
	r.t.Cleanup(func() {
		// The client races with itself when it hangs up while it sends an ack. Some tests
		// leave something unacked, so this does not wait for long.
		quiet, cancel := context.WithTimeout(context.Background(), calm)
		defer cancel()
		_ = r.Wait(quiet, r.Quiet)
		c.Disconnect()
		base.CloseIdleConnections()
		_ = container.Close()
	})
	return c
}

// pair makes a client and links it to the number.
func (r *rig) pair(number string) *client {
	r.t.Helper()
	c := r.newClient(r.t.TempDir() + "/store.db")
	c.link(number)
	return c
}

// link shows a code, lets the number's phone scan it, and waits for the login.
func (c *client) link(number string) {
	r := c.r
	r.t.Helper()
	codes, err := c.GetQRChannel(r.ctx())
	r.must(err)
	r.must(c.Connect())
	item := <-codes
	if item.Event != whatsmeow.QRChannelEventCode {
		r.t.Fatalf("%+v\n%s", item, r.story())
	}
	before := r.Connected(number)
	r.must(r.Scan(r.ctx(), number, item.Code))
	for item := range codes {
		if item.Event != whatsmeow.QRChannelSuccess.Event && item.Event != whatsmeow.QRChannelEventCode {
			r.t.Fatalf("%+v", item)
		}
	}
	r.wait("the login", func() bool { return r.Connected(number) == before+1 })
	c.until("connected", func(e []any) bool { return has[*events.Connected](e) })
}

// until waits until the client's events are as wanted, and gives them.
func (c *client) until(what string, cond func([]any) bool) []any {
	c.r.t.Helper()
	ctx := c.r.ctx()
	for {
		c.mu.Lock()
		all := append([]any{}, c.events...)
		c.mu.Unlock()
		if cond(all) {
			return all
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			c.r.t.Fatalf("%s: the client has %d events\n%s", what, len(all), c.r.story())
		}
	}
}

// heard waits for so many messages and gives them.
func (c *client) heard(n int) []*events.Message {
	c.r.t.Helper()
	return messages(c.until(fmt.Sprint(n, " messages"), func(e []any) bool { return len(messages(e)) >= n }))
}

// messages are those that say something: the first of somebody in a group brings another
// one with their sender key.
func messages(all []any) (out []*events.Message) {
	for _, m := range of[*events.Message](all) {
		if raw := m.RawMessage; raw.GetSenderKeyDistributionMessage() == nil || raw.Conversation != nil || raw.ExtendedTextMessage != nil || raw.ReactionMessage != nil {
			out = append(out, m)
		}
	}
	return out
}

func of[T any](all []any) (out []T) {
	for _, e := range all {
		if v, ok := e.(T); ok {
			out = append(out, v)
		}
	}
	return out
}

func has[T any](all []any) bool { return len(of[T](all)) > 0 }

func person(number string) types.JID { return types.NewJID(number, types.DefaultUserServer) }
func groupJID(id string) types.JID   { return types.NewJID(id, types.GroupServer) }

func textMessage(s string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(s)} }

// say sends a text and gives its id.
func (c *client) say(to types.JID, text string) string {
	c.r.t.Helper()
	resp, err := c.SendMessage(c.r.ctx(), to, textMessage(text))
	if err != nil {
		c.r.t.Fatalf("%v\n%s", err, c.r.story())
	}
	return resp.ID
}

// textOf is the text of a message as the client got it.
func textOf(m *events.Message) string {
	if t := m.Message.GetConversation(); t != "" {
		return t
	}
	return m.Message.GetExtendedTextMessage().GetText()
}
