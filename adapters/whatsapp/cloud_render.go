package whatsapp

import "github.com/parley-hub/parley/core"

// cloudDialect is how the Cloud API shows replies.
var cloudDialect = dialect{
	buttons: true,
	file: func(m core.Media) error {
		if _, err := parseFile(m.File); err != nil && m.Blob == "" {
			return err
		}
		return nil
	},
}

// fields are the own fields of a message as the API takes them: "type" and what the
// type needs, without where it goes.
type fields map[string]any

// render spells a message for the API.
func (m outgoing) render() fields {
	switch {
	case m.media != nil:
		return mediaFields(*m.media)
	case m.location != nil:
		return locationFields(*m.location)
	case m.contact != nil:
		return contactFields(*m.contact)
	case len(m.choices) > 0 && !m.numbered:
		body := interactiveOf(m.choices)
		body["body"] = fields{"text": m.text}
		return fields{"type": "interactive", "interactive": body}
	default:
		return fields{"type": "text", "text": fields{"body": m.text, "preview_url": false}}
	}
}

// mediaTypes are what the API calls each kind.
var mediaTypes = map[core.MediaKind]string{
	core.Image: "image", core.Voice: "audio", core.Audio: "audio", core.Video: "video",
	core.Document: "document", core.Sticker: "sticker",
}

// pending stands in a message for the id of a file that is still to be uploaded.
type pending struct{ core.Media }

// mediaFields sends a file the platform already has by its id; any other is uploaded
// first.
func mediaFields(m core.Media) fields {
	name := mediaTypes[m.Kind]
	body := fields{"id": pending{m}}
	if id, err := parseFile(m.File); err == nil {
		body["id"] = id
	}
	if m.Kind == core.Document && m.Name != "" {
		body["filename"] = m.Name
	}
	if m.Kind == core.Voice {
		body["voice"] = true
	}
	if m.Caption != "" {
		body["caption"] = m.Caption
	}
	return fields{"type": name, name: body}
}

func locationFields(l core.Location) fields {
	body := fields{"latitude": l.Latitude, "longitude": l.Longitude}
	if l.Title != "" {
		body["name"] = l.Title
	}
	if l.Address != "" {
		body["address"] = l.Address
	}
	return fields{"type": "location", "location": body}
}

func contactFields(c core.Contact) fields {
	card := fields{"name": fields{"formatted_name": c.Name, "first_name": c.Name}}
	phone := fields{"phone": c.Phone, "type": "CELL"}
	if c.User != "" {
		phone["wa_id"] = string(c.User)
	}
	card["phones"] = []fields{phone}
	return fields{"type": "contacts", "contacts": []fields{card}}
}

// addressed adds where a message goes and what it answers.
func addressed(m fields, r core.Reply) (fields, error) {
	person, scoped, err := parseChat(r.To.Chat)
	if err != nil {
		return nil, permanent("send", "the chat is %w", err)
	}
	if r.To.Place != core.Private || r.To.Thread != "" {
		return nil, permanent("send", "this mode has chats of two only")
	}
	out := fields{"messaging_product": "whatsapp", "recipient_type": "individual", "biz_opaque_callback_data": opaque(r)}
	for k, v := range m {
		out[k] = v
	}
	if scoped {
		out["recipient"] = person
	} else {
		out["to"] = person
	}
	if r.InReplyTo != "" && len(r.Sent) == 0 {
		wamid, err := parseMessage(r.InReplyTo)
		if err != nil {
			return nil, permanent("send", "the message answered is %w", err)
		}
		out["context"] = fields{"message_id": wamid}
	}
	return out, nil
}
