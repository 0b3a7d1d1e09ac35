package telegram_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/parley-hub/parley/simulators/telegram"
)

func sdk(t *testing.T, r *rig) *tgbotapi.BotAPI {
	t.Helper()
	api, err := tgbotapi.NewBotAPIWithClient(token, r.url+"/bot%s/%s", r.http)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func picture(t *testing.T) []byte { return pictureOf(t, 4, 3) }

func pictureOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestSDKConversation(t *testing.T) {
	r := start(t, telegram.Options{})
	api := sdk(t, r)
	if api.Self.UserName != "parley_bot" || !api.Self.IsBot || api.Self.ID != botID {
		t.Fatalf("getMe: %+v", api.Self)
	}
	r.say("/start now")
	got, err := api.GetUpdates(tgbotapi.UpdateConfig{Timeout: 30})
	if err != nil || len(got) != 1 {
		t.Fatalf("updates: %v %v", got, err)
	}
	m := got[0].Message
	if m.Command() != "start" || m.CommandArguments() != "now" || m.From.ID != ann || !m.Chat.IsPrivate() {
		t.Fatalf("message: %+v", m)
	}
	reply := tgbotapi.NewMessage(m.Chat.ID, "<b>hi</b>")
	reply.ParseMode, reply.ReplyToMessageID = tgbotapi.ModeHTML, m.MessageID
	reply.ReplyMarkup = tgbotapi.NewInlineKeyboardMarkup(tgbotapi.NewInlineKeyboardRow(tgbotapi.NewInlineKeyboardButtonData("Go", "go")))
	sent, err := api.Send(reply)
	if err != nil || sent.Text != "hi" || len(sent.Entities) != 1 || sent.Entities[0].Type != "bold" || sent.ReplyToMessage.MessageID != m.MessageID {
		t.Fatalf("send: %+v %v", sent, err)
	}
	id, err := r.Press(0, 0, int64(sent.MessageID), ann, "go")
	r.must(err)
	got, err = api.GetUpdates(tgbotapi.UpdateConfig{Offset: got[0].UpdateID + 1, Timeout: 30})
	if err != nil || len(got) != 1 || got[0].CallbackQuery == nil || got[0].CallbackQuery.ID != id || got[0].CallbackQuery.Data != "go" {
		t.Fatalf("callback: %+v %v", got, err)
	}
	if _, err := api.Request(tgbotapi.NewCallback(id, "done")); err != nil {
		t.Fatal(err)
	}
	if a, ok := r.Answer(0, id); !ok || a.Text != "done" {
		t.Fatalf("answer: %+v", a)
	}
	if _, err := api.Send(tgbotapi.NewEditMessageText(ann, sent.MessageID, "bye")); err != nil {
		t.Fatal(err)
	}
	shown := r.Shown(0, ann)
	if last := shown[len(shown)-1]; last.Text != "bye" || last.Edits != 1 || last.ReplyMarkup != nil || last.ByBot != botID {
		t.Fatalf("shown: %+v", last)
	}
}

func TestSDKFilesAndErrors(t *testing.T) {
	r := start(t, telegram.Options{})
	api := sdk(t, r)
	r.must(r.OpenPrivate(0, ann))
	img := picture(t)
	photo := tgbotapi.NewPhoto(ann, tgbotapi.FileBytes{Name: "p.png", Bytes: img})
	photo.Caption = "see"
	sent, err := api.Send(photo)
	if err != nil || len(sent.Photo) != 1 || sent.Photo[0].Width != 4 || sent.Caption != "see" {
		t.Fatalf("photo: %+v %v", sent, err)
	}
	f, err := api.GetFile(tgbotapi.FileConfig{FileID: sent.Photo[0].FileID})
	r.must(err)
	out, err := r.send(t.Context(), http.MethodGet, "/file/bot"+token+"/"+f.FilePath, "", nil)
	if err != nil || out.Body != string(img) {
		t.Fatalf("download: %d %v", out.Status, err)
	}
	again := tgbotapi.NewPhoto(ann, tgbotapi.FileID(sent.Photo[0].FileID))
	if _, err := api.Send(again); err != nil {
		t.Fatal(err)
	}
	album := tgbotapi.NewMediaGroup(ann, []any{
		tgbotapi.NewInputMediaPhoto(tgbotapi.FileBytes{Name: "1.png", Bytes: img}),
		tgbotapi.NewInputMediaPhoto(tgbotapi.FileBytes{Name: "2.png", Bytes: img}),
	})
	all, err := api.SendMediaGroup(album)
	if err != nil || len(all) != 2 || all[0].MediaGroupID == "" || all[0].MediaGroupID != all[1].MediaGroupID {
		t.Fatalf("album: %+v %v", all, err)
	}
	r.Inject(telegram.Fault{Kind: telegram.FaultTooManyRequests, Method: "sendmessage", RetryAfter: 7})
	_, err = api.Send(tgbotapi.NewMessage(ann, "x"))
	var apiErr *tgbotapi.Error
	if !errors.As(err, &apiErr) || apiErr.Code != 429 || apiErr.RetryAfter != 7 {
		t.Fatalf("429: %v", err)
	}
	if _, err := api.Send(tgbotapi.NewMessage(bob, "x")); !errors.As(err, &apiErr) || apiErr.Code != 403 {
		t.Fatalf("a stranger: %v", err)
	}
}

func TestPhotosHaveAShape(t *testing.T) {
	r := start(t, telegram.Options{})
	api := sdk(t, r)
	r.must(r.OpenPrivate(0, ann))
	for _, test := range []struct {
		width, height int
		refused       bool
	}{{20, 1, false}, {21, 1, true}, {1, 21, true}, {5000, 5000, false}, {5001, 5000, true}} {
		photo := tgbotapi.NewPhoto(ann, tgbotapi.FileBytes{Name: "p.png", Bytes: pictureOf(t, test.width, test.height)})
		_, err := api.Send(photo)
		if refused := err != nil && strings.Contains(err.Error(), "PHOTO_INVALID_DIMENSIONS"); refused != test.refused {
			t.Errorf("%d x %d: %v", test.width, test.height, err)
		}
	}
}
