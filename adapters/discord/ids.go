package discord

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
)

// realm says whose user ids these are: they are the same for every bot.
const realm core.Realm = "discord"

// nobody and nowhere stand for what an event does not name; no snowflake is 0.
const (
	nobody  core.UserID = "0"
	nowhere core.ChatID = "0"
)

// errForeignID is returned for an id this adapter did not mint.
var errForeignID = errors.New("not an id of this platform")

// epoch is the millisecond snowflakes count from
// (https://docs.discord.com/developers/reference#snowflakes).
const epoch = 1420070400000

// parseID reads a snowflake.
func parseID(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return 0, errForeignID
	}
	return n, nil
}

// idTime is when a snowflake was made; or stands for one that is none.
func idTime(text string, or time.Time) time.Time {
	n, err := parseID(text)
	if err != nil {
		return or.UTC()
	}
	return time.UnixMilli(int64(n>>22) + epoch).UTC()
}

// newer tells whether snowflake a was made after b.
func newer(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// channelOf is the channel that messages of a conversation go to: a thread is a
// channel of its own.
func channelOf(to core.Conversation) (string, error) {
	id := string(to.Chat)
	if to.Thread != "" {
		id = string(to.Thread)
	}
	if _, err := parseID(id); err != nil {
		return "", permanent("send", "the chat is %w", err)
	}
	return id, nil
}

// nonceLength is the longest nonce Discord takes.
const nonceLength = 25

// nonceOf names one piece of a reply in one channel, the same on every node and
// after every restart. A draft has another than the final that replaces it, because
// a nonce brings back the message that had it.
func nonceOf(channel string, r core.Reply) string {
	h := sha256.New()
	for _, s := range []string{channel, string(r.ID), strconv.Itoa(len(r.Sent)), strconv.FormatBool(r.Final)} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))[:nonceLength]
}

// fileRef is what a core.FileRef of this platform holds: where the file was posted
// and the address it had then. Addresses end after a day; a new one is asked for with
// the message.
type fileRef struct{ channel, message, attachment, address string }

func (f fileRef) mint() core.FileRef {
	return core.FileRef(f.channel + "/" + f.message + "/" + f.attachment + " " + f.address)
}

func parseFile(ref core.FileRef) (fileRef, error) {
	where, address, ok := strings.Cut(string(ref), " ")
	parts := strings.Split(where, "/")
	if !ok || len(parts) != 3 || address == "" {
		return fileRef{}, errForeignID
	}
	return fileRef{parts[0], parts[1], parts[2], address}, nil
}
