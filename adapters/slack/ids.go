package slack

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
)

// nowhere is the chat of events that belong to none, nobody their sender; no channel
// and no person has this id.
const (
	nowhere core.ChatID = "-"
	nobody  core.UserID = "-"
)

// errForeignID is returned for an id this adapter did not mint.
var errForeignID = errors.New("not an id of this platform")

var (
	idShape = regexp.MustCompile(`^[A-Z0-9]{2,40}$`)
	// userShape is that of people and bots as users.
	userShape = regexp.MustCompile(`^[UW][A-Z0-9]{1,39}$`)
	tsShape   = regexp.MustCompile(`^[0-9]{1,12}\.[0-9]{1,9}$`)
)

// realmOf says whose user ids these are: those of one workspace.
func realmOf(team string) core.Realm { return core.Realm("slack:" + team) }

// teamOf is the workspace of a realm.
func teamOf(realm core.Realm) string { return strings.TrimPrefix(string(realm), "slack:") }

// parseChat gives a channel's id.
func parseChat(id core.ChatID) (string, error) {
	if !idShape.MatchString(string(id)) {
		return "", errForeignID
	}
	return string(id), nil
}

// parseTS gives a message's timestamp, which is its id inside its channel.
func parseTS(id string) (string, error) {
	if !tsShape.MatchString(id) {
		return "", errForeignID
	}
	return id, nil
}

// placeOf tells direct messages by their id: all other channels have several people.
func placeOf(channel string) core.Place {
	if strings.HasPrefix(channel, "D") {
		return core.Private
	}
	return core.Group
}

// farFuture is the year 10000, which has no wire form.
const farFuture = 253402300800

// moment reads a timestamp; or stands for one that is missing or absurd.
func moment(ts string, or time.Time) time.Time {
	head, tail, _ := strings.Cut(ts, ".")
	seconds, err := strconv.ParseInt(head, 10, 64)
	if err != nil || seconds <= 0 || seconds >= farFuture {
		return or.UTC()
	}
	micros, err := strconv.ParseInt((tail + "000000")[:6], 10, 64)
	if err != nil || micros < 0 {
		micros = 0
	}
	return time.Unix(seconds, micros*1000).UTC()
}

// mintFile holds a file's id, by which it is fetched, and the page that shows it to
// people, by which it is sent on. The length in front keeps them apart.
func mintFile(id, permalink string) core.FileRef {
	return core.FileRef(strconv.Itoa(len(id)) + ":" + id + permalink)
}

func parseFile(ref core.FileRef) (id, permalink string, err error) {
	head, tail, ok := strings.Cut(string(ref), ":")
	n, convErr := strconv.Atoi(head)
	if !ok || convErr != nil || n <= 0 || n > len(tail) || head != strconv.Itoa(n) || !idShape.MatchString(tail[:n]) {
		return "", "", errForeignID
	}
	return tail[:n], tail[n:], nil
}
