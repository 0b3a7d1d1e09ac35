package telegram

import (
	"errors"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core"
)

// realm says whose user ids these are: they are the same for every bot.
const realm core.Realm = "telegram"

// errForeignID is returned for an id this adapter did not mint.
var errForeignID = errors.New("not an id of this platform")

// Ids of chats and users go beyond 32 bits; groups are negative.
func mintChat(id int64) core.ChatID { return core.ChatID(strconv.FormatInt(id, 10)) }

func mintUser(id int64) core.UserID { return core.UserID(strconv.FormatInt(id, 10)) }

func mintMessage(id int64) core.MessageID { return core.MessageID(strconv.FormatInt(id, 10)) }

// mintThread is empty for no topic.
func mintThread(id int64) core.ThreadID {
	if id == 0 {
		return ""
	}
	return core.ThreadID(strconv.FormatInt(id, 10))
}

func parseChat(id core.ChatID) (int64, error) { return parseID(string(id)) }

func parseMessage(id core.MessageID) (int64, error) { return parseID(string(id)) }

// parseThread gives 0 for no topic.
func parseThread(id core.ThreadID) (int64, error) {
	if id == "" {
		return 0, nil
	}
	return parseID(string(id))
}

func parseID(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errForeignID
	}
	return n, nil
}

// mintFile holds both ids of a file: file_unique_id, which is the same for
// everybody and cannot be fetched, and file_id, which this bot can fetch. The
// length in front keeps them apart whatever they are made of.
func mintFile(fileID, uniqueID string) core.FileRef {
	return core.FileRef(strconv.Itoa(len(uniqueID)) + ":" + uniqueID + fileID)
}

func parseFile(ref core.FileRef) (fileID, uniqueID string, err error) {
	head, tail, ok := strings.Cut(string(ref), ":")
	n, convErr := strconv.Atoi(head)
	if !ok || convErr != nil || n < 0 || n > len(tail) || head != strconv.Itoa(n) {
		return "", "", errForeignID
	}
	return tail[n:], tail[:n], nil
}

// draftID is a stable non-zero number for the reply; Telegram animates drafts of
// the same number as one.
func draftID(id core.ReplyID) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return int64(h.Sum32()&0x7fffffff) + 1
}
