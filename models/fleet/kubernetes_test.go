package fleet_test

import (
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/fleettest"
)

var (
	yes, no = new(true), new(false)
	vllm    = map[string]string{"app": "vllm", "kubernetes.io/service-name": "gpu"}
)

// slice is one of the service whose pods listen at these addresses.
func slice(name string, ips ...string) fleettest.Slice {
	s := fleettest.Slice{Name: name, Labels: vllm, Ports: map[string]int{"http": 8000, "metrics": 9000}}
	for _, ip := range ips {
		s.Endpoints = append(s.Endpoints, fleettest.Endpoint{Address: ip, Pod: "pod-" + ip, Ready: yes, Serving: yes, Terminating: no})
	}
	return s
}

func fromAPI(t *testing.T, a *fleettest.APIServer, c models.KubernetesConfig) fleet.Source {
	t.Helper()
	c.Server, c.Namespace = a.URL, "default"
	if c.Selector == "" {
		c.Selector = "app=vllm"
	}
	s, err := fleet.New(models.DiscoverConfig{Kubernetes: c}, fleet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return fleet.Hasten(s)
}

func TestKubernetes(t *testing.T) {
	a := fleettest.StartAPIServer(t, false)
	a.Apply(slice("gpu-a", "10.0.0.2", "10.0.0.1"))
	other := slice("web", "10.9.9.9")
	other.Labels = map[string]string{"app": "web"}
	a.Apply(other)
	l := follow(t, fromAPI(t, a, models.KubernetesConfig{Port: "http"}))
	if set := l.next(0, "10.0.0.1:8000", "10.0.0.2:8000"); set[0].Name != "pod-10.0.0.1" {
		t.Errorf("%+v", set)
	}
	a.Apply(slice("gpu-b", "10.0.0.3"))
	l.next(0, "10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000")
	a.Bookmark()
	a.Apply(other) // is nobody's business
	ending := slice("gpu-a", "10.0.0.1", "10.0.0.2", "10.0.0.4")
	ending.Endpoints[0].Ready, ending.Endpoints[0].Terminating = no, yes
	ending.Endpoints[1].Ready, ending.Endpoints[1].Serving, ending.Endpoints[1].Terminating = no, no, yes
	ending.Endpoints[2].Ready, ending.Endpoints[2].Serving = no, no
	a.Apply(ending)
	l.next(0, "10.0.0.1:8000!", "10.0.0.3:8000")
	a.Delete("gpu-a")
	l.next(0, "10.0.0.3:8000")
	a.Delete("gpu-b")
	l.next(0)
	if lists, watches := a.Counts(); lists != 1 || watches != 1 {
		t.Errorf("%d lists, %d watches", lists, watches)
	}
}

// TestKubernetesConditions: what is not said means ready; a service that publishes
// endpoints before they are ready says so of ending ones too.
func TestKubernetesConditions(t *testing.T) {
	for name, c := range map[string]struct {
		ready, serving, terminating *bool
		want                        string
	}{
		"nothing said":          {nil, nil, nil, "10.0.0.1:8000"},
		"not ready":             {no, nil, nil, ""},
		"ending, serving":       {no, yes, yes, "10.0.0.1:8000!"},
		"ending, not serving":   {no, no, yes, ""},
		"ending, nothing said":  {nil, nil, yes, "10.0.0.1:8000!"},
		"ending, always called": {yes, yes, yes, "10.0.0.1:8000!"},
		"serving, not ready":    {no, yes, no, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := fleettest.StartAPIServer(t, false)
			s := slice("gpu", "10.0.0.1")
			s.Endpoints[0].Ready, s.Endpoints[0].Serving, s.Endpoints[0].Terminating = c.ready, c.serving, c.terminating
			a.Apply(s)
			var want []string
			if c.want != "" {
				want = append(want, c.want)
			}
			follow(t, fromAPI(t, a, models.KubernetesConfig{Port: "http"})).next(0, want...)
		})
	}
}

