// Package load measures the whole hub against the least that could do its work: a
// loop that polls, calls the model and sends, with no queue, no session, no order
// and nothing stored.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
)

// bare is that loop. It is run as a process of its own, as the hub is.
func bare(ctx context.Context, api, worker string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}
	var wg sync.WaitGroup
	defer wg.Wait()
	offset := int64(0)
	for ctx.Err() == nil {
		var updates struct {
			Result []struct {
				ID      int64 `json:"update_id"`
				Message struct {
					Chat struct {
						ID int64 `json:"id"`
					} `json:"chat"`
					Text string `json:"text"`
				} `json:"message"`
			} `json:"result"`
		}
		form := url.Values{"timeout": {"30"}, "offset": {strconv.FormatInt(offset, 10)}}
		if err := post(ctx, client, api+"/getUpdates", "application/x-www-form-urlencoded", []byte(form.Encode()), &updates); err != nil {
			return err
		}
		for _, u := range updates.Result {
			offset = u.ID + 1
			wg.Go(func() {
				answer, err := ask(ctx, client, worker, u.Message.Text)
				if err == nil {
					form := url.Values{"chat_id": {strconv.FormatInt(u.Message.Chat.ID, 10)}, "text": {answer}}
					err = post(ctx, client, api+"/sendMessage", "application/x-www-form-urlencoded", []byte(form.Encode()), nil)
				}
				if err != nil && ctx.Err() == nil {
					_, _ = fmt.Fprintln(os.Stderr, "bare loop:", err)
				}
			})
		}
	}
	return nil
}

func ask(ctx context.Context, client *http.Client, worker, text string) (string, error) {
	body, err := json.Marshal(map[string]any{
		"model": "fake", "messages": []map[string]string{{"role": "user", "content": text}},
	})
	if err != nil {
		return "", err
	}
	var answer struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := post(ctx, client, worker+"/chat/completions", "application/json", body, &answer); err != nil {
		return "", err
	}
	if len(answer.Choices) == 0 {
		return "", fmt.Errorf("the model gave no choice")
	}
	return answer.Choices[0].Message.Content, nil
}

func post(ctx context.Context, client *http.Client, url, kind string, body []byte, result any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", res.StatusCode, data)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(data, result)
}
