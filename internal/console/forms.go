package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// maxForm bounds a form without a file in bytes; the longest text fits,
	// percent-encoded.
	maxForm = 64 << 10
	// maxText bounds what is said, in characters.
	maxText = 4096
	// maxEmoji bounds a reaction, in bytes: a family of four with skins.
	maxEmoji = 64
)

// sent is a form that was understood.
type sent struct {
	playgroundState
	values url.Values
	target Phone
	chat   string
	file   *Upload
}

// say takes what somebody wrote, or the file they chose.
func (c *Console) say(w http.ResponseWriter, r *http.Request) {
	s, ok := c.form(w, r)
	if !ok {
		return
	}
	switch {
	case strings.TrimSpace(s.typed) == "" && s.file == nil:
		c.refuse(w, r, http.StatusUnprocessableEntity, s.playgroundState, "Write something first.")
		return
	case utf8.RuneCountInString(s.typed) > maxText:
		c.refuse(w, r, http.StatusUnprocessableEntity, s.playgroundState, "That is too long: 4096 characters at most.")
		return
	}
	err := c.o.Playground.Say(r.Context(), Utterance{
		Chat: s.chat, As: s.as, Text: s.typed, ReplyTo: s.values.Get("reply"), File: s.file,
	})
	c.answer(w, r, s.playgroundState, err)
}

// press takes the press of a button.
func (c *Console) press(w http.ResponseWriter, r *http.Request) {
	s, ok := c.form(w, r)
	if !ok {
		return
	}
	err := c.o.Playground.Press(r.Context(), s.chat, s.values.Get("bubble"), s.as, s.values.Get("data"))
	c.answer(w, r, s.playgroundState, err)
}

// react takes an emoji for a bubble.
func (c *Console) react(w http.ResponseWriter, r *http.Request) {
	s, ok := c.form(w, r)
	if !ok {
		return
	}
	emoji := s.values.Get("emoji")
	if emoji == "" || len(emoji) > maxEmoji || !utf8.ValidString(emoji) {
		c.refuse(w, r, http.StatusUnprocessableEntity, s.playgroundState, "That is no reaction.")
		return
	}
	c.answer(w, r, s.playgroundState, c.o.Playground.React(r.Context(), s.chat, s.values.Get("bubble"), s.as, emoji))
}

// fail makes a platform fail.
func (c *Console) fail(w http.ResponseWriter, r *http.Request) {
	s, ok := c.form(w, r)
	if !ok {
		return
	}
	known := slices.ContainsFunc(s.target.Faults, func(f Fault) bool { return f.ID == s.values.Get("fault") })
	if !known {
		c.refuse(w, r, http.StatusNotFound, s.playgroundState, "This platform does not fail that way.")
		return
	}
	c.answer(w, r, s.playgroundState, c.o.Playground.Fail(r.Context(), s.target.ID, s.values.Get("fault")))
}

// pair asks the hub for a code to link a phone.
func (c *Console) pair(w http.ResponseWriter, r *http.Request) {
	if s, ok := c.form(w, r); ok {
		c.answer(w, r, s.playgroundState, c.o.Playground.Pair(r.Context(), s.target.ID))
	}
}

// scan lets a phone scan the code.
func (c *Console) scan(w http.ResponseWriter, r *http.Request) {
	if s, ok := c.form(w, r); ok {
		c.answer(w, r, s.playgroundState, c.o.Playground.Scan(r.Context(), s.target.ID))
	}
}

