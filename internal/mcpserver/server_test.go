package mcpserver_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/core"
)

// said gives a result in short.
func said(r *mcp.CallToolResult, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	var out []string
	if r.IsError {
		out = append(out, "failed:")
	}
	for _, c := range r.Content {
		switch c := c.(type) {
		case *mcp.TextContent:
			out = append(out, c.Text)
		case *mcp.ImageContent:
			out = append(out, c.MIMEType+" "+string(c.Data))
		default:
			out = append(out, fmt.Sprintf("%T", c))
		}
	}
	return strings.Join(out, "|")
}

var versions = []string{"", "2025-11-25", "2025-06-18", "2025-03-26"}

func TestTools(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			r := start(t)
			ci, desk := connect(t, r.url, keyCI, version), connect(t, r.url, keyDesk, version)
			names := func(s *mcp.ClientSession) (out []string) {
				list, err := s.ListTools(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, tool := range list.Tools {
					name := tool.Name
					if *tool.Annotations.DestructiveHint {
						name += "!"
					}
					out = append(out, name)
				}
				return out
			}
			plain := []string{"ask", "draw", "fail", "greet", "panic", "quiet", "tell", "work"}
			if diff := cmp.Diff(plain, names(ci)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"ask", "draw", "erase!", "fail", "greet", "panic", "quiet", "tell", "work", "send_to_person!"}, names(desk)); diff != "" {
				t.Error(diff)
			}
			call := func(s *mcp.ClientSession, tool, input string) string {
				return said(s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: rawJSON(input)}))
			}
			person := string(core.PersonOf("api", "ci"))
			for _, c := range []struct{ tool, input, want string }{
				{"greet", `{"who":"Ada"}`, "hello Ada hello Ada " + person},
				{"draw", `{}`, "image/png picture|a house"},
				{"ask", `{}`, "Which color?|[red]|[The skill asked this and waits for an answer, which cannot be given here.]"},
				{"tell", `{}`, "[The skill also said something in another chat.]"},
				{"quiet", `{}`, "Done."},
			} {
				if got := call(ci, c.tool, c.input); got != c.want {
					t.Errorf("%s: %q\n%s", c.tool, got, r.log)
				}
			}
			if len(r.delivered) != 1 || core.JoinText(r.delivered[0].Elsewhere[0].Parts) != "psst" {
				t.Errorf("delivered %+v", r.delivered)
			}
			for _, c := range []struct{ tool, input, want string }{
				{"fail", `{}`, "failed:|The glue is dry."},
				{"panic", `{}`, "failed:|"},
				{"greet", `{"who":7,"times":12}`, "failed:|The arguments are wrong"},
				{"greet", `{}`, "failed:|The arguments are wrong"},
				{"erase", `{}`, "error: "}, {"nothing", `{}`, "error: "}, {"send_to_person", `{}`, "error: "},
			} {
				if got := call(ci, c.tool, c.input); !strings.HasPrefix(got, c.want) || strings.Contains(got, "hunter2") {
					t.Errorf("%s: %q\n%s", c.tool, got, r.log)
				}
			}
			if got := call(desk, "erase", `{}`); got != "erased" {
				t.Errorf("erase: %q", got)
			}
		})
	}
}

func rawJSON(text string) any { return jsonRaw(text) }

type jsonRaw string

func (j jsonRaw) MarshalJSON() ([]byte, error) { return []byte(j), nil }