// TestKubernetesOnce: a pod is one worker, in however many slices it is.
func TestKubernetesOnce(t *testing.T) {
	a := fleettest.StartAPIServer(t, false)
	six := slice("gpu-6", "fd00::1", "fd00::2")
	six.Kind = "IPv6"
	six.Endpoints[0].Pod = "pod-10.0.0.1"
	a.Apply(six)
	moved := slice("gpu-old", "10.0.0.3", "not an address")
	moved.Endpoints[0].Ready, moved.Endpoints[0].Terminating = no, yes
	a.Apply(moved)
	a.Apply(slice("gpu-4", "10.0.0.1", "10.0.0.3"))
	names := slice("gpu-names", "gpu.example.com")
	names.Kind = "FQDN"
	a.Apply(names)
	follow(t, fromAPI(t, a, models.KubernetesConfig{Port: "8000"})).
		next(0, "10.0.0.1:8000", "10.0.0.3:8000", "[fd00::2]:8000", "gpu.example.com:8000")
}

func TestKubernetesPorts(t *testing.T) {
	a := fleettest.StartAPIServer(t, false)
	a.Apply(slice("gpu", "10.0.0.1"))
	for _, port := range []string{"", "grpc", "8001"} {
		l := follow(t, fromAPI(t, a, models.KubernetesConfig{Port: port}))
		if h := <-l.told; fault.ClassOf(h.err) != fault.NeedsHuman || !strings.Contains(h.err.Error(), "http (8000)") {
			t.Errorf("port %q: %v", port, h.err)
		}
	}
	one := slice("gpu", "10.0.0.1")
	one.Ports = map[string]int{"": 8000}
	a.Apply(one)
	l := follow(t, fromAPI(t, a, models.KubernetesConfig{}))
	l.next(0, "10.0.0.1:8000")
	// What is known is not taken away because somebody renamed a port.
	a.Apply(slice("gpu", "10.0.0.1"))
	l.next(fault.NeedsHuman, "10.0.0.1:8000")
	a.Apply(one)
	l.next(0, "10.0.0.1:8000")
	one.Ports = nil
	a.Apply(one)
	follow(t, fromAPI(t, a, models.KubernetesConfig{Port: "7000"})).next(0, "10.0.0.1:7000")
}

func TestKubernetesPages(t *testing.T) {
	a := fleettest.StartAPIServer(t, false)
	var want []string
	for i := range 250 {
		ip := fmt.Sprintf("10.0.1.%d", i)
		a.Apply(slice("gpu-"+ip, ip))
		want = append(want, ip+":8000")
	}
	l := follow(t, fromAPI(t, a, models.KubernetesConfig{Port: "http"}))
	if h := <-l.told; len(h.set) != len(want) || h.err != nil {
		t.Errorf("%d of %d, %v", len(h.set), len(want), h.err)
	}
}

// TestKubernetesGoesOn: whatever happens to a watch, no worker is lost and no change is
// missed, and nobody is told of what heals by itself.
func TestKubernetesGoesOn(t *testing.T) {
	for name, harm := range map[string]func(a *fleettest.APIServer){
		"the watch ends":   func(a *fleettest.APIServer) { a.EndWatches() },
		"it is cut":        func(a *fleettest.APIServer) { a.Say(`{"type":"MODIFIED","object":{"metadata":{"na`) },
		"410 as an answer": func(a *fleettest.APIServer) { a.Forget(false) },
		"410 as an event":  func(a *fleettest.APIServer) { a.Forget(true) },
		"a type nobody knows": func(a *fleettest.APIServer) {
			a.Say(`{"type":"NEW","object":{"metadata":{"resourceVersion":"100"}}}` + "\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := fleettest.StartAPIServer(t, false)
			a.Apply(slice("gpu", "10.0.0.1"))
			l := follow(t, fromAPI(t, a, models.KubernetesConfig{Port: "http"}))
			l.next(0, "10.0.0.1:8000")
			for i := range 5 {
				harm(a)
				a.Apply(slice("gpu", "10.0.0.1", fmt.Sprintf("10.0.0.%d", i+2)))
				l.next(0, "10.0.0.1:8000", fmt.Sprintf("10.0.0.%d:8000", i+2))
			}
		})
	}
}

