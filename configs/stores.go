package configs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

var (
	errNoCertificate = errors.New("has no certificate in PEM")
	errPair          = errors.New("cert_file and key_file need each other")
)

// TLS reads the files that are named, in PEM; nil where none is, for the authorities that the
// system knows.
func (r Redis) TLS() (*tls.Config, error) {
	if r.CAFile == "" && r.CertFile == "" && r.KeyFile == "" {
		return nil, nil //nolint:nilnil // the system's
	}
	roots, err := r.roots()
	if err != nil {
		return nil, fmt.Errorf("redis.ca_file: %w", err)
	}
	own, err := r.own()
	if err != nil {
		return nil, fmt.Errorf("redis.cert_file: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: own}, nil
}

func (r Redis) roots() (*x509.CertPool, error) {
	if r.CAFile == "" {
		return nil, nil //nolint:nilnil // the system's
	}
	data, err := readFile(r.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, errNoCertificate
	}
	return roots, nil
}

func (r Redis) own() ([]tls.Certificate, error) {
	if r.CertFile == "" && r.KeyFile == "" {
		return nil, nil
	}
	if r.CertFile == "" || r.KeyFile == "" {
		return nil, errPair
	}
	cert, err := readFile(r.CertFile)
	if err != nil {
		return nil, err
	}
	key, err := readFile(r.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return []tls.Certificate{pair}, nil
}

// validateCertificates opens the files, as a secret's are: what is wrong with them is seen
// before the hub starts.
func (l *loader) validateCertificates(r Redis) {
	if r.CAFile == "" && r.CertFile == "" && r.KeyFile == "" {
		return
	}
	l.require("redis.url", strings.HasPrefix(r.URL.Reveal(), "rediss"), "must begin with rediss for the certificates beside it to be used")
	if _, err := r.roots(); err != nil {
		l.invalid("redis.ca_file", err.Error())
	}
	if _, err := r.own(); err != nil {
		l.invalid("redis.cert_file", err.Error())
	}
}
