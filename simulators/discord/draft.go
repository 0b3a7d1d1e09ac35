package discord

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// draft is what a call wants a message to be.
type draft struct {
	Content         *string           `json:"content"`
	Nonce           json.RawMessage   `json:"nonce"`
	EnforceNonce    bool              `json:"enforce_nonce"`
	TTS             bool              `json:"tts"`
	Embeds          []json.RawMessage `json:"embeds"`
	AllowedMentions *struct {
		Parse       []string `json:"parse"`
		Users       []string `json:"users"`
		Roles       []string `json:"roles"`
		RepliedUser bool     `json:"replied_user"`
	} `json:"allowed_mentions"`
	Reference   *Reference   `json:"message_reference"`
	Components  *[]Component `json:"components"`
	Flags       *int         `json:"flags"`
	Attachments []struct {
		ID       json.RawMessage `json:"id"`
		Filename string          `json:"filename"`
	} `json:"attachments"`

	files []file
}

type file struct {
	name, kind string
	data       []byte
}

// draft reads the body of a call that leaves or changes a message, and checks what can be checked
// without looking at the channel.
func (c *call) draft() (*draft, error) {
	d := &draft{}
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "multipart/form-data":
		if err := c.form(d, params["boundary"]); err != nil {
			return nil, err
		}
	case kind != "application/json":
		return nil, refuse(http.StatusBadRequest, 50035, "Expected \"Content-Type\" header to be one of {'application/json'}.")
	default:
		if err := c.decode(d); err != nil {
			return nil, err
		}
	}
	return d, d.check()
}

const (
	// maxFile is the largest file of a call, maxAttached how many there may be
	// (https://docs.discord.com/developers/reference#uploading-files).
	maxFile     = 10 << 20
	maxAttached = 10
)

var filePart = regexp.MustCompile(`^files\[([0-9])\]$`)

// form reads a call with files: payload_json and files[n].
func (c *call) form(d *draft, boundary string) error {
	reader := multipart.NewReader(bytes.NewReader(c.body), boundary)
	sent := map[string]bool{}
	told := false
	for {
		part, err := reader.NextPart()
		if err == io.EOF { //nolint:errorlint // NextPart gives it as it is
			break
		}
		if err != nil {
			return errNotJSON
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return errNotJSON
		}
		n := filePart.FindStringSubmatch(part.FormName())
		switch {
		case part.FormName() == "payload_json" && !told:
			told, c.body = true, data
			if err := c.decode(d); err != nil {
				return err
			}
		case n == nil || part.FileName() == "" || sent[n[1]]:
			return invalid("files", "BASE_TYPE_BAD_FORM", "The form has a part "+strconv.Quote(part.FormName())+".")
		case len(data) > maxFile || len(d.files) == maxAttached:
			return refuse(http.StatusRequestEntityTooLarge, 40005, "Request entity too large")
		default:
			sent[n[1]] = true
			d.files = append(d.files, file{part.FileName(), contentType(part), data})
		}
	}
	if !told {
		return errNotJSON
	}
	for _, a := range d.Attachments {
		if id := strings.Trim(string(a.ID), `"`); len(id) < 3 && !sent[id] {
			return invalid("attachments", "ATTACHMENT_NOT_FOUND", "Attachment id "+id+" not found.")
		}
	}
	return nil
}

// contentType is the type of a file as it was told, or else by its name.
func contentType(part *multipart.Part) string {
	if full := part.Header.Get("Content-Type"); full != "" && full != "application/octet-stream" {
		return full
	}
	return mime.TypeByExtension(path.Ext(part.FileName()))
}

// check applies the limits of https://docs.discord.com/developers/resources/message#create-message.
func (d *draft) check() error {
	if d.Content != nil && utf8.RuneCountInString(*d.Content) > maxContent {
		return invalid("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
	}
	if n := string(d.Nonce); n != "" && n != "null" {
		text, number := "", json.Number("")
		if json.Unmarshal(d.Nonce, &text) != nil && json.Unmarshal(d.Nonce, &number) != nil {
			return invalid("nonce", "NONCE_TYPE_BAD", "Must be a string or an integer.")
		}
		if utf8.RuneCountInString(text) > maxNonce {
			return invalid("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.")
		}
	}
	if a := d.AllowedMentions; a != nil {
		for _, p := range a.Parse {
			if p != "users" && p != "roles" && p != "everyone" {
				return invalid("allowed_mentions.parse", "BASE_TYPE_CHOICES", "Value must be one of ('users', 'everyone', 'roles').")
			}
		}
		if slices.Contains(a.Parse, "users") && len(a.Users) > 0 || slices.Contains(a.Parse, "roles") && len(a.Roles) > 0 {
			return invalid("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", "parse and ids exclude each other.")
		}
		if len(a.Users) > 100 {
			return invalid("allowed_mentions.users", "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
		}
	}
	if d.Flags != nil && *d.Flags&^writable != 0 {
		return invalid("flags", "MESSAGE_FLAGS_INVALID", "These flags cannot be set.")
	}
	if d.Components != nil {
		return checkRows(*d.Components)
	}
	return nil
}

// checkRows applies https://docs.discord.com/developers/components/reference.
func checkRows(rows []Component) error {
	if len(rows) > 5 {
		return invalid("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
	}
	ids := map[string]bool{}
	for i, row := range rows {
		at := "components." + strconv.Itoa(i)
		if row.Type != 1 {
			return invalid(at+".type", "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (1,).")
		}
		if len(row.Components) < 1 || len(row.Components) > 5 {
			return invalid(at+".components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
		}
		for k, b := range row.Components {
			at := at + ".components." + strconv.Itoa(k)
			link, _ := url.Parse(b.URL)
			switch {
			case b.Type != 2:
				return invalid(at+".type", "UNION_TYPE_CHOICES", "Only buttons are simulated.")
			case b.Style < 1 || b.Style > 5:
				return invalid(at+".style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5}.")
			case b.Label == "" || utf8.RuneCountInString(b.Label) > 80:
				return invalid(at+".label", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 80 in length.")
			case b.Style == 5 && (link == nil || link.Host == "" || link.Scheme != "http" && link.Scheme != "https" && link.Scheme != "discord"):
				return invalid(at+".url", "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'discord').")
			case b.Style == 5 && b.CustomID != "", b.Style != 5 && b.URL != "":
				return invalid(at, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified")
			case b.Style != 5 && (b.CustomID == "" || utf8.RuneCountInString(b.CustomID) > 100):
				return invalid(at+".custom_id", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
			case b.CustomID != "" && ids[b.CustomID]:
				return invalid(at+".custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
			}
			ids[b.CustomID] = b.CustomID != ""
		}
	}
	return nil
}

func (d *draft) empty() bool {
	return (d.Content == nil || strings.TrimSpace(*d.Content) == "") && len(d.Embeds) == 0 && len(d.files) == 0 &&
		(d.Components == nil || len(*d.Components) == 0)
}
