package redisc

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/parley-hub/parley/core"
)

// accountLimitKey is a hash of what is known of an account's calls: full, when its
// bucket is full again; until, till when it must wait; m:METHOD the same for a kind of
// call; told and toldat, the chat that last had to wait without being told why.
func accountLimitKey(prefix string, a core.Account) string {
	return prefix + ":{limit:" + digest(string(a)) + "}"
}

// chatLimitKey is a hash of what is known of a chat's calls: full and until as above;
// turn and slot, when its next final may go by its own rate and by the account's.
func chatLimitKey(prefix string, a core.Account, c core.ChatID) string {
	return accountLimitKey(prefix, a) + ":" + digest(string(c))
}

// digest stands for a name of any length and letters.
func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
