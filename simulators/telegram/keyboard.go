package telegram

import (
	"bytes"
	"encoding/json"
	"net/url"
)

// maxCallbackData bounds callback_data in bytes.
// See https://core.telegram.org/bots/api#inlinekeyboardbutton.
const maxCallbackData = 64

// Button is one button of an inline keyboard.
type Button struct {
	Text         string          `json:"text"`
	URL          string          `json:"url,omitempty"`
	CallbackData string          `json:"callback_data,omitempty"`
	WebApp       json.RawMessage `json:"web_app,omitempty"`
	LoginURL     json.RawMessage `json:"login_url,omitempty"`
	SwitchInline *string         `json:"switch_inline_query,omitempty"`
	SwitchHere   *string         `json:"switch_inline_query_current_chat,omitempty"`
	CopyText     json.RawMessage `json:"copy_text,omitempty"`
	Pay          bool            `json:"pay,omitempty"`
}

type inlineKeyboard struct {
	Rows [][]Button `json:"inline_keyboard"`
}

// parseMarkup reads a reply_markup: an inline keyboard in its canonical form, or one of the
// other kinds as it came.
func parseMarkup(text string) (inline, other json.RawMessage, err error) {
	if text == "" {
		return nil, nil, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, nil, badRequest("can't parse reply keyboard markup JSON object")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &fields) != nil {
		return nil, nil, badRequest("object expected as reply markup")
	}
	if rows := fields["keyboard"]; rows != nil {
		var grid [][]json.RawMessage
		if json.Unmarshal(rows, &grid) != nil {
			return nil, nil, badRequest(`field "keyboard" must be an Array of Arrays`)
		}
		if err := checkReplyKeyboard(grid); err != nil {
			return nil, nil, err
		}
		return nil, json.RawMessage(text), nil
	}
	if fields["inline_keyboard"] == nil {
		return nil, json.RawMessage(text), nil
	}
	var rows []json.RawMessage
	if json.Unmarshal(fields["inline_keyboard"], &rows) != nil {
		return nil, nil, badRequest(`field "inline_keyboard" must be of type Array`)
	}
	board := inlineKeyboard{}
	for _, row := range rows {
		var buttons []json.RawMessage
		if json.Unmarshal(row, &buttons) != nil {
			return nil, nil, badRequest(`field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays`)
		}
		parsed := make([]Button, len(buttons))
		for i, b := range buttons {
			if parsed[i], err = parseButton(b); err != nil {
				return nil, nil, err
			}
		}
		if len(parsed) > 0 {
			board.Rows = append(board.Rows, parsed)
		}
	}
	if len(board.Rows) == 0 {
		return nil, nil, nil
	}
	return jsonOf(board), nil, nil
}

func parseButton(text json.RawMessage) (Button, error) {
	const prefix = "can't parse inline keyboard button: "
	var b Button
	if !bytes.HasPrefix(text, []byte("{")) {
		return b, badRequest(prefix + "InlineKeyboardButton must be an Object")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil || json.Unmarshal(text, &b) != nil {
		return b, badRequest(prefix + "a field has the wrong type")
	}
	data, hasData := fields["callback_data"]
	switch {
	case fields["text"] == nil:
		return b, badRequest(prefix + `Can't find field "text"`)
	case b.Text == "":
		return b, badRequest("inline keyboard button text must be non-empty")
	case b.URL != "":
		if u, err := url.Parse(b.URL); err != nil || u.Host == "" && u.Scheme != "tg" {
			return b, badRequest("inline keyboard button URL '" + b.URL + "' is invalid: Wrong HTTP URL")
		}
	case hasData && string(data) != "null":
		if len(b.CallbackData) == 0 || len(b.CallbackData) > maxCallbackData {
			return b, badRequest("BUTTON_DATA_INVALID")
		}
	case b.WebApp == nil && b.LoginURL == nil && b.SwitchInline == nil && b.SwitchHere == nil &&
		b.CopyText == nil && !b.Pay && fields["callback_game"] == nil && fields["switch_inline_query_chosen_chat"] == nil:
		return b, badRequest(prefix + "Text buttons are unallowed in the inline keyboard")
	}
	return b, nil
}

func checkReplyKeyboard(grid [][]json.RawMessage) error {
	for _, row := range grid {
		for _, b := range row {
			var text string
			var button struct {
				Text *string `json:"text"`
			}
			switch {
			case json.Unmarshal(b, &text) == nil:
			case json.Unmarshal(b, &button) != nil:
				return badRequest("can't parse keyboard button: KeyboardButton must be a String or an Object")
			case button.Text == nil:
				return badRequest(`can't parse keyboard button: Can't find field "text"`)
			default:
				text = *button.Text
			}
			if text == "" {
				return badRequest("keyboard button text must be non-empty")
			}
		}
	}
	return nil
}

// Buttons gives the inline keyboard of a message, row by row.
func (m Message) Buttons() [][]Button {
	var board inlineKeyboard
	if len(m.ReplyMarkup) == 0 || json.Unmarshal(m.ReplyMarkup, &board) != nil {
		return nil
	}
	return board.Rows
}
