package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"time"

	"github.com/rs/zerolog"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Options tell what the console shows. Status is required; without a Playground
// the overview is the first page, without Journeys no paths are shown.
type Options struct {
	Playground Playground
	Journeys   Journeys
	// Status is asked for each page and every few seconds for each open one.
	Status func() Overview
	Log    zerolog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Console serves the pages. Make it with New; it is safe for concurrent use.
type Console struct {
	o       Options
	pages   *template.Template
	assets  map[string]asset
	mux     *http.ServeMux
	streams chan struct{} // one place for each open event stream
	hues    map[string]int
	phones  []Phone
}

// asset is one file that pages refer to.
type asset struct {
	body []byte
	kind string
	// url carries a digest of the content, so that browsers may keep it forever.
	url string
}

// kinds are the content types of the static files.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// New makes the console. It fails only when the files it was built with are broken.
func New(o Options) (*Console, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Console{o: o, assets: map[string]asset{}, streams: make(chan struct{}, maxStreams), hues: map[string]int{}}
	if err := c.loadAssets(); err != nil {
		return nil, err
	}
	pages, err := template.New("").Funcs(template.FuncMap{
		"asset": func(name string) string { return c.assets[name].url },
	}).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	c.pages = pages
	if o.Playground != nil {
		c.phones = o.Playground.Phones()
		for _, phone := range c.phones {
			for _, p := range phone.People {
				if _, known := c.hues[p.ID]; !known {
					c.hues[p.ID] = len(c.hues) % hueCount
				}
			}
		}
	}
	c.mux = c.routes()
	return c, nil
}

// ServeHTTP serves the pages, their assets, the forms and the events.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

func (c *Console) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /overview", c.overviewPage)
	mux.HandleFunc("GET /events", c.events)
	mux.HandleFunc("GET /static/{name}", c.static)
	if c.o.Playground == nil {
		mux.HandleFunc("GET /{$}", c.overviewPage)
		return mux
	}
	mux.HandleFunc("GET /{$}", c.playgroundPage)
	mux.HandleFunc("GET /files/{phone}/{file}", c.file)
	mux.HandleFunc("POST /say", c.say)
	mux.HandleFunc("POST /press", c.press)
	mux.HandleFunc("POST /react", c.react)
	mux.HandleFunc("POST /fail", c.fail)
	mux.HandleFunc("POST /pair", c.pair)
	mux.HandleFunc("POST /scan", c.scan)
	mux.HandleFunc("POST /trouble", c.trouble)
	return mux
}

func (c *Console) loadAssets() error {
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		return err
	}
	for _, e := range entries {
		body, err := fs.ReadFile(staticFiles, "static/"+e.Name())
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		c.assets[e.Name()] = asset{
			body: body, kind: kinds[path.Ext(e.Name())],
			url: "/static/" + e.Name() + "?v=" + hex.EncodeToString(sum[:6]),
		}
	}
	return nil
}

func (c *Console) static(w http.ResponseWriter, r *http.Request) {
	a, ok := c.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.body)
}

// page renders a whole page; nothing is written before all of it is there.
func (c *Console) page(w http.ResponseWriter, status int, name string, data any) {
	body, err := c.render(name, data)
	if err != nil {
		c.o.Log.Error().Err(err).Str("page", name).Msg("page not rendered")
		http.Error(w, "this page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (c *Console) render(name string, data any) ([]byte, error) {
	var buf bytes.Buffer
	err := c.pages.ExecuteTemplate(&buf, name, data)
	return buf.Bytes(), err
}
