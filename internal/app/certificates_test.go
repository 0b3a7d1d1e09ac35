package app

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/storage"
	"github.com/parley-hub/parley/test/redistest"
)

// TestRedisWithCertificates: all that speaks to Redis knows its authority and shows the hub's
// own certificate, and a server that gets none refuses.
func TestRedisWithCertificates(t *testing.T) {
	s := redistest.StartSecured(t)
	load := func(certificates string) *configs.Config {
		t.Helper()
		dir := t.TempDir()
		file := filepath.Join(dir, "parley.yaml")
		text := fmt.Sprintf("data_dir: %s\nchannels: {telegram: {token: '1:x'}}\nredis: {url: '%s', ca_file: %s%s}\n", dir, s.URL(), s.CertFile, certificates)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, _, err := configs.Load(configs.Source{Path: file, Factories: Factories()})
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	examined := func(cfg *configs.Config) string {
		var out bytes.Buffer
		d := doctor{out: &out, cfg: cfg}
		d.redis(t.Context())
		return out.String()
	}

	known := load(fmt.Sprintf(", cert_file: %s, key_file: %s", s.CertFile, s.KeyFile))
	stores, err := openStores(t.Context(), known, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	tea := storage.Write{Space: storage.Space{Skill: "notes", Person: "p"}, Name: "list", Value: []byte("tea"), Quota: 100}
	if _, err := stores.storage.Put(t.Context(), tea); err != nil {
		t.Error("what skills keep:", err)
	}
	cluster, err := openRedis(t.Context(), known, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Close(); err != nil {
		t.Error(err)
	}
	if err := stores.close(); err != nil {
		t.Error(err)
	}
	if told := examined(known); !strings.Contains(told, "ok      Redis 7") {
		t.Errorf("doctor: %s", told)
	}

	unknown := load("")
	if _, err := openStores(t.Context(), unknown, zerolog.Nop()); err == nil {
		t.Error("a hub without a certificate got in")
	}
	if told := examined(unknown); !strings.Contains(told, "FAILS") {
		t.Errorf("doctor: %s", told)
	}
}
