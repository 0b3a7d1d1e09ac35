package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/prompts"
)

// The kinds of PEM that a key lies in.
const (
	pemPrivate = "PRIVATE KEY"
	pemPublic  = "PUBLIC KEY"
)

// maxKeyFile bounds a file with a key: what is longer is something else.
const maxKeyFile = 64 << 10

var (
	errNoKey     = errors.New("it holds no Ed25519 key as PEM, such as parley skill key or openssl genpkey -algorithm ed25519 makes")
	errPublicKey = errors.New("it holds a public key; signing needs the private one")
	errOpenKey   = errors.New("others may read it, so it is no secret any more")
)

// SkillKey prints the public key of the Ed25519 key in a file, as skills.allow.signers takes it.
// Where there is no file, a new key is made: its private half is written for nobody but its
// owner. A file that is there is never changed.
func SkillKey(out io.Writer, file string) error {
	public, _, err := readKey(file)
	if errors.Is(err, os.ErrNotExist) {
		if public, err = makeKey(file); err == nil {
			_, err = fmt.Fprintf(out, "a new key is in %s: keep it to yourself, and safe\n", file)
		}
	}
	if err != nil {
		return fmt.Errorf("key %s: %w", file, err)
	}
	_, err = fmt.Fprintf(out, "skills.allow.signers: [%q]\n", plugin.Signer(public))
	return err
}

func makeKey(file string) (ed25519.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	return public, errors.Join(pem.Encode(f, &pem.Block{Type: pemPrivate, Bytes: der}), f.Sync(), f.Close())
}

// readKey reads a key. private is nil for a file with a public one.
func readKey(file string) (public ed25519.PublicKey, private ed25519.PrivateKey, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errNoKey
	}
	data, err := readBounded(file, maxKeyFile)
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, nil, errNoKey
	}
	switch block.Type {
	case pemPublic:
		k, err := x509.ParsePKIXPublicKey(block.Bytes)
		if public, ok := k.(ed25519.PublicKey); err == nil && ok {
			return public, nil, nil
		}
	case pemPrivate:
		if info.Mode().Perm()&0o077 != 0 {
			return nil, nil, fmt.Errorf("%w (mode %s); make a new one, or chmod 600 it if you know that nobody did", errOpenKey, info.Mode().Perm())
		}
		k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if private, ok := k.(ed25519.PrivateKey); err == nil && ok {
			return ed25519.PublicKey(private[ed25519.SeedSize:]), private, nil // a private key ends with its public one
		}
	}
	return nil, nil, errNoKey
}

// SignSkills writes the signatures of skills beside them, for skills.allow.signers. A name is
// that of a program or of a folder with a SKILL.md, or of a skill in the skills' folder.
func SignSkills(out io.Writer, cfg *configs.Config, names []string, keyFile string) error {
	public, private, err := readKey(keyFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no key %[1]s; parley skill key %[1]s makes one", keyFile)
	case err == nil && private == nil:
		err = errPublicKey
	}
	if err != nil {
		return fmt.Errorf("key %s: %w", keyFile, err)
	}
	for _, name := range names {
		file, err := installed(cfg, name)
		if err != nil {
			return err
		}
		if err := sign(file, private); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s is signed: %s\n", file, file+plugin.Signature); err != nil {
			return err
		}
	}
	if allow := cfg.Skills.Allow; len(allow.Sums)+len(allow.Signers) > 0 && !slices.Contains(allow.Signers, plugin.Signer(public)) {
		_, err := fmt.Fprintf(out, "skills.allow.signers does not name this key, so a hub with this configuration does not take its word; it is %q\n", plugin.Signer(public))
		return err
	}
	return nil
}

func sign(file string, with ed25519.PrivateKey) error {
	sum, err := checksum(file)
	if err != nil {
		return err
	}
	return putInto(strings.NewReader(plugin.Sign(with, sum)), file+plugin.Signature, 0o644)
}

// checksum is the checksum of a program, or of all files of a skill of instructions.
func checksum(file string) (string, error) {
	if prompts.Is(file) {
		s, err := prompts.Read(file)
		if err != nil {
			return "", err
		}
		return s.Sum(), nil
	}
	program, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return "", err
	}
	defer func() { _ = program.Close() }() // it was only read
	hash := sha256.New()
	if _, err := io.Copy(hash, program); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// installed finds a skill: a program or a folder with a SKILL.md, or one of this name in the
// skills' folder.
func installed(cfg *configs.Config, name string) (string, error) {
	is := func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Mode().IsRegular() || prompts.Is(path)
	}
	if is(name) {
		return filepath.Clean(name), nil
	}
	folder := cfg.Skills.Folder
	if folder == "" {
		return "", fmt.Errorf("there is no program %s, and %w", name, ErrNoFolder)
	}
	if filepath.Base(name) == name && is(filepath.Join(folder, name)) {
		return filepath.Join(folder, name), nil
	}
	return "", fmt.Errorf("there is no program %s, neither here nor in %s", name, folder)
}
