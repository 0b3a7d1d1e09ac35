package fleettest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Slice is an EndpointSlice of the namespace "default".
type Slice struct {
	Name   string
	Labels map[string]string
	// Kind is IPv4, IPv6 or FQDN; "" means IPv4.
	Kind string
	// Ports are numbers by name.
	Ports     map[string]int
	Endpoints []Endpoint
}

// Endpoint is one of a Slice. Nil conditions are not said.
type Endpoint struct {
	Address, Pod                string
	Ready, Serving, Terminating *bool
}

// APIServer serves EndpointSlices by list and watch, as Kubernetes does (API concepts). It
// answers 401 without the right token, and 400 to what it would not be asked like that; that
// fails the test too. Its methods are safe for concurrent use.
type APIServer struct {
	URL string
	t   testing.TB
	srv *httptest.Server

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each change
	slices  map[string]Slice
	version int
	// history is what watches are given, in order; what is at or before forgotten is gone.
	history   []change
	forgotten int
	token     string
	// refuse are status codes for the next requests.
	refuse []int
	// page is answered to everything, unless it is nil.
	page []byte
	// raw is said into each open watch; cut ends them after it.
	raw         []string
	epoch       int
	goneAsEvent bool
	// lists and watches count what was begun, open the watches there are.
	lists, watches, open int
}

type change struct {
	version int
	kind    string
	slice   Slice
}

// StartAPIServer starts one with no slices. With tls it has a certificate, which
// Certificate gives, and speaks HTTP/2.
func StartAPIServer(t testing.TB, tls bool) *APIServer {
	t.Helper()
	a := &APIServer{t: t, changed: make(chan struct{}), slices: map[string]Slice{}, version: 100}
	a.srv = httptest.NewUnstartedServer(a)
	if tls {
		a.srv.EnableHTTP2 = true
		a.srv.StartTLS()
	} else {
		a.srv.Start()
	}
	a.URL = a.srv.URL
	t.Cleanup(func() {
		a.srv.CloseClientConnections()
		a.srv.Close()
	})
	return a
}

// Server is what serves it.
func (a *APIServer) Server() *httptest.Server { return a.srv }

func (a *APIServer) change(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
	close(a.changed)
	a.changed = make(chan struct{})
}

// Apply adds a slice, or puts it in place of the one of its name.
func (a *APIServer) Apply(s Slice) {
	a.change(func() {
		kind := "ADDED"
		if _, known := a.slices[s.Name]; known {
			kind = "MODIFIED"
		}
		a.version++
		a.slices[s.Name] = s
		a.history = append(a.history, change{a.version, kind, s})
	})
}

// Delete takes a slice away.
func (a *APIServer) Delete(name string) {
	a.change(func() {
		a.version++
		a.history = append(a.history, change{a.version, "DELETED", a.slices[name]})
		delete(a.slices, name)
	})
}

// Bookmark moves on without a change.
func (a *APIServer) Bookmark() {
	a.change(func() {
		a.version++
		a.history = append(a.history, change{a.version, "BOOKMARK", Slice{}})
	})
}

// Forget drops all history: who asks for what was before gets 410, as the status of the
// answer or as an event. Open watches end.
func (a *APIServer) Forget(asEvent bool) {
	a.change(func() {
		a.version++
		a.history, a.forgotten, a.goneAsEvent = nil, a.version, asEvent
		a.epoch++
	})
}

// Say waits until a watch is open, writes something into each, and ends them.
func (a *APIServer) Say(text string) {
	for {
		a.mu.Lock()
		open, changed := a.open, a.changed
		a.mu.Unlock()
		if open > 0 {
			break
		}
		<-changed
	}
	a.change(func() { a.raw = append(a.raw, text); a.epoch++ })
}

// EndWatches ends those that are open, as the API server does after a while.
func (a *APIServer) EndWatches() { a.change(func() { a.epoch++ }) }

// Impersonate answers everything with 200 and a body, as another server does.
func (a *APIServer) Impersonate(body string) {
	a.change(func() { a.page = []byte(body); a.epoch++ })
}

// SetToken is what requests must carry; "" lets everybody in.
func (a *APIServer) SetToken(token string) { a.change(func() { a.token = token }) }

// Refuse answers the next requests with these status codes, and ends open watches.
func (a *APIServer) Refuse(codes ...int) { a.change(func() { a.refuse = codes; a.epoch++ }) }

// Counts gives how many lists and watches were begun.
func (a *APIServer) Counts() (lists, watches int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lists, a.watches
}

