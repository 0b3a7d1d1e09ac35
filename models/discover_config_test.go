package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
)

func keysOf(found []models.Problem) []string {
	var keys []string
	for _, p := range found {
		keys = append(keys, p.Key)
	}
	return keys
}

func TestDiscoverValidate(t *testing.T) {
	kube := func(k models.KubernetesConfig) models.DiscoverConfig { return models.DiscoverConfig{Kubernetes: k} }
	for name, c := range map[string]struct {
		d    models.DiscoverConfig
		want []string
	}{
		"nothing":         {models.DiscoverConfig{}, nil},
		"headless":        {models.DiscoverConfig{DNS: "gpu.default.svc:8000"}, nil},
		"one label":       {models.DiscoverConfig{DNS: "gpu:8000"}, nil},
		"rooted":          {models.DiscoverConfig{DNS: "gpu.default.svc.cluster.local.:8000", Scheme: "https", Path: "/"}, nil},
		"srv":             {models.DiscoverConfig{DNS: "_http._tcp.gpu.default.svc"}, nil},
		"no port":         {models.DiscoverConfig{DNS: "gpu.default.svc"}, []string{"d.dns"}},
		"bad port":        {models.DiscoverConfig{DNS: "gpu:http"}, []string{"d.dns"}},
		"port 0":          {models.DiscoverConfig{DNS: "gpu:0"}, []string{"d.dns"}},
		"a url":           {models.DiscoverConfig{DNS: "http://gpu:8000"}, []string{"d.dns"}},
		"srv with a port": {models.DiscoverConfig{DNS: "_http._tcp.gpu:8000"}, []string{"d.dns"}},
		"srv, too short":  {models.DiscoverConfig{DNS: "_http"}, []string{"d.dns"}},
		"empty label":     {models.DiscoverConfig{DNS: "gpu..svc:1"}, []string{"d.dns"}},
		"neither":         {models.DiscoverConfig{Scheme: "https"}, []string{"d"}},
		"both":            {models.DiscoverConfig{DNS: "gpu:1", Kubernetes: models.KubernetesConfig{Selector: "a=b"}}, []string{"d"}},
		"scheme and path": {models.DiscoverConfig{DNS: "gpu:1", Scheme: "ftp", Path: "v1"}, []string{"d.scheme", "d.path"}},
		"template": {
			models.DiscoverConfig{DNS: "gpu:1", Worker: models.WorkerConfig{URL: "http://x", Slots: -1}}, []string{"d.worker.url", "d.worker.slots"},
		},
		"kubernetes":     {kube(models.KubernetesConfig{Selector: "app=vllm", Port: "http"}), nil},
		"port number":    {kube(models.KubernetesConfig{Namespace: "x", Selector: "app=vllm", Port: "8000"}), nil},
		"no selector":    {kube(models.KubernetesConfig{Namespace: "x"}), []string{"d.kubernetes.selector"}},
		"names":          {kube(models.KubernetesConfig{Namespace: "../x", Selector: "a=b", Port: "70000"}), []string{"d.kubernetes.namespace", "d.kubernetes.port"}},
		"port name":      {kube(models.KubernetesConfig{Selector: "a=b", Port: "HTTP port"}), []string{"d.kubernetes.port"}},
		"proxy":          {kube(models.KubernetesConfig{Namespace: "x", Selector: "a=b", Server: "http://127.0.0.1:8001"}), nil},
		"token in clear": {kube(models.KubernetesConfig{Namespace: "x", Selector: "a=b", Server: "http://h", TokenFile: "t"}), []string{"d.kubernetes.server"}},
		"token alone":    {kube(models.KubernetesConfig{Selector: "a=b", TokenFile: "t"}), []string{"d.kubernetes.server"}},
		"server": {
			kube(models.KubernetesConfig{Selector: "a=b", Server: "https://user:pw@h"}), []string{"d.kubernetes.server", "d.kubernetes.namespace"},
		},
	} {
		if got := keysOf(c.d.Validate("d")); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestDiscoverWorkerAt(t *testing.T) {
	d := models.DiscoverConfig{DNS: "gpu:8000", Worker: models.WorkerConfig{Slots: 32}}
	if w := d.WorkerAt("10.0.0.7:8000"); w.URL != "http://10.0.0.7:8000/v1" || w.Slots != 32 || w.Name() != "10.0.0.7:8000" {
		t.Errorf("%+v is %s", w, w.Name())
	}
	d.Scheme, d.Path = "https", "/llm/v1"
	if w := d.WorkerAt("[fd00::1]:80"); w.URL != "https://[fd00::1]:80/llm/v1" {
		t.Errorf("%+v", w)
	}
}

func TestPrewarmValidate(t *testing.T) {
	good := models.PrewarmConfig{Cron: "0 8 * * *", Workers: 2}.WithDefaults()
	if got := good.Validate("p", nil); got != nil {
		t.Errorf("%v", got)
	}
	bad := models.PrewarmConfig{Pool: "x", Cron: "x", Timezone: "Nowhere", For: -time.Hour, Ahead: 1000 * time.Hour}
	want := []string{"p.pool", "p.cron", "p.timezone", "p.for", "p.ahead", "p.workers"}
	if got := keysOf(bad.Validate("p", []string{"chat"})); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
