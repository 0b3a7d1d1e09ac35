package telegram

import (
	"bytes"
	"encoding/json"
	"image"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const maxPhoto = 10 << 20 // bytes; see https://core.telegram.org/bots/api#sending-files

// sendFile makes the method that sends one file of a kind.
func sendFile(kind string) method {
	return func(s *Server, c *call) (any, error) {
		caption, found, err := c.params.formatted("caption", "caption_entities")
		if err != nil {
			return nil, err
		}
		f, err := s.fileArg(c, kind, c.params.values[kind], kind)
		if err != nil {
			return nil, err
		}
		p := &Posted{Message: Message{Caption: caption, CaptionEntities: found}}
		p.attach(f, c.params.int("duration", 0, 0, 1<<30), c.params.values["emoji"])
		return s.post(c, p)
	}
}

// fileArg resolves an input file: an upload in the part of that name, attach://part, a known
// file_id, or an address. Addresses are refused: this server calls nobody.
func (s *Server) fileArg(c *call, kind, value, part string) (*file, error) {
	if name, ok := strings.CutPrefix(value, "attach://"); ok {
		part, value = name, ""
		if _, sent := c.params.files[part]; !sent {
			return nil, badRequest("there is no " + kindWords(kind) + " in the request")
		}
	}
	if up, ok := c.params.files[part]; ok && value == "" {
		return s.keepUpload(kind, up)
	}
	switch {
	case value == "":
		return nil, badRequest("there is no " + kindWords(kind) + " in the request")
	case strings.HasPrefix(value, "http://"), strings.HasPrefix(value, "https://"):
		return nil, badRequest("failed to get HTTP URL content")
	}
	f := s.files.get(value)
	if f == nil {
		return nil, badRequest("wrong file identifier/HTTP URL specified")
	}
	if f.kind != kind {
		return nil, badRequest("can't use file of type " + typeName(f.kind) + " as " + typeName(kind))
	}
	return f, nil
}

func (s *Server) keepUpload(kind string, up upload) (*file, error) {
	switch {
	case len(up.data) == 0:
		return nil, badRequest("file must be non-empty")
	case kind == "photo" && len(up.data) > maxPhoto:
		return nil, badRequest("file is too big for a photo; the maximum size is " + strconv.Itoa(maxPhoto) + " bytes")
	case kind == "photo" && !isImage(up.data):
		return nil, badRequest("IMAGE_PROCESS_FAILED")
	case kind == "photo" && !photoShaped(up.data):
		return nil, badRequest("PHOTO_INVALID_DIMENSIONS")
	}
	mime := up.mime
	if mime == "application/octet-stream" {
		mime = ""
	}
	return s.files.add(kind, up.name, mime, up.data, 0), nil
}

func isImage(data []byte) bool {
	if _, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil {
		return true
	}
	return http.DetectContentType(data) == "image/webp" // no decoder for it in the standard library
}

// photoShaped applies the limits of https://core.telegram.org/bots/api#sendphoto: width and height
// of at most 10,000 together, and one at most 20 times the other.
func photoShaped(data []byte) bool {
	cfg, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return true // webp, which is not measured here
	}
	return cfg.Width+cfg.Height <= 10_000 && max(cfg.Width, cfg.Height) <= 20*min(cfg.Width, cfg.Height)
}

func kindWords(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

func typeName(kind string) string {
	words := strings.Split(kind, "_")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// albumItem is one InputMedia of an album.
type albumItem struct {
	Type     string          `json:"type"`
	Media    string          `json:"media"`
	Caption  string          `json:"caption"`
	Mode     string          `json:"parse_mode"`
	Entities json.RawMessage `json:"caption_entities"`
	Duration int             `json:"duration"`
}

func (s *Server) sendMediaGroup(c *call) (any, error) {
	text := c.params.values["media"]
	if text == "" {
		return nil, badRequest("parameter \"media\" is required")
	}
	var items []albumItem
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		return nil, badRequest("can't parse media JSON object")
	}
	if err := checkAlbum(items); err != nil {
		return nil, err
	}
	group := strconv.FormatInt(s.files.nextGroup(), 10)
	all := make([]*Posted, len(items))
	for i, item := range items {
		caption, found, err := formatText(item.Caption, item.Mode, string(item.Entities))
		if err != nil {
			return nil, err
		}
		f, err := s.fileArg(c, item.Type, item.Media, "")
		if err != nil {
			return nil, err
		}
		all[i] = &Posted{Message: Message{MediaGroupID: group, Caption: caption, CaptionEntities: found}}
		all[i].attach(f, item.Duration, "")
	}
	all, err := s.postAll(c, all)
	if err != nil {
		return nil, err
	}
	sent := make([]*Message, len(all))
	for i, p := range all {
		sent[i] = &p.Message
	}
	return sent, nil
}

// checkAlbum applies the rules of https://core.telegram.org/bots/api#sendmediagroup: two to ten
// items; photos and videos mix, documents and audio stay among themselves.
func checkAlbum(items []albumItem) error {
	switch {
	case len(items) == 0:
		return badRequest("there are no messages to send")
	case len(items) > 10:
		return badRequest("too many messages to send as an album")
	}
	for _, item := range items {
		if !slices.Contains([]string{"photo", "video", "document", "audio"}, item.Type) {
			return badRequest("can't parse InputMedia: type " + strconv.Quote(item.Type) + " can't be used in sendMediaGroup")
		}
		mixed := item.Type == "document" || item.Type == "audio" || items[0].Type == "document" || items[0].Type == "audio"
		if mixed && item.Type != items[0].Type {
			return badRequest("message" + typeName(items[0].Type) + " can't be mixed with other media types")
		}
	}
	return nil
}

// nextGroup gives a new media_group_id.
func (fs *fileStore) nextGroup() int64 {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.groups++
	return 13000000000000000 + fs.groups
}
