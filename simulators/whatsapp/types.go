package whatsapp

import "time"

// Number is a business phone number, with what the business knows of it.
type Number struct {
	// ID is the phone number id in paths, Display the number as people see it.
	ID, Display string
	// Name is the verified name.
	Name string
	// Token is the access token of the business, AppSecret what webhook calls are signed with.
	Token, AppSecret string
}

// Person is somebody with a phone.
type Person struct {
	// ID is what the API calls them: their number, digits only, or a business-scoped id.
	ID   string
	Name string
}

// Posted is a message as a chat shows it.
type Posted struct {
	ID     string
	Number string
	Person string
	ByBot  bool
	At     time.Time
	// Type is the API's word for it: text, image, interactive and so on.
	Type string
	// Text is the words: the body of a text or of choices, or a caption.
	Text string
	// Buttons are reply buttons; Rows are the rows of a list that ListLabel opens.
	Buttons   []Choice
	Rows      []Choice
	ListLabel string
	Media     *Media
	Location  *Location
	Contacts  []Card
	// Reaction is set for a reaction, which is shown at the message it names.
	Reaction *Reaction
	// Template is the name of the template it was made from.
	Template string
	// ReplyTo is the message it quotes.
	ReplyTo string
	// Status is how far a message came. One of the business: accepted, sent, delivered, read,
	// failed. One of a person: empty, delivered once the webhook took it, read.
	Status string
	// Opaque is biz_opaque_callback_data.
	Opaque string
}

// Choice is a button or a row of a list.
type Choice struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// Media is a file of a message.
type Media struct {
	ID    string
	Name  string
	MIME  string
	Size  int
	Voice bool
}

// Location is a place.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// Card is somebody's contact data.
type Card struct {
	Name   CardName    `json:"name"`
	Phones []CardPhone `json:"phones,omitempty"`
}

// CardName is the name on a card.
type CardName struct {
	FormattedName string `json:"formatted_name"`
	FirstName     string `json:"first_name,omitempty"`
	LastName      string `json:"last_name,omitempty"`
}

// CardPhone is a number on a card.
type CardPhone struct {
	Phone string `json:"phone"`
	Type  string `json:"type,omitempty"`
	WaID  string `json:"wa_id,omitempty"`
}

// Reaction is an emoji at a message; an empty one takes it away.
type Reaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji"`
}
