package fleet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	opKubernetes = "find workers in Kubernetes"
	// defaultServiceAccount is where Kubernetes puts a pod's own token.
	defaultServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"
	// maxAnswer bounds one page or event; etcd's objects are below 2 MiB, a page has 100.
	maxAnswer = 32 << 20
	// maxToken bounds the token's file.
	maxToken = 64 << 10
)

// errGone says that the API server has forgotten the version that was asked for.
var errGone = errors.New("the version is too old")

// apiServer is the REST interface of Kubernetes, as far as it is needed.
type apiServer struct {
	base      string
	namespace string
	tokenFile string
	client    *http.Client
	transport *http.Transport
}

// reach tells how the API server is reached: as the configuration says, or as a pod does.
func reach(c models.KubernetesConfig, o Options) (*apiServer, error) {
	a := &apiServer{base: strings.TrimSuffix(c.Server, "/"), namespace: c.Namespace, tokenFile: c.TokenFile}
	caFile := c.CAFile
	if c.Server == "" {
		host, port := o.Getenv("KUBERNETES_SERVICE_HOST"), o.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return nil, fault.New(fault.NeedsHuman, opKubernetes, errors.New("the hub does not run in Kubernetes; kubernetes.server says where the API server is"))
		}
		a.base = "https://" + net.JoinHostPort(host, port)
		a.tokenFile, caFile = filepath.Join(o.ServiceAccount, "token"), filepath.Join(o.ServiceAccount, "ca.crt")
		if a.namespace == "" {
			name, err := os.ReadFile(filepath.Join(o.ServiceAccount, "namespace"))
			if err != nil {
				return nil, fault.New(fault.NeedsHuman, opKubernetes, fmt.Errorf("the own namespace: %w", err))
			}
			a.namespace = strings.TrimSpace(string(name))
		}
	}
	a.transport = &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		// A watch is silent for minutes: only this finds out that nobody is there any more.
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		ForceAttemptHTTP2:     true,
		ResponseHeaderTimeout: 15 * time.Second,
		IdleConnTimeout:       30 * time.Second,
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile) //nolint:gosec // the operator names it
		roots := x509.NewCertPool()
		if err == nil && !roots.AppendCertsFromPEM(pem) {
			err = errors.New("no certificate in " + caFile)
		}
		if err != nil {
			return nil, fault.New(fault.NeedsHuman, opKubernetes, fmt.Errorf("the certificate authority: %w", err))
		}
		a.transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	a.client = &http.Client{
		Transport: a.transport,
		// The token is for this server alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return a, nil
}

// get asks for the EndpointSlices of the namespace. The body of what was answered with
// 200 is the caller's to close; anything else is a fault, or wraps errGone.
func (a *apiServer) get(ctx context.Context, query url.Values) (*http.Response, error) {
	where := a.base + "/apis/discovery.k8s.io/v1/namespaces/" + url.PathEscape(a.namespace) + "/endpointslices?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, opKubernetes, err)
	}
	req.Header.Set("Accept", "application/json")
	if a.tokenFile != "" {
		token, err := readToken(a.tokenFile)
		if err != nil {
			return nil, fault.New(fault.NeedsHuman, opKubernetes, fmt.Errorf("the token: %w", err))
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, fault.New(fault.Retryable, opKubernetes, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	var s apiStatus
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxToken)) // the status code says enough
	_ = json.Unmarshal(body, &s)
	s.Code = resp.StatusCode
	wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return nil, s.fault(time.Duration(wait) * time.Second)
}

// readToken reads it each time: the kubelet writes a new one each hour.
func readToken(file string) (string, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	token, err := io.ReadAll(io.LimitReader(f, maxToken))
	if err != nil {
		return "", err
	}
	if token = bytes.TrimSpace(token); len(token) == 0 || bytes.ContainsAny(token, "\r\n") {
		return "", errors.New(file + " has none")
	}
	return string(token), nil
}

// apiStatus is what the API server says of a failure (Kubernetes API, meta/v1 Status).
type apiStatus struct {
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func (s apiStatus) fault(wait time.Duration) error {
	if len(s.Message) > 300 {
		s.Message = strings.ToValidUTF8(s.Message[:300], "")
	}
	told := fmt.Errorf("the API server answers %d %s", s.Code, cmp.Or(s.Message, s.Reason, http.StatusText(s.Code)))
	switch {
	case s.Code == http.StatusGone:
		return fmt.Errorf("%w: %w", errGone, told)
	case s.Code == http.StatusTooManyRequests:
		return fault.New(fault.RateLimited, opKubernetes, told, fault.WithWait(wait))
	case s.Code == http.StatusUnauthorized:
		return fault.New(fault.NeedsHuman, opKubernetes, fmt.Errorf("%w: the token is not that of a service account of this cluster, or too old", told))
	case s.Code == http.StatusForbidden:
		return fault.New(fault.NeedsHuman, opKubernetes, fmt.Errorf("%w: the service account needs the verbs list and watch on endpointslices of discovery.k8s.io", told))
	case s.Code >= 300 && s.Code < 500:
		return fault.New(fault.NeedsHuman, opKubernetes, told)
	}
	return fault.New(fault.Retryable, opKubernetes, told)
}
