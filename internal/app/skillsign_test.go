package app_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-hub/parley/internal/app"
	"github.com/parley-hub/parley/skills/plugin"
)

// TestSkillKeys makes a key, signs with it, and asks the hub's own judge.
func TestSkillKeys(t *testing.T) {
	dir := t.TempDir()
	key, folder := filepath.Join(dir, "key.pem"), filepath.Join(dir, "skills")
	cfg := load(t, "../../configs/examples/minimal.yaml", append(here(t), "PARLEY_SKILLS_FOLDER="+folder)...)
	var out bytes.Buffer
	if err := app.SkillKey(&out, key); err != nil || !strings.HasPrefix(out.String(), "a new key is in "+key) {
		t.Fatalf("%v\n%s", err, &out)
	}
	info, err := os.Stat(key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is %v, %v", info.Mode(), err)
	}
	made := read(t, key)
	out.Reset()
	if err := app.SkillKey(&out, key); err != nil || read(t, key) != made {
		t.Fatalf("it is another one: %v", err)
	}
	signer := strings.TrimSuffix(strings.TrimPrefix(out.String(), `skills.allow.signers: ["`), "\"]\n")
	allow := plugin.Allow{Signers: []string{signer}}
	if problems := allow.Problems(); problems != nil {
		t.Fatal(problems)
	}
	if err := os.Mkdir(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "shout")
	put(t, program, []byte("a program"), 0o755)
	sum := sha256.Sum256([]byte("a program"))
	check := func() error { return allow.Check(hex.EncodeToString(sum[:]), program+plugin.Signature) }
	if err := check(); !errors.Is(err, plugin.ErrNotAllowed) {
		t.Errorf("before: %v", err)
	}
	out.Reset()
	cfg.Skills.Allow.Signers = []string{signer}
	for _, name := range []string{"shout", program} {
		if err := app.SignSkills(&out, cfg, []string{name}, key); err != nil || out.String() != program+" is signed: "+program+".sig\n" {
			t.Fatalf("%v\n%s", err, &out)
		}
		if err := check(); err != nil {
			t.Error(err)
		}
		if err := os.Remove(program + plugin.Signature); err != nil {
			t.Fatal(err)
		}
		out.Reset()
	}
	other := filepath.Join(dir, "other.pem")
	if err := app.SkillKey(&out, other); err != nil {
		t.Fatal(err)
	}
	if err := app.SignSkills(&out, cfg, []string{"shout"}, other); err != nil || !strings.Contains(out.String(), "skills.allow.signers does not name this key") {
		t.Errorf("%v\n%s", err, &out)
	}
	if err := check(); !errors.Is(err, plugin.ErrNotAllowed) {
		t.Errorf("with another key: %v", err)
	}
}

// TestWrongKeys has each told in words of its own.
func TestWrongKeys(t *testing.T) {
	dir := t.TempDir()
	cfg := load(t, "../../configs/examples/minimal.yaml", here(t)...)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	privateDER, privateErr := x509.MarshalPKCS8PrivateKey(private)
	publicDER, publicErr := x509.MarshalPKIXPublicKey(public)
	otherDER, otherErr := x509.MarshalPKCS8PrivateKey(other)
	const none = "it holds no Ed25519 key as PEM"
	for name, c := range map[string]struct {
		data      []byte
		mode      os.FileMode
		key, sign string
	}{
		"open":    {block("PRIVATE KEY", privateDER, privateErr), 0o644, "others may read it", "others may read it"},
		"public":  {block("PUBLIC KEY", publicDER, publicErr), 0o644, "", "it holds a public key; signing needs the private one"},
		"good":    {block("PRIVATE KEY", privateDER, privateErr), 0o600, "", "there is no program nosuch"},
		"other":   {block("PRIVATE KEY", otherDER, otherErr), 0o600, none, none},
		"broken":  {block("PRIVATE KEY", privateDER[:20], privateErr), 0o600, none, none},
		"openssh": {block("OPENSSH PRIVATE KEY", privateDER, privateErr), 0o600, none, none},
		"empty":   {nil, 0o600, none, none},
		"large":   {bytes.Repeat([]byte("x"), 1<<20), 0o600, "larger than 65536 bytes", "larger than 65536 bytes"},
	} {
		file := filepath.Join(dir, name)
		put(t, file, c.data, c.mode)
		var out bytes.Buffer
		err := app.SkillKey(&out, file)
		if got := text(err); c.key == "" && got != "" || !strings.Contains(got, c.key) {
			t.Errorf("key %s: %q", name, got)
		}
		if c.key == "" && out.String() != `skills.allow.signers: ["`+plugin.Signer(public)+"\"]\n" {
			t.Errorf("key %s: %s", name, &out)
		}
		if got := text(app.SignSkills(&out, cfg, []string{"nosuch"}, file)); !strings.Contains(got, c.sign) {
			t.Errorf("sign with %s: %q", name, got)
		}
	}
	if got := text(app.SignSkills(&bytes.Buffer{}, cfg, []string{"x"}, filepath.Join(dir, "nowhere"))); !strings.HasSuffix(got, "nowhere makes one") {
		t.Errorf("sign with nothing: %q", got)
	}
	if got := text(app.SkillKey(&bytes.Buffer{}, filepath.Join(dir, "no", "such"))); !strings.Contains(got, "no such file") {
		t.Errorf("key nowhere: %q", got)
	}
	if got := text(app.SkillKey(&bytes.Buffer{}, dir)); !strings.Contains(got, none) {
		t.Errorf("key of a folder: %q", got)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func put(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
