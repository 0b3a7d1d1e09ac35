package whatsapp

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core"
)

// realm says whose user ids these are: a person is the same for every number.
const realm core.Realm = "whatsapp"

// nowhere is the chat of changes that belong to none; nobody has this id.
const nowhere core.ChatID = "0"

// errForeignID is returned for an id this adapter did not mint.
var errForeignID = errors.New("not an id of this platform")

// maxID bounds the ids taken from and given to the platform, in bytes.
const maxID = 512

// A person is named by what the platform calls them: a phone number without a plus,
// or a business-scoped id of people who hide theirs. Both are opaque.
func mintChat(person string) core.ChatID { return core.ChatID(person) }

func mintUser(person string) core.UserID { return core.UserID(person) }

// mintMessage keeps a wamid as it is.
func mintMessage(wamid string) core.MessageID { return core.MessageID(wamid) }

// scopedShape is a business-scoped user id: a country and a number.
var scopedShape = regexp.MustCompile(`^[A-Z]{2}\.`)

// parseChat gives the person to send to; scoped tells that the id is not a number.
func parseChat(id core.ChatID) (person string, scoped bool, err error) {
	if id == "" || id == nowhere || len(id) > maxID {
		return "", false, errForeignID
	}
	return string(id), scopedShape.MatchString(string(id)), nil
}

func parseMessage(id core.MessageID) (wamid string, err error) {
	if !strings.HasPrefix(string(id), "wamid.") || len(id) > maxID {
		return "", errForeignID
	}
	return string(id), nil
}

// mediaShape keeps a media id from being more than one segment of a path.
var mediaShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func mintFile(mediaID string) core.FileRef { return core.FileRef(mediaID) }

func parseFile(ref core.FileRef) (mediaID string, err error) {
	if !mediaShape.MatchString(string(ref)) {
		return "", errForeignID
	}
	return string(ref), nil
}

// opaque names one piece of a reply in biz_opaque_callback_data: the reply and how many
// of its messages stand before it. The platform takes at most 512 characters.
func opaque(r core.Reply) string { return string(r.ID) + "#" + strconv.Itoa(len(r.Sent)) }

// ofOpaque reads the reply, and how many of its messages stand before the piece, out of
// biz_opaque_callback_data; empty for one that is not ours.
func ofOpaque(text string) (reply core.ReplyID, piece string) {
	id, piece, ok := strings.Cut(text, "#")
	if !ok {
		return "", ""
	}
	return core.ReplyID(id), piece
}
