package openaichat_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models/modeltest"
)

func TestStatus(t *testing.T) {
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, test := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		class  fault.Class
		wait   time.Duration
	}{
		{"seconds", 429, map[string]string{"Retry-After": "3"}, "", fault.RateLimited, 3 * time.Second},
		{"milliseconds first", 429, map[string]string{"Retry-After": "3", "Retry-After-Ms": "1500"}, "", fault.RateLimited, 1500 * time.Millisecond},
		{"date past", 429, map[string]string{"Retry-After": "Mon, 02 Jan 2006 15:04:05 GMT"}, "", fault.RateLimited, 0},
		{"nonsense", 429, map[string]string{"Retry-After": "soon"}, "<html>", fault.RateLimited, 0},
		{"negative", 429, map[string]string{"Retry-After": "-3"}, "", fault.RateLimited, 0},
		{"not a number", 429, map[string]string{"Retry-After": "NaN"}, "", fault.RateLimited, 0},
		{"for ever", 429, map[string]string{"Retry-After": "1e300"}, "", fault.RateLimited, time.Hour},
		{"unavailable", 503, map[string]string{"Retry-After": "2"}, "", fault.Retryable, 2 * time.Second},
		{"loading", 503, nil, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, fault.Retryable, 2 * time.Second},
		{"page", 502, nil, "<html>bad gateway</html>", fault.Retryable, 0},
		{"not supported", 501, nil, `{"error":{"message":"no","type":"not_supported_error"}}`, fault.Permanent, 0},
		{"timeout", 408, nil, "", fault.Retryable, 0},
		{"unauthorized", 401, nil, "", fault.NeedsHuman, 0},
		{"forbidden", 403, nil, "<html>", fault.NeedsHuman, 0},
		{"payment", 402, nil, "", fault.Permanent, 0},
		{"too large", 413, nil, "", fault.Permanent, 0},
		{"unprocessable", 422, nil, `{"detail":[{"msg":"no"}]}`, fault.Permanent, 0},
		{"redirect", 302, map[string]string{"Location": "http://elsewhere.test/"}, "", fault.NeedsHuman, 0},
		{"no content", 204, nil, "", fault.NeedsHuman, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cannedText(test.body)
			c.status, c.header = test.status, http.Header{}
			for k, v := range test.header {
				c.header.Set(k, v)
			}
			res := modeltest.Collect(t, t.Context(), c.client(t), modeltest.Ask("hi"))
			if fault.ClassOf(res.Err) != test.class || fault.Wait(res.Err) != test.wait {
				t.Errorf("class %v, wait %v: %v", fault.ClassOf(res.Err), fault.Wait(res.Err), res.Err)
			}
			if c.calls != 1 {
				t.Errorf("%d calls", c.calls)
			}
		})
	}
	c := cannedText("")
	c.status, c.header = 429, http.Header{"Retry-After": {date}}
	res := modeltest.Collect(t, t.Context(), c.client(t), modeltest.Ask("hi"))
	if wait := fault.Wait(res.Err); wait <= 0 || wait > time.Hour {
		t.Errorf("a date an hour away gives %v", wait)
	}
}

func TestOverflowIsSaid(t *testing.T) {
	for _, body := range []string{
		`{"error":{"message":"This model's maximum context length is 4096 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}`,
		`{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000","code":400}`,
		`{"error":{"code":500,"message":"the request exceeds the available context size. try increasing the context size","type":"server_error"}}`,
		`{"error":{"message":"The input (5000 tokens) is longer than the model's context length (4096 tokens).","code":400}}`,
	} {
		for _, status := range []int{400, 500} {
			c := cannedText(body)
			c.status = status
			err := modeltest.Collect(t, t.Context(), c.client(t), modeltest.Ask("hi")).Err
			if fault.ClassOf(err) != fault.Permanent || !strings.Contains(fault.Public(err), "too long") {
				t.Errorf("%d %s: %v", status, body, err)
			}
		}
	}
}