// ServeHTTP implements http.Handler.
func (a *APIServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	code, page := 0, a.page
	switch {
	case len(a.refuse) > 0:
		code, a.refuse = a.refuse[0], a.refuse[1:]
	case a.token != "" && r.Header.Get("Authorization") != "Bearer "+a.token:
		code = http.StatusUnauthorized
	}
	a.mu.Unlock()
	if page != nil {
		_, _ = w.Write(page)
		return
	}
	if code != 0 {
		status(w, code, "refused")
		return
	}
	if r.Method != http.MethodGet || r.URL.Path != "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices" {
		a.t.Errorf("API server: %s %s", r.Method, r.URL.Path)
		status(w, http.StatusNotFound, "no such thing")
		return
	}
	q := r.URL.Query()
	want, err := selector(q.Get("labelSelector"))
	if err != nil {
		status(w, http.StatusBadRequest, err.Error())
		return
	}
	if q.Get("watch") == "" {
		a.list(w, want, q.Get("limit"), q.Get("continue"))
		return
	}
	from, err := strconv.Atoi(q.Get("resourceVersion"))
	if seconds, e := strconv.Atoi(q.Get("timeoutSeconds")); err != nil || e != nil || seconds < 1 || q.Get("allowWatchBookmarks") != "true" {
		a.t.Errorf("API server: a watch with %s", r.URL.RawQuery)
		status(w, http.StatusBadRequest, "no such watch")
		return
	}
	a.watch(w, r, want, from)
}

// list gives pages of as many slices as were asked for. A token to continue names the
// version of the list and the last name.
func (a *APIServer) list(w http.ResponseWriter, want map[string]string, limitText, continued string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	limit, err := strconv.Atoi(limitText)
	if err != nil || limit < 1 {
		status(w, http.StatusBadRequest, "no such limit")
		return
	}
	version, after := a.version, ""
	if continued == "" {
		a.lists++
	} else if _, err := fmt.Sscanf(continued, "%d/%s", &version, &after); err != nil || version <= a.forgotten {
		status(w, http.StatusGone, "The provided continue parameter is too old")
		return
	}
	var items []any
	next := ""
	for _, name := range slices.Sorted(maps.Keys(a.slices)) {
		if name <= after || !fits(a.slices[name], want) {
			continue
		}
		if len(items) == limit {
			next = fmt.Sprintf("%d/%s", version, after)
			break
		}
		items, after = append(items, object(a.slices[name], version)), name
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1",
		"metadata": map[string]string{"resourceVersion": strconv.Itoa(version), "continue": next}, "items": items,
	})
}

func (a *APIServer) watch(w http.ResponseWriter, r *http.Request, want map[string]string, from int) {
	a.mu.Lock()
	a.watches++
	gone, asEvent, epoch, said := from < a.forgotten, a.goneAsEvent, a.epoch, len(a.raw)
	a.mu.Unlock()
	if gone && !asEvent {
		status(w, http.StatusGone, "too old resource version")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w)
	_ = flush.Flush()
	send := func(kind string, o any) { _ = json.NewEncoder(w).Encode(map[string]any{"type": kind, "object": o}) }
	if gone {
		send("ERROR", map[string]any{"kind": "Status", "code": http.StatusGone, "reason": "Expired", "message": "too old resource version"})
		return
	}
	a.change(func() { a.open++ })
	defer a.change(func() { a.open-- })
	for {
		a.mu.Lock()
		for _, c := range a.history {
			if c.version <= from {
				continue
			}
			from = c.version
			switch {
			case c.kind == "BOOKMARK":
				send(c.kind, map[string]any{"kind": "EndpointSlice", "metadata": map[string]string{"resourceVersion": strconv.Itoa(c.version)}})
			case fits(c.slice, want):
				send(c.kind, object(c.slice, c.version))
			}
		}
		over, text, changed := a.epoch != epoch, strings.Join(a.raw[said:], ""), a.changed
		a.mu.Unlock()
		_, _ = w.Write([]byte(text))
		_ = flush.Flush()
		if over {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func status(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message})
}

// selector reads the equality-based ones.
func selector(text string) (map[string]string, error) {
	want := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		label, value, ok := strings.Cut(part, "=")
		if !ok || label == "" {
			return nil, fmt.Errorf("unable to parse requirement: %q", part)
		}
		want[label] = strings.TrimPrefix(value, "=")
	}
	return want, nil
}

func fits(s Slice, want map[string]string) bool {
	for label, value := range want {
		if s.Labels[label] != value {
			return false
		}
	}
	return true
}

func object(s Slice, version int) map[string]any {
	var endpoints, ports []any
	for _, e := range s.Endpoints {
		conditions := map[string]bool{}
		for name, b := range map[string]*bool{"ready": e.Ready, "serving": e.Serving, "terminating": e.Terminating} {
			if b != nil {
				conditions[name] = *b
			}
		}
		o := map[string]any{"addresses": []string{e.Address}, "conditions": conditions}
		if e.Pod != "" {
			o["targetRef"] = map[string]string{"kind": "Pod", "name": e.Pod, "uid": "uid-of-" + e.Pod}
		}
		endpoints = append(endpoints, o)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Ports)) {
		ports = append(ports, map[string]any{"name": name, "port": s.Ports[name], "protocol": "TCP"})
	}
	kind := s.Kind
	if kind == "" {
		kind = "IPv4"
	}
	return map[string]any{
		"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "addressType": kind, "endpoints": endpoints, "ports": ports,
		"metadata": map[string]any{"name": s.Name, "namespace": "default", "labels": s.Labels, "resourceVersion": strconv.Itoa(version)},
	}
}
