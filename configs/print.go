package configs

import (
	"regexp"

	"go.yaml.in/yaml/v3"
)

// password is what may stand in front of the host of an address.
var password = regexp.MustCompile(`://[^/\s]*@`)

// Redacted gives the configuration in effect as YAML, with each secret as [redacted]
// and without the passwords of addresses.
func (c *Config) Redacted() ([]byte, error) {
	out, err := yaml.Marshal(c)
	return password.ReplaceAll(out, []byte("://redacted@")), err
}
