package models

import (
	"cmp"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// DiscoverConfig says where a version's workers are found while the hub runs, besides
// those that are listed. The zero value finds none.
type DiscoverConfig struct {
	// DNS is a name and a port, as in gpu.default.svc:8000: each address of the name is a
	// worker, as it is of a headless service in Kubernetes. A name that begins with "_"
	// has SRV records, which bring the ports, as in _http._tcp.gpu.default.svc.
	DNS        string           `yaml:"dns"`
	Kubernetes KubernetesConfig `yaml:"kubernetes"`
	// Scheme and Path make the URL of a worker that was found; "" means http and /v1.
	Scheme string `yaml:"scheme"`
	Path   string `yaml:"path"`
	// Worker is what else is true of each worker that is found. It has no URL.
	Worker WorkerConfig `yaml:"worker"`
}

// KubernetesConfig finds the ready endpoints of services by their EndpointSlices.
type KubernetesConfig struct {
	// Namespace is where to look; "" means the one that the hub runs in.
	Namespace string `yaml:"namespace"`
	// Selector chooses EndpointSlices by their labels, as in app=vllm. They have the labels
	// of their service, not those of its pods; kubernetes.io/service-name=NAME chooses a
	// service by its name.
	Selector string `yaml:"selector"`
	// Port is the name or the number of the port; "" takes the only one.
	Port string `yaml:"port"`
	// Server is the address of the API server, as in http://127.0.0.1:8001 for kubectl
	// proxy; "" means that of the cluster which the hub runs in, with the token and the
	// certificate authority of its service account.
	Server string `yaml:"server"`
	// TokenFile and CAFile are for a Server that wants them. The token is read again for
	// each request, for it changes.
	TokenFile string `yaml:"token_file"`
	CAFile    string `yaml:"ca_file"`
}

// IsZero tells whether nothing is to be found.
func (d DiscoverConfig) IsZero() bool { return d == DiscoverConfig{} }

// IsZero tells whether Kubernetes is not asked.
func (k KubernetesConfig) IsZero() bool { return k == KubernetesConfig{} }

// WorkerAt gives the worker at a host and port that was found.
func (d DiscoverConfig) WorkerAt(hostport string) WorkerConfig {
	w := d.Worker
	u := url.URL{Scheme: cmp.Or(d.Scheme, "http"), Host: hostport, Path: cmp.Or(d.Path, "/v1")}
	w.URL = u.String()
	return w
}

// Validate gives every problem; key is the path of d in the section.
func (d DiscoverConfig) Validate(key string) []Problem {
	if d.IsZero() {
		return nil
	}
	var found []Problem
	add := func(at, text string) { found = append(found, Problem{key + at, text}) }
	switch {
	case d.DNS == "" && d.Kubernetes.IsZero():
		add("", "needs dns or kubernetes, where workers are found")
	case d.DNS != "" && !d.Kubernetes.IsZero():
		add("", "has dns and kubernetes; workers are found in one place")
	case d.DNS != "":
		if text := dnsProblem(d.DNS); text != "" {
			add(".dns", text)
		}
	default:
		found = append(found, d.Kubernetes.validate(key+".kubernetes")...)
	}
	if d.Scheme != "" && d.Scheme != "http" && d.Scheme != "https" {
		add(".scheme", "must be http or https")
	}
	if d.Path != "" && (!strings.HasPrefix(d.Path, "/") || strings.ContainsAny(d.Path, "?# ")) {
		add(".path", "must begin with / and have neither query nor blanks, as in /v1")
	}
	if d.Worker.URL != "" {
		add(".worker.url", "must be left out: it is what is found")
	}
	if d.Worker.Slots < 0 {
		add(".worker.slots", "must be at least 1")
	}
	return found
}

var (
	// dnsName is what a resolver is given; labels of services begin with "_".
	dnsName = regexp.MustCompile(`^([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?$`)
	// kubernetesName is a namespace (RFC 1123 label), portName a port's name.
	kubernetesName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	portName       = regexp.MustCompile(`^[a-z0-9-]{1,15}$`)
)

func dnsProblem(name string) string {
	if strings.HasPrefix(name, "_") {
		if !dnsName.MatchString(name) || strings.Count(name, ".") < 2 || len(name) > 253 {
			return "must be a service's name without a port, as in _http._tcp.gpu.default.svc"
		}
		return ""
	}
	host, port, err := net.SplitHostPort(name)
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 1 || n > 65535 || !dnsName.MatchString(host) || len(host) > 253 {
		return "must be a name and a port, as in gpu.default.svc:8000"
	}
	return ""
}

func (k KubernetesConfig) validate(key string) []Problem {
	var found []Problem
	add := func(at, text string) { found = append(found, Problem{key + "." + at, text}) }
	if k.Selector == "" {
		add("selector", "is required, as in app=vllm or kubernetes.io/service-name=gpu")
	}
	if k.Namespace != "" && !kubernetesName.MatchString(k.Namespace) {
		add("namespace", "must be the name of a namespace, in lower case letters, digits and '-'")
	}
	if n, err := strconv.Atoi(k.Port); k.Port != "" && (err == nil && (n < 1 || n > 65535) || err != nil && !portName.MatchString(k.Port)) {
		add("port", "must be the name or the number of a port, as in http or 8000")
	}
	if k.Server == "" {
		if k.TokenFile != "" || k.CAFile != "" {
			add("server", "is required beside token_file and ca_file; all three are left out inside the cluster")
		}
		return found
	}
	u, err := url.Parse(k.Server)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https", u.User != nil, u.RawQuery != "":
		add("server", "must be an http or https address, as in https://10.0.0.1:6443")
	case u.Scheme == "http" && k.TokenFile != "":
		add("server", "must be https where a token is sent")
	}
	if k.Namespace == "" {
		add("namespace", "is required beside server: there is no own one outside the cluster")
	}
	return found
}
