package telegram

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	// maxUpload is the most a bot may upload, plus room for the other fields.
	// See https://core.telegram.org/bots/api#sending-files.
	maxUpload = 50<<20 + 1<<20
	// maxBody bounds calls without files.
	maxBody = 4 << 20
)

// upload is a file that came with a multipart call.
type upload struct {
	name string
	mime string
	data []byte
}

// params are the arguments of a call. A nested value is its JSON text, however it came.
type params struct {
	values map[string]string
	files  map[string]upload
}

// readParams collects the arguments from the query and from a form, multipart or JSON body.
func readParams(w http.ResponseWriter, r *http.Request) (params, error) {
	p := params{values: map[string]string{}}
	if r.URL.RawQuery != "" {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return p, badRequest("can't parse query")
		}
		p.addAll(query)
	}
	if r.Method != http.MethodPost {
		if r.Method != http.MethodGet {
			return p, &apiError{code: http.StatusMethodNotAllowed, text: "Method Not Allowed"}
		}
		return p, nil
	}
	kind, args, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.ContentLength != 0 && r.Header.Get("Content-Type") != "" {
		return p, badRequest("can't parse content type")
	}
	switch kind {
	case "multipart/form-data":
		r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
		return p, p.readMultipart(multipart.NewReader(r.Body, args["boundary"]))
	case "application/json":
		body, err := readBody(w, r)
		if err != nil || len(body) == 0 {
			return p, err
		}
		return p, p.readJSON(body)
	case "application/x-www-form-urlencoded":
		body, err := readBody(w, r)
		if err != nil {
			return p, err
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return p, badRequest("can't parse form")
		}
		p.addAll(form)
	default: // like the public server, which reads arguments from the query only then
		_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
		return p, bodyError(err)
	}
	return p, nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	return body, bodyError(err)
}

// bodyError says in API terms why a body could not be read.
func bodyError(err error) error {
	if err == nil {
		return nil
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &apiError{code: http.StatusRequestEntityTooLarge, text: "Request Entity Too Large"}
	}
	return badRequest("can't read the request body")
}

func (p *params) addAll(form url.Values) {
	for k, v := range form {
		p.values[k] = v[0]
	}
}

func (p *params) readJSON(body []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return badRequest("can't parse the request body as a JSON object")
	}
	for k, v := range fields {
		switch {
		case len(v) > 0 && v[0] == '"':
			var text string
			if err := json.Unmarshal(v, &text); err != nil {
				return badRequest("can't parse the field " + strconv.Quote(k))
			}
			p.values[k] = text
		case string(v) != "null":
			p.values[k] = string(v)
		}
	}
	return nil
}

func (p *params) readMultipart(form *multipart.Reader) error {
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return bodyError(err)
		}
		if part.FileName() == "" {
			p.values[part.FormName()] = string(data)
			continue
		}
		if p.files == nil {
			p.files = map[string]upload{}
		}
		p.files[part.FormName()] = upload{
			name: part.FileName(), mime: part.Header.Get("Content-Type"), data: data,
		}
	}
}

// int64 reads an integer; what is missing or not one is zero, as on the public server.
func (p params) int64(name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(p.values[name]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// int reads an integer and forces it into bounds; without one it is def.
func (p params) int(name string, def, low, high int) int {
	n, err := strconv.Atoi(strings.TrimSpace(p.values[name]))
	if err != nil {
		return def
	}
	return max(low, min(high, n))
}

func (p params) bool(name string) bool {
	switch strings.ToLower(strings.TrimSpace(p.values[name])) {
	case "true", "yes", "1":
		return true
	}
	return false
}
