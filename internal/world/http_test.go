package world_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/world"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// get calls an address as the skill poll, and gives the answer.
func (r *rig) get(t *testing.T, may skills.Permissions, address string, change ...func(*http.Request)) (string, error) {
	t.Helper()
	var body []byte
	_, err := r.in(t, may, skilltest.TurnOptions{}, func(w skills.World, _ skills.Writer) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		for _, c := range change {
			c(req)
		}
		resp, err := w.HTTP().Do(req)
		if err != nil {
			return err
		}
		body, err = io.ReadAll(resp.Body)
		return errors.Join(err, resp.Body.Close())
	})
	return string(body), err
}

func hostOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func TestHTTP(t *testing.T) {
	secretly := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "inside") }))
	defer secretly.Close()
	var open *httptest.Server
	open = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, secretly.URL+"/?key=hunter2", http.StatusFound)
		case "/scheme":
			http.Redirect(w, r, "ftp://"+r.Host+"/", http.StatusFound)
		case "/here":
			http.Redirect(w, r, open.URL+"/end", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/long":
			_, _ = w.Write(make([]byte, world.MaxAnswer+1))
		case "/fits":
			_, _ = w.Write(make([]byte, world.MaxAnswer))
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, world.MaxAnswer+1))
			_ = z.Close()
		case "/broken":
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "hello "+r.Header.Get("Authorization"))
		}
	}))
	defer open.Close()
	r := newRig(t)
	may := skills.Permissions{Hosts: []string{hostOf(t, open)}}
	for path, want := range map[string]string{"/": "hello ", "/here": "hello "} {
		if got, err := r.get(t, may, open.URL+path); got != want || err != nil {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if got, err := r.get(t, may, open.URL+"/fits"); len(got) != world.MaxAnswer || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for _, c := range []struct {
		name, address string
		class         fault.Class
		counted       string
		change        func(*http.Request)
	}{
		{"another port", secretly.URL, fault.Permanent, "host", nil},
		{"redirected to another host", open.URL + "/away", fault.Permanent, "host", nil},
		{"redirected to another scheme", open.URL + "/scheme", fault.Permanent, "host", nil},
		{"a file", "file:///etc/passwd", fault.Permanent, "host", nil},
		{"a name for another host", open.URL, fault.Permanent, "host", func(r *http.Request) { r.Host = "inside.example.org" }},
		{"round and round", open.URL + "/loop", fault.Permanent, "", nil},
		{"too long", open.URL + "/long", fault.Permanent, "", nil},
		{"too long when unpacked", open.URL + "/bomb", fault.Permanent, "", nil},
		{"broken", open.URL + "/broken?key=hunter2", fault.Retryable, "", nil},
	} {
		change := c.change
		if change == nil {
			change = func(*http.Request) {}
		}
		body, err := r.get(t, may, c.address, change)
		if err == nil || fault.ClassOf(err) != c.class || strings.Contains(body, "inside") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := r.refusals(); got != c.counted || (c.counted != "") != errors.Is(err, skills.ErrDenied) {
			t.Errorf("%s: counted as %q: %v", c.name, got, err)
		}
	}
}

// TestNamesLeadToNoPrivateAddress: what a name stands for is looked at when it is called.
func TestNamesLeadToNoPrivateAddress(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "inside") }))
	defer s.Close()
	_, port, err := net.SplitHostPort(hostOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	body, err := r.get(t, skills.Permissions{Hosts: []string{"localhost:" + port}}, "http://localhost:"+port)
	if body != "" || !errors.Is(err, skills.ErrDenied) || r.refusals() != "address" {
		t.Errorf("%q, %v", body, err)
	}
	if body, err := r.get(t, skills.Permissions{Hosts: []string{"127.0.0.1:" + port}}, "http://127.0.0.1:"+port); body != "inside" || err != nil {
		t.Errorf("named with its address: %q, %v", body, err)
	}
}

func TestCancelledCall(t *testing.T) {
	begun := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	r := newRig(t)
	_, err := r.get(t, skills.Permissions{Hosts: []string{hostOf(t, s)}}, s.URL, func(req *http.Request) { *req = *req.WithContext(ctx) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false, "240.0.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:0:1::": false, "2001:db8::1": false,
	} {
		if got := world.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
