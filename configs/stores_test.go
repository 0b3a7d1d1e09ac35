package configs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/configs"
)

func TestCertificatesOfRedis(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.pem")
	if err := os.WriteFile(broken, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"without TLS":   {"redis: {url: 'redis://h', ca_file: " + broken + "}", []string{"redis.ca_file: has no certificate in PEM", "redis.url: must begin with rediss for the certificates beside it to be used"}},
		"no such files": {"redis: {url: 'rediss://h', ca_file: /nowhere/ca, cert_file: /nowhere/cert, key_file: /nowhere/key}", []string{"redis.ca_file: cannot open the file: no such file or directory", "redis.cert_file: cannot open the file: no such file or directory"}},
		"without a key": {"redis: {url: 'rediss+cluster://h', cert_file: " + broken + "}", []string{"redis.cert_file: cert_file and key_file need each other"}},
		"broken, both":  {"redis: {url: 'rediss+sentinel://h/m', cert_file: " + broken + ", key_file: " + broken + "}", []string{"redis.cert_file: tls: failed to find any PEM data in certificate input"}},
		"without a url": {"redis: {key_file: " + broken + "}", []string{"redis.cert_file: cert_file and key_file need each other", "redis.url: must begin with rediss for the certificates beside it to be used"}},
	} {
		var got []string
		for _, line := range problems(t, c.text+"\n") {
			got = append(got, strings.Replace(line, " (line 1)", "", 1))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A bound that has nothing to bound is told.
func TestMaxBytesBesideRedis(t *testing.T) {
	for text, want := range map[string]int{
		"queue: {max_bytes: 1GiB}\n": 0, "redis: {url: 'redis://h'}\n": 0, "redis: {url: 'redis://h'}\nqueue: {max_bytes: 1GiB}\n": 1,
	} {
		_, warnings, err := load(t, text)
		if err != nil {
			t.Fatal(err)
		}
		warnings = slices.DeleteFunc(warnings, func(w configs.Warning) bool { return w.Where != "queue.max_bytes" })
		if len(warnings) != want {
			t.Errorf("%q: %+v", text, warnings)
		}
	}
}
