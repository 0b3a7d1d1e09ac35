package core

// Part is one piece of what was said: the closed set of types in this file. An
// adapter that meets something else makes an Unsupported of it, never nothing.
type Part interface{ partName() string }

// Format says how a Text is to be read.
type Format string

// The formats of text.
const (
	// Plain text is shown letter by letter.
	Plain Format = ""
	// Markdown is CommonMark with GitHub's tables, strikethrough and autolinks:
	// what models write. Each adapter renders it in its platform's own way.
	Markdown Format = "markdown"
)

// Text is words.
type Text struct {
	Text   string `json:"text"`
	Format Format `json:"format,omitempty"`
}

// Mention names somebody inside a message.
type Mention struct {
	User UserID `json:"user,omitempty"`
	Name string `json:"name,omitempty"`
	// Self is true when the bot itself is mentioned.
	Self bool `json:"self,omitempty"`
}

// MediaKind is what sort of file a Media is.
type MediaKind string

// The kinds of media.
const (
	Image    MediaKind = "image"
	Voice    MediaKind = "voice"
	Audio    MediaKind = "audio"
	Video    MediaKind = "video"
	Document MediaKind = "document"
	Sticker  MediaKind = "sticker"
)

// Media is a file. It carries no bytes but where they are: inbound a File that the
// account's adapter fetches when somebody asks; outbound a Blob that the hub keeps, or
// a File of the same account. With both, they are the same bytes.
type Media struct {
	Kind    MediaKind `json:"kind"`
	File    FileRef   `json:"file,omitempty"`
	Blob    BlobRef   `json:"blob,omitempty"`
	Caption string    `json:"caption,omitempty"`
	Name    string    `json:"name,omitempty"`
	MIME    string    `json:"mime,omitempty"`
	// Size is in bytes; 0 when the platform did not say.
	Size int64 `json:"size,omitempty"`
	// Width and Height are in pixels, Seconds is the playing time; 0 when unknown.
	Width   int `json:"width,omitempty"`
	Height  int `json:"height,omitempty"`
	Seconds int `json:"seconds,omitempty"`
	// Emoji is what a sticker stands for.
	Emoji string `json:"emoji,omitempty"`
}

// Location is a point on the map, in degrees.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Title     string  `json:"title,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// Contact is somebody's card.
type Contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone,omitempty"`
	User  UserID `json:"user,omitempty"`
}

// Command is a slash command, its name without the slash and in lower case.
type Command struct {
	Name string `json:"name"`
	Args string `json:"args,omitempty"`
}

// Action is a press of a button; Data is what the button carried.
type Action struct {
	Data string `json:"data"`
	// Callback lets the adapter tell the platform that the press was seen.
	Callback string `json:"callback,omitempty"`
}

// Reaction is an emoji put under a message, or taken away again.
type Reaction struct {
	Emoji   string `json:"emoji"`
	Removed bool   `json:"removed,omitempty"`
}

// Buttons is a choice offered under a reply, row by row.
type Buttons struct {
	Rows [][]Button `json:"rows"`
}

// Button is one choice. Data comes back in an Action; a button with a URL opens it.
type Button struct {
	Label string `json:"label"`
	Data  string `json:"data,omitempty"`
	URL   string `json:"url,omitempty"`
}

// Change says who came and who went.
type Change struct {
	Joined []Sender `json:"joined,omitempty"`
	Left   []Sender `json:"left,omitempty"`
	// Self is true when the bot itself came or went.
	Self bool `json:"self,omitempty"`
}

// Moved says that the place is now known under another id.
type Moved struct {
	To Conversation `json:"to"`
}

// Adoption is a memory on its way from one conversation to another.
type Adoption struct {
	Fields map[string][]byte `json:"fields,omitempty"`
	Log    [][]byte          `json:"log,omitempty"`
}

// Unsupported stands for something this version cannot read; What names it in
// the platform's words.
type Unsupported struct {
	What string `json:"what"`
}

func (Text) partName() string        { return "text" }
func (Mention) partName() string     { return "mention" }
func (Media) partName() string       { return "media" }
func (Location) partName() string    { return "location" }
func (Contact) partName() string     { return "contact" }
func (Command) partName() string     { return "command" }
func (Action) partName() string      { return "action" }
func (Reaction) partName() string    { return "reaction" }
func (Buttons) partName() string     { return "buttons" }
func (Change) partName() string      { return "change" }
func (Moved) partName() string       { return "moved" }
func (Adoption) partName() string    { return "adoption" }
func (Unsupported) partName() string { return "unsupported" }