func TestSend(t *testing.T) {
	r := start(t)
	desk := connect(t, r.url, keyDesk, "")
	send := func(input string) string {
		return said(desk.CallTool(t.Context(), &mcp.CallToolParams{Name: "send_to_person", Arguments: jsonRaw(input)}))
	}
	if got := send(`{"person":"telegram:1","text":"hi","id":"7"}`); got != "It is on its way." || r.sent[0].ID != "7" || r.sent[0].Person != "telegram:1" {
		t.Errorf("%q, %+v", got, r.sent)
	}
	if got := send(`{"person":"telegram:1","text":"hi"}`); got != "It is on its way." || r.sent[1].ID == "" {
		t.Errorf("%q, %+v", got, r.sent)
	}
	for _, wrong := range []string{`{}`, `{"person":"telegram:1","text":" "}`, `{"person":"","text":"x"}`, `{"person":7,"text":"x"}`, `{"person":"a:1","text":"x","to":"all"}`,
		`{"person":"a:1","text":"` + strings.Repeat("x", 16_001) + `"}`, `{"person":"a:1","text":"x","id":"` + strings.Repeat("x", 129) + `"}`} {
		if got := send(wrong); !strings.HasPrefix(got, "failed:|The arguments are wrong") {
			t.Errorf("%q", got)
		}
	}
	if len(r.sent) != 2 {
		t.Errorf("sent %+v", r.sent)
	}
}

// Who has no key learns nothing and is not read.
func TestDoor(t *testing.T) {
	r := start(t)
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	const key = "Bearer " + keyCI
	for _, c := range []struct {
		name, method, body string
		headers            map[string]string
		want               int
	}{
		{"right", "POST", list, map[string]string{"Authorization": key}, 200},
		{"no key", "POST", list, nil, 401},
		{"wrong key", "POST", list, map[string]string{"Authorization": key + "x"}, 401},
		{"empty key", "POST", list, map[string]string{"Authorization": "Bearer "}, 401},
		{"other scheme", "POST", list, map[string]string{"Authorization": "Basic " + keyCI}, 401},
		{"key in the query", "POST", list, nil, 401},
		{"no key, not JSON", "POST", "}{", nil, 401},
		{"not JSON", "POST", "}{", map[string]string{"Authorization": key}, 400},
		{"not JSON by its type", "POST", list, map[string]string{"Authorization": key, "Content-Type": "text/plain"}, 415},
		{"too large", "POST", strings.Repeat(" ", 64<<10) + list, map[string]string{"Authorization": key}, 413},
		{"no stream", "GET", "", map[string]string{"Authorization": key}, 405},
		{"no session", "DELETE", "", map[string]string{"Authorization": key}, 405},
		{"own page", "POST", list, map[string]string{"Authorization": key, "Origin": "https://bot.example.org"}, 200},
		{"foreign page", "POST", list, map[string]string{"Authorization": key, "Origin": "https://evil.example"}, 403},
		{"page of no origin", "POST", list, map[string]string{"Authorization": key, "Origin": "null"}, 403},
		{"cross site", "POST", list, map[string]string{"Authorization": key, "Sec-Fetch-Site": "cross-site"}, 403},
		{"other methods", "POST", `{"jsonrpc":"2.0","id":1,"method":"resources/list"}`, map[string]string{"Authorization": key}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := r.url
			if c.name == "key in the query" {
				url += "?key=" + keyCI
			}
			req, err := http.NewRequest(c.method, url, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept", "application/json, text/event-stream")
			for name, value := range c.headers {
				req.Header.Set(name, value)
			}
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.want {
				t.Errorf("%d, %s, %v", resp.StatusCode, body, err)
			}
			if c.want == 200 && c.name != "other methods" && !strings.Contains(string(body), `"greet"`) {
				t.Errorf("%s", body)
			}
			if c.name == "other methods" && !strings.Contains(string(body), "-32601") {
				t.Errorf("%s", body)
			}
			if c.want == 401 && resp.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%v", resp.Header)
			}
		})
	}
	if strings.Contains(r.log.String(), keyCI) {
		t.Error("the log has a key")
	}
}

// Who leaves has the skill stopped.
func TestLeft(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			r := start(t)
			s := connect(t, r.url, keyCI, version)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-r.working
				cancel()
			}()
			if _, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "work"}); err == nil {
				t.Error("it ended by itself")
			}
		})
	}
}
