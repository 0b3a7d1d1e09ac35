package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// watchFor is how long the API server is asked to keep a watch; watchLate how much
	// longer it may take for that.
	watchFor  = 4 * time.Minute
	watchLate = 30 * time.Second
	// listFor bounds a list, all its pages together; pageSize is how many slices one has.
	listFor  = 30 * time.Second
	pageSize = 100
	// firstPause and longestPause space the tries after a failure.
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// kubernetes is a source of the endpoints of services, by list and watch (Kubernetes API
// concepts, "Efficient detection of changes").
type kubernetes struct {
	api      *apiServer
	selector string
	port     string
	pause    time.Duration
}

func newKubernetes(c models.KubernetesConfig, o Options) (*kubernetes, error) {
	api, err := reach(c, o)
	if err != nil {
		return nil, err
	}
	return &kubernetes{api: api, selector: c.Selector, port: c.Port, pause: firstPause}, nil
}

// Watch implements Source.
func (k *kubernetes) Watch(ctx context.Context) iter.Seq2[[]Address, error] {
	return func(yield func([]Address, error) bool) {
		defer k.api.transport.CloseIdleConnections()
		w := kubeWatch{kubernetes: k, teller: teller{yield: yield}}
		var pause time.Duration
		for ctx.Err() == nil {
			w.heard = false
			began := time.Now()
			err := w.round(ctx)
			if w.stopped || ctx.Err() != nil {
				return
			}
			if err != nil && !errors.Is(err, errGone) && !w.failed(err) {
				return
			}
			if err == nil && (w.heard || time.Since(began) > longestPause) {
				pause = 0
				continue
			}
			// Also after a watch that ended without a word, so that no server can make a loop of it.
			pause = min(max(2*pause, k.pause), longestPause)
			select {
			case <-ctx.Done():
			case <-time.After(max(fault.Wait(err), pause*time.Duration(800+rand.IntN(401))/1000)): //nolint:gosec // spreads hubs, guards nothing
			}
		}
	}
}

// kubeWatch is one caller's.
type kubeWatch struct {
	*kubernetes
	teller
	slices map[string]endpointSlice
	// version is up to where the slices are known; "" means that they must be listed.
	version string
	// heard is true when a watch brought anything, stopped when the caller wants no more.
	heard, stopped bool
}

// round lists if it must, and then follows what changes until the watch ends. A watch that
// ends or breaks is nothing to tell of: the next one says whether the server is there.
func (w *kubeWatch) round(ctx context.Context) error {
	if w.version == "" {
		if err := w.list(ctx); err != nil {
			return err
		}
		w.tell()
	}
	if w.stopped {
		return nil
	}
	err := w.follow(ctx)
	if err != nil && fault.ClassOf(err) != fault.RateLimited {
		w.version = "" // who cannot follow begins anew
	}
	return err
}

// tell tells what the slices mean.
func (w *kubeWatch) tell() {
	set, err := addressesOf(w.slices, w.port)
	if err != nil {
		w.stopped = w.stopped || !w.failed(err)
		return
	}
	w.stopped = w.stopped || !w.found(set)
}

func (w *kubeWatch) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, listFor)
	defer cancel()
	all := map[string]endpointSlice{}
	query := url.Values{"labelSelector": {w.selector}, "limit": {strconv.Itoa(pageSize)}}
	for {
		var page struct {
			Kind     string `json:"kind"`
			Metadata struct {
				ResourceVersion string `json:"resourceVersion"`
				Continue        string `json:"continue"`
			} `json:"metadata"`
			Items []endpointSlice `json:"items"`
		}
		if err := w.page(ctx, query, &page); err != nil {
			return err
		}
		if page.Kind != "EndpointSliceList" || page.Metadata.ResourceVersion == "" {
			return fault.New(fault.Retryable, opKubernetes, fmt.Errorf("what was answered is a %q, no list of EndpointSlices", page.Kind))
		}
		for _, s := range page.Items {
			all[s.Metadata.Name] = s
		}
		if page.Metadata.Continue == "" {
			w.slices, w.version = all, page.Metadata.ResourceVersion
			return nil
		}
		if len(all) > maxAddresses*pageSize {
			return fault.New(fault.NeedsHuman, opKubernetes, errors.New("the selector finds too many EndpointSlices"))
		}
		query.Set("continue", page.Metadata.Continue)
	}
}

func (w *kubeWatch) page(ctx context.Context, query url.Values, into any) error {
	resp, err := w.api.get(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return fault.New(fault.Retryable, opKubernetes, fmt.Errorf("the list cannot be read: %w", err))
	}
	return nil
}

// event is one of a watch (Kubernetes API, meta/v1 WatchEvent).
type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

func (w *kubeWatch) follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchFor+watchLate)
	defer cancel()
	resp, err := w.api.get(ctx, url.Values{
		"labelSelector": {w.selector}, "watch": {"1"}, "resourceVersion": {w.version},
		"allowWatchBookmarks": {"true"}, "timeoutSeconds": {strconv.Itoa(int(watchFor.Seconds()))},
	})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	w.tell() // the server is there again
	body := &bounded{r: resp.Body}
	events := json.NewDecoder(body)
	for !w.stopped {
		body.left = maxAnswer
		var e event
		switch err := events.Decode(&e); {
		case isJSON(err):
			return fault.New(fault.Retryable, opKubernetes, fmt.Errorf("what changed cannot be read: %w", err))
		case err != nil:
			return nil // ended or broken: what was heard stands, and the next watch goes on from there
		}
		if err := w.apply(e); err != nil {
			return err
		}
		w.heard = true
	}
	return nil
}

// isJSON tells what was said from how it was cut off.
func isJSON(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, errTooLong)
}

func (w *kubeWatch) apply(e event) error {
	if e.Type == "ERROR" {
		var s apiStatus
		if err := json.Unmarshal(e.Object, &s); err != nil {
			return fault.New(fault.Retryable, opKubernetes, err)
		}
		return s.fault(0)
	}
	var s endpointSlice
	if err := json.Unmarshal(e.Object, &s); err != nil || s.Metadata.ResourceVersion == "" {
		return fault.New(fault.Retryable, opKubernetes, fmt.Errorf("a change that cannot be read (%w)", errors.Join(err, errors.New(e.Type))))
	}
	switch e.Type {
	case "ADDED", "MODIFIED":
		w.slices[s.Metadata.Name] = s
	case "DELETED":
		delete(w.slices, s.Metadata.Name)
	case "BOOKMARK":
	default:
		return nil // of a later version of the protocol
	}
	w.version = s.Metadata.ResourceVersion // of a BOOKMARK this is all it says
	w.tell()
	return nil
}

var errTooLong = errors.New("longer than any object is")

// bounded ends a body that goes on for too long without an event.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
