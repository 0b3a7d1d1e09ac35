package mcpserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/skills"
)

// Client is one program that may call.
type Client struct {
	// Name is the key's, in metrics, in the log and in the audit.
	Name   string
	Secret secret.String
	// Send is true for one that may tell people something.
	Send bool
}

// Notice is what a client tells a person.
type Notice struct {
	// ID makes a repeat harmless: the same one is sent once.
	ID string
	// Person is a realm and a user id, such as telegram:123456.
	Person string
	Text   string
}

// Hub is what the server reaches of it.
type Hub interface {
	// Tools gives what a client may call now.
	Tools(client string) skills.Tools
	// Deliver puts what a called skill says in other chats on its way; it is durable on nil.
	Deliver(ctx context.Context, r skills.Result) error
	// Open reads a file that a skill answered with.
	Open(ctx context.Context, m core.Media) (io.ReadCloser, error)
	// Send puts a notice on its way, durably, and tells to how many chats. A fault with
	// public words says why it cannot be.
	Send(ctx context.Context, client string, n Notice) (chats int, err error)
}

// Options make a Server. Clients and Hub are required.
type Options struct {
	Clients []Client
	Hub     Hub
	// MaxBody bounds a request in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// Origins are those whose pages may call, beside the server's own, such as
	// https://bot.example.org.
	Origins []string
	Version string
	// Observer sees each call's end as one core.StageAPI; nil for nobody.
	Observer core.Observer
	Log      zerolog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const (
	// DefaultMaxBody bounds a request where Options does not.
	DefaultMaxBody = 1 << 20
	// maxCalls is how many calls of one client run at once.
	maxCalls = 16
	// bodyTimeout is how long a request may take to come.
	bodyTimeout = 30 * time.Second
)

// Server answers at one path: an http.Handler, safe for concurrent use.
type Server struct {
	o       Options
	clients []*client
	origins *http.CrossOriginProtection
	mcp     http.Handler
}

// client is one with its digest, which is compared: digests are of one length, and what a
// comparison's time tells of one tells nothing of the secret.
type client struct {
	Client
	digest [sha256.Size]byte
	server *mcp.Server
	room   chan struct{}
}

// New makes a Server. It fails for an origin that is none.
func New(o Options) (*Server, error) {
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Observer == nil {
		o.Observer = core.ObserverFunc(func(core.Event) {})
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{o: o, origins: http.NewCrossOriginProtection()}
	for _, origin := range o.Origins {
		if err := s.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("origin %q: %w", origin, err)
		}
	}
	for _, c := range o.Clients {
		s.clients = append(s.clients, s.newClient(c))
	}
	s.mcp = mcp.NewStreamableHTTPHandler(func(r *http.Request) *mcp.Server {
		if c, ok := r.Context().Value(clientKey{}).(*client); ok {
			return c.server
		}
		return nil
	}, &mcp.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true, MaxRequestBodyBytes: o.MaxBody, PropagateRequestCancellation: true,
		// A page that rebound its name has no key; a proxy on this machine keeps the name.
		DisableLocalhostProtection: true,
	})
	return s, nil
}

// clientKey and requestKey carry who asks, and how long they wait, through the SDK: it knows
// neither, and hands both on.
type (
	clientKey  struct{}
	requestKey struct{}
)

func (s *Server) newClient(c Client) *client {
	one := &client{Client: c, digest: sha256.Sum256([]byte(c.Secret.Reveal())), room: make(chan struct{}, maxCalls)}
	one.server = mcp.NewServer(&mcp.Implementation{Name: "parley", Version: s.o.Version}, &mcp.ServerOptions{
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
	})
	one.server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
			switch p := r.GetParams().(type) {
			case *mcp.ListToolsParams:
				return s.list(one), nil
			case *mcp.CallToolParamsRaw:
				return s.call(ctx, one, p)
			}
			if !strings.HasPrefix(method, "notifications/") && !known[method] {
				return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "there are tools here, and nothing else"}
			}
			return next(ctx, method, r)
		}
	})
	return one
}

// known are the methods that the SDK answers by itself.
var known = map[string]bool{"initialize": true, "ping": true, "server/discover": true, "logging/setLevel": true}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if err := s.origins.Check(r); err != nil {
		http.Error(w, "this is not for pages of other origins", http.StatusForbidden)
		return
	}
	c, ok := s.clientOf(r)
	if !ok {
		h.Set("WWW-Authenticate", "Bearer")
		http.Error(w, "the key is missing or wrong; send it as Authorization: Bearer KEY", http.StatusUnauthorized)
		return
	}
	if r.ContentLength > s.o.MaxBody {
		s.tooLarge(w)
		return
	}
	body, ok := s.read(w, r)
	if !ok {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	ctx := context.WithValue(r.Context(), clientKey{}, c)
	s.mcp.ServeHTTP(w, r.WithContext(context.WithValue(ctx, requestKey{}, r.Context())))
}

// read reads the whole body, bounded in size and time. The bound on time ends with it: left
// standing, it would end the watch for a caller that leaves, and with it the answer.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	out := http.NewResponseController(w)
	if err := out.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return nil, false
	}
	defer func() { _ = out.SetReadDeadline(time.Time{}) }()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.o.MaxBody))
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return body, true
	case errors.As(err, &large):
		s.tooLarge(w)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		http.Error(w, "the request came too slowly", http.StatusRequestTimeout)
	default:
		http.Error(w, "the request could not be read to its end", http.StatusBadRequest)
	}
	return nil, false
}

func (s *Server) tooLarge(w http.ResponseWriter) {
	// The rest is not worth reading: the connection goes with it.
	w.Header().Set("Connection", "close")
	http.Error(w, fmt.Sprintf("the request is larger than %d bytes", s.o.MaxBody), http.StatusRequestEntityTooLarge)
}

// clientOf finds whose key a request carries. All are compared, whichever matches.
func (s *Server) clientOf(r *http.Request) (found *client, ok bool) {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	digest := sha256.Sum256([]byte(strings.TrimSpace(given)))
	for _, c := range s.clients {
		if subtle.ConstantTimeCompare(digest[:], c.digest[:]) == 1 {
			found, ok = c, true
		}
	}
	return found, ok && strings.EqualFold(scheme, "Bearer") && !found.Secret.IsZero()
}
