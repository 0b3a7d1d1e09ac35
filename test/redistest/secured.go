package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Secured is a server that is reached with TLS, and asks its clients for a certificate unless
// it is told otherwise. One certificate is the authority, the server's and the client's.
type Secured struct {
	*Server
	// CertFile and KeyFile are in PEM; Roots knows the certificate.
	CertFile, KeyFile string
	Roots             *x509.CertPool

	port int
}

// StartSecured is Start with TLS.
func StartSecured(t testing.TB, args ...string) Secured {
	t.Helper()
	dir := t.TempDir()
	s := Secured{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), Roots: x509.NewCertPool(), port: FreePort(t)}
	cert, err := writeCertificate(s.CertFile, s.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	s.Roots.AddCert(cert)
	s.Server = Start(t, append([]string{
		"--tls-port", strconv.Itoa(s.port), "--tls-cert-file", s.CertFile, "--tls-key-file", s.KeyFile, "--tls-ca-cert-file", s.CertFile,
	}, args...)...)
	return s
}

// URL is the address with TLS.
func (s Secured) URL() string { return "rediss://127.0.0.1:" + strconv.Itoa(s.port) }

// writeCertificate makes a certificate of its own authority for the loopback address.
func writeCertificate(certFile, keyFile string) (*x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	return x509.ParseCertificate(der)
}
