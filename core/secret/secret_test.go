package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/secret"
)

const value = "123:hunter2"

// No way of printing, marshalling or logging shows the value.
func TestNothingShowsTheValue(t *testing.T) {
	type box struct {
		S secret.String
		P *secret.String
		M map[string]secret.String
		u secret.String
	}
	s := secret.New(value)
	b := box{s, &s, map[string]secret.String{"k": s}, s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+verb+"\n", s, b)
	}
	j, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().Interface("b", b).Stringer("s", s).Any("a", s).Msg("x")
	out.Write(log.Bytes())
	fmt.Fprint(&out, errors.New(s.Redact("call https://x/bot"+value+"/getMe failed")))
	for _, leak := range []string{value, "hunter2", fmt.Sprintf("%x", value)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("shown: %s", out.String())
		}
	}
	if s.Reveal() != value {
		t.Error("Reveal does not reveal")
	}
}

func TestSpellings(t *testing.T) {
	dir := t.TempDir()
	file, empty := filepath.Join(dir, "s"), filepath.Join(dir, "empty")
	if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PARLEY_SECRET_TEST", value)
	for _, good := range []string{value, "file:" + file, "env:PARLEY_SECRET_TEST"} {
		s, err := secret.Parse(good)
		if err != nil || s.Reveal() != value || !s.Equal(value) || s.Equal(value+"x") {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"file:" + empty, "file:" + dir, "file:" + file + "x", "env:PARLEY_NOT_SET"} {
		if _, err := secret.Parse(bad); !errors.Is(err, secret.ErrMissing) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