// TestKubernetesTells of what does not heal by itself at once, and keeps what it knows.
func TestKubernetesTells(t *testing.T) {
	for name, c := range map[string]struct {
		harm  func(a *fleettest.APIServer)
		class fault.Class
		says  string
	}{
		"bad JSON":           {func(a *fleettest.APIServer) { a.Say("<html>") }, fault.Retryable, "cannot be read"},
		"an object of JSON":  {func(a *fleettest.APIServer) { a.Say(`{"type":"MODIFIED","object":[]}` + "\n") }, fault.Retryable, "cannot be read"},
		"no version":         {func(a *fleettest.APIServer) { a.Say(`{"type":"MODIFIED","object":{}}` + "\n") }, fault.Retryable, "cannot be read"},
		"an error as event":  {func(a *fleettest.APIServer) { a.Say(`{"type":"ERROR","object":{"code":500,"message":"etcd is away"}}`) }, fault.Retryable, "etcd is away"},
		"401":                {func(a *fleettest.APIServer) { a.Refuse(401) }, fault.NeedsHuman, "token"},
		"403":                {func(a *fleettest.APIServer) { a.Refuse(403) }, fault.NeedsHuman, "list and watch"},
		"404":                {func(a *fleettest.APIServer) { a.Refuse(404) }, fault.NeedsHuman, "404"},
		"a redirect":         {func(a *fleettest.APIServer) { a.Refuse(302) }, fault.NeedsHuman, "302"},
		"429":                {func(a *fleettest.APIServer) { a.Refuse(429) }, fault.RateLimited, "429"},
		"500, then 503":      {func(a *fleettest.APIServer) { a.Refuse(500, 503, 500) }, fault.Retryable, "500"},
		"403 after a 410":    {func(a *fleettest.APIServer) { a.Forget(true); a.Refuse(410, 403) }, fault.NeedsHuman, "403"},
		"the token is wrong": {func(a *fleettest.APIServer) { a.SetToken("new"); a.EndWatches() }, fault.NeedsHuman, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			a := fleettest.StartAPIServer(t, false)
			a.Apply(slice("gpu", "10.0.0.1"))
			l := follow(t, fromAPI(t, a, models.KubernetesConfig{Port: "http"}))
			l.next(0, "10.0.0.1:8000")
			c.harm(a)
			h := <-l.told
			if got := names(h.set); len(got) != 1 || fault.ClassOf(h.err) != c.class || !strings.Contains(h.err.Error(), c.says) {
				t.Fatalf("told %q, %v", got, h.err)
			}
			a.SetToken("")
			l.next(0, "10.0.0.1:8000")
			a.Apply(slice("gpu", "10.0.0.2"))
			l.next(0, "10.0.0.2:8000")
		})
	}
}

// TestKubernetesNoList is another server's answer.
func TestKubernetesNoList(t *testing.T) {
	for what, body := range map[string]string{"page": "<html>Log in</html>", "object": `{"kind":"Status"}`, "empty": ""} {
		a := fleettest.StartAPIServer(t, false)
		a.Impersonate(body)
		l := follow(t, fromAPI(t, a, models.KubernetesConfig{}))
		if h := <-l.told; fault.ClassOf(h.err) != fault.Retryable || len(h.set) != 0 {
			t.Errorf("%s: %v", what, h.err)
		}
	}
}

// TestKubernetesInside is the pod's way: TLS by the cluster's authority, HTTP/2, and a
// token that changes on the way.
func TestKubernetesInside(t *testing.T) {
	a := fleettest.StartAPIServer(t, true)
	a.SetToken("first")
	a.Apply(slice("gpu", "10.0.0.1"))
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("namespace", "default\n")
	write("token", "first\n")
	write("ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Server().Certificate().Raw})))
	host, port, _ := strings.Cut(strings.TrimPrefix(a.URL, "https://"), ":")
	s, err := fleet.New(models.DiscoverConfig{Kubernetes: models.KubernetesConfig{Selector: "kubernetes.io/service-name=gpu", Port: "http"}}, fleet.Options{
		ServiceAccount: dir,
		Getenv: func(name string) string {
			return map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}[name]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := follow(t, fleet.Hasten(s))
	l.next(0, "10.0.0.1:8000")
	a.SetToken("second")
	a.EndWatches()
	l.next(fault.NeedsHuman, "10.0.0.1:8000")
	write("token", "second")
	l.next(0, "10.0.0.1:8000")
	a.Apply(slice("gpu", "10.0.0.2"))
	l.next(0, "10.0.0.2:8000")
	write("token", "")
	a.EndWatches()
	l.next(fault.NeedsHuman, "10.0.0.2:8000")
}
