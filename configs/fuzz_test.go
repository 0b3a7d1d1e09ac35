package configs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/configs"
)

// FuzzLoad: whatever the file and the environment hold, Load ends with either a
// configuration that prints and reads again, or with problems.
func FuzzLoad(f *testing.F) {
	for _, path := range []string{"parley.yaml", "examples/minimal.yaml", "examples/two-bots.yaml", "examples/local-ollama.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "CHANNELS_TELEGRAM_TOKEN", "x")
	}
	f.Add([]byte("a: &a [*a]\n"), "ROUTES_0_WHEN_PLACES", "private,group")
	f.Add([]byte("routes: &r\n- when: *r\n"), "ROUTES_0_WHEN_KEYWORDS_0", "x")
	f.Add([]byte("channels: &c {telegram: *c, a: {platform: &p pigeon}}\n"), "CHANNELS_A_B_PLATFORM", "telegram")
	f.Add([]byte("<<: {log: 1}\n? {}\n: !!set x\n"), "HTTP_MAX_BODY", "9999999999GiB")
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		path := filepath.Join(t.TempDir(), "parley.yaml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, _, err := configs.Load(configs.Source{Path: path, Env: []string{"PARLEY_" + name + "=" + value}, Factories: platforms()})
		var p *configs.Problems
		switch {
		case err == nil && c == nil:
			t.Fatal("neither a configuration nor an error")
		case err == nil:
			if _, err := c.Redacted(); err != nil {
				t.Fatalf("Redacted: %v", err)
			}
		case !errors.As(err, &p) || len(p.List) == 0 || strings.Count(err.Error(), "\n") < len(p.List):
			t.Fatalf("error without problems: %v", err)
		}
	})
}

func TestBytesReadWhatTheyWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := configs.Bytes(rapid.Int64Min(0).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "whole") {
			want = want >> 40 << 20
		}
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got configs.Bytes
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Fatalf("%d spelled %s reads as %d, %v", want, text, got, err)
		}
	})
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]configs.Bytes{
		"0": 0, "0B": 0, "512": 512, "512B": 512, "1KiB": 1024, "64 KiB": 64 << 10, "16MiB": 16 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40,
		"1kB": 1000, "3KB": 3000, "2MB": 2e6, "5GB": 5e9, "1TB": 1e12,
	} {
		var got configs.Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q reads as %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "B", "-1", "1.5MiB", "1 2", "MiB", "1mib", "9223372036854775808", "8388608TiB", "1e3"} {
		var got configs.Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q reads as %d", text, got)
		}
	}
}
