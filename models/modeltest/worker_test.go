package modeltest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/models/modeltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const question = `{"model":"fake","stream":true,"messages":[{"role":"user","content":"one two"}]}`

// post asks in the protocol's own words and gives what came back.
func post(t *testing.T, client *http.Client, url, body string, header http.Header) (status int, answer string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(read), err
}

func TestWorkerSpeaks(t *testing.T) {
	w, client := modeltest.StartPiped(t, modeltest.Options{Key: "k"})
	url := w.Base() + "/chat/completions"
	key := http.Header{"Authorization": {"Bearer k"}}
	status, answer, err := post(t, client, url, question, key)
	if err != nil || status != 200 || !strings.HasSuffix(answer, "data: [DONE]\n\n") || strings.Count(answer, `"content":" `) != 2 {
		t.Errorf("%d %v\n%s", status, err, answer)
	}
	if status, answer, _ = post(t, client, url, strings.Replace(question, "true", "false", 1), key); status != 200 || !strings.Contains(answer, `"content":"[1] one two"`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, _, _ = post(t, client, url, question, http.Header{}); status != 401 {
		t.Errorf("without key: %d", status)
	}
	if status, _, _ = post(t, client, url, "{", key); status != 400 {
		t.Errorf("malformed: %d", status)
	}
	w.SetFaults(modeltest.Fault{Kind: modeltest.MalformedIs500})
	if status, _, _ = post(t, client, url, "{", key); status != 500 {
		t.Errorf("malformed as llama.cpp: %d", status)
	}
	if c := w.Counts(); c.Started != 4 || c.Finished != 2 || c.Faulted != 2 || c.InFlight != 0 {
		t.Errorf("%+v", c)
	}
}

func TestFaultsByNumberAndHeader(t *testing.T) {
	w, client := modeltest.StartPiped(t, modeltest.Options{Faults: []modeltest.Fault{{Kind: modeltest.ServerError, From: 2, To: 3}}})
	url := w.Base() + "/chat/completions"
	for i, want := range []int{200, 500, 500, 200} {
		if status, _, _ := post(t, client, url, question, http.Header{}); status != want {
			t.Errorf("request %d: %d, want %d", i+1, status, want)
		}
	}
	_, answer, err := post(t, client, url, question, http.Header{modeltest.FaultHeader: {"cut;after=1;wait=1ms"}})
	if err == nil || strings.Count(answer, `"content":"[1]"`) != 1 || strings.Contains(answer, "one") {
		t.Errorf("%v\n%s", err, answer)
	}
}

func TestRefuseAndReturn(t *testing.T) {
	w := modeltest.Start(t, modeltest.Options{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	url := w.Base() + "/chat/completions"
	w.Refuse()
	if _, _, err := post(t, client, url, question, http.Header{}); err == nil {
		t.Error("the port is still open")
	}
	w.Return(t)
	if status, _, err := post(t, client, url, question, http.Header{}); status != 200 {
		t.Errorf("%d, %v", status, err)
	}
}