// trouble troubles the hub itself.
func (c *Console) trouble(w http.ResponseWriter, r *http.Request) {
	var s sent
	if status, words := c.read(w, r, &s); status != 0 {
		c.refuse(w, r, status, s.playgroundState, words)
		return
	}
	id := s.values.Get("fault")
	if !slices.ContainsFunc(c.o.Playground.Troubles(), func(f Fault) bool { return f.ID == id }) {
		c.refuse(w, r, http.StatusNotFound, s.playgroundState, "The hub cannot be troubled that way.")
		return
	}
	if err := c.o.Playground.Fail(r.Context(), TheHub, id); err != nil {
		c.failed(w, r, s.playgroundState, err)
		return
	}
	if byScript(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	// The page asks again by itself: it may be the hub's last for a moment.
	w.Header().Set("Refresh", "3; url=/")
	c.showPlayground(w, http.StatusOK, playgroundState{})
}

// form reads the form and finds its phone, chat and speaker; when it cannot it
// answers the request itself. Values in the query stand before those in the body.
func (c *Console) form(w http.ResponseWriter, r *http.Request) (sent, bool) {
	var s sent
	if status, words := c.read(w, r, &s); status != 0 {
		c.refuse(w, r, status, s.playgroundState, words)
		return s, false
	}
	s.phone, s.place, s.as = s.values.Get("phone"), s.values.Get("place"), s.values.Get("as")
	s.typed = strings.ReplaceAll(s.values.Get("text"), "\r\n", "\n")
	i := slices.IndexFunc(c.phones, func(p Phone) bool { return p.ID == s.phone })
	if i < 0 {
		c.refuse(w, r, http.StatusNotFound, s.playgroundState, "There is no such phone.")
		return s, false
	}
	s.target = c.phones[i]
	if !slices.ContainsFunc(s.target.People, func(p Person) bool { return p.ID == s.as }) {
		c.refuse(w, r, http.StatusUnprocessableEntity, s.playgroundState, "Nobody of that name has this phone.")
		return s, false
	}
	at := slices.IndexFunc(s.target.Places, func(p Place) bool { return p.ID == s.place })
	if at < 0 {
		c.refuse(w, r, http.StatusNotFound, s.playgroundState, "There is no such chat.")
		return s, false
	}
	s.chat = s.target.Places[at].Chats[s.as]
	return s, true
}

// read reads the body of a form; a status other than 0 refuses it.
func (c *Console) read(w http.ResponseWriter, r *http.Request, s *sent) (status int, words string) {
	limit := int64(maxForm)
	multipart := strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data")
	if multipart {
		limit += maxUpload
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	var err error
	if multipart {
		err = r.ParseMultipartForm(limit) //nolint:gosec // the body is bounded above; all of it is kept in memory
	} else {
		err = r.ParseForm()
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, "That is too long."
	case err != nil:
		return http.StatusBadRequest, "This form cannot be read."
	}
	s.values = r.PostForm
	for key, v := range r.URL.Query() {
		if v[0] != "" {
			s.values.Set(key, v[0])
		}
	}
	if kind := s.values.Get("sample"); kind != "" {
		if s.file = sample(kind); s.file == nil {
			return http.StatusNotFound, "There is no such sample."
		}
		return 0, ""
	}
	if multipart {
		s.file, words = upload(r)
	}
	if words != "" {
		return http.StatusUnprocessableEntity, words
	}
	return 0, ""
}

// byScript tells whether console.js sent the form and wants no page.
func byScript(r *http.Request) bool { return r.Header.Get("Accept") == "text/plain" }

// answer tells how it went.
func (c *Console) answer(w http.ResponseWriter, r *http.Request, s playgroundState, err error) {
	switch {
	case err != nil:
		c.failed(w, r, s, err)
	case byScript(r):
		w.WriteHeader(http.StatusNoContent)
	default:
		q := url.Values{"phone": {s.phone}, "place": {s.place}, "as": {s.as}}
		http.Redirect(w, r, "/?"+q.Encode()+"#phone-"+url.PathEscape(s.phone), http.StatusSeeOther)
	}
}

func (c *Console) failed(w http.ResponseWriter, r *http.Request, s playgroundState, err error) {
	ref := fault.Ref(err)
	if ref == "" {
		ref = fault.NewRef()
	}
	c.o.Log.Error().Err(err).Str("ref", ref).Msg("playground refused")
	words := fault.Public(err)
	if words == "" {
		words = "That did not work."
	}
	status := http.StatusInternalServerError
	if fault.ClassOf(err) == fault.Retryable || fault.ClassOf(err) == fault.RateLimited {
		status = http.StatusServiceUnavailable
	}
	c.refuse(w, r, status, s, words+" Reference "+ref+".")
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request, status int, s playgroundState, words string) {
	if byScript(r) {
		http.Error(w, words, status)
		return
	}
	s.notice = words
	c.showPlayground(w, status, s)
}
