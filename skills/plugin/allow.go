package plugin

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/parley-hub/parley/skills/folder"
)

// Allow says which programs may be started: those of a checksum, and those with a signature
// of a signer. With neither, all that lie in the folder may.
type Allow struct {
	// Sums are SHA-256 of programs, in hex.
	Sums []string
	// Signers are Ed25519 public keys, in base64. The signature of the file NAME lies beside
	// it as NAME.sig: that of the program's SHA-256 in hex, in base64.
	Signers []string
}

// Signature is the ending of the files with signatures.
const Signature = folder.Signature

// ErrNotAllowed is returned for a program that may not be started.
var ErrNotAllowed = errors.New("the file may not be started")

// Problems lists what is wrong with it.
func (a Allow) Problems() []error {
	var found []error
	for _, s := range a.Sums {
		if raw, err := hex.DecodeString(s); err != nil || len(raw) != 32 {
			found = append(found, fmt.Errorf("%q is no SHA-256 in hex", s))
		}
	}
	for _, s := range a.Signers {
		if _, err := key(s); err != nil {
			found = append(found, err)
		}
	}
	return found
}

func key(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q is no Ed25519 public key in base64", text)
	}
	return raw, nil
}

// Sign makes what is to lie in the signature's file of a program with this SHA-256 in hex.
func Sign(with ed25519.PrivateKey, sum string) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(with, []byte(sum))) + "\n"
}

// Signer spells a public key as Signers do.
func Signer(k ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(k) }

// Check tells whether the program of this sum, whose signature would lie at sig, may be
// started.
func (a Allow) Check(sum, sig string) error {
	if len(a.Sums)+len(a.Signers) == 0 {
		return nil
	}
	if slices.ContainsFunc(a.Sums, func(s string) bool { return strings.EqualFold(s, sum) }) {
		return nil
	}
	if len(a.Signers) == 0 {
		return fmt.Errorf("%w: its checksum %s is not among those allowed", ErrNotAllowed, sum)
	}
	text, err := os.ReadFile(sig) //nolint:gosec // beside the program, in the operator's folder
	if err != nil {
		return fmt.Errorf("%w: neither is its checksum %s among those allowed, nor has it a signature", ErrNotAllowed, sum)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%w: its signature is no base64", ErrNotAllowed)
	}
	for _, s := range a.Signers {
		if k, err := key(s); err == nil && ed25519.Verify(k, []byte(sum), raw) {
			return nil
		}
	}
	return fmt.Errorf("%w: its signature is of none of the signers", ErrNotAllowed)
}
