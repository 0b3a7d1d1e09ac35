package redisc

import (
	"crypto/sha256"
	"encoding/base64"
)

// cacheKey is where a value of the cache is kept. Whose it is cannot be read in it. It is
// a string, which expires, and goes to a slot of its own.
func cacheKey(prefix, key string) string {
	sum := sha256.Sum256([]byte(key))
	return prefix + ":cache:{" + base64.RawURLEncoding.EncodeToString(sum[:16]) + "}"
}
