package mcp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// programs are the servers that the test's binary can be.
var programs = map[string]func(){
	"tools":    tools,
	"mute":     func() { rough(nil) },
	"deaf":     func() { rough(map[string]func(m message){"tools/list": func(message) {}}) },
	"garbage":  garbage,
	"flood":    flood,
	"dies":     dies,
	"blabs":    blabs,
	"stubborn": stubborn,
	"endless":  endless,
	"crowd":    crowd,
	"silent":   silent,
	"odd":      odd,
	"parent":   parent,
	"child":    child,
}

type text struct {
	Text string `json:"text"`
}

type number struct {
	N int `json:"n"`
}

// server is a whole one, made with the SDK.
func server() *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "tools", Version: "1.2.3"}, nil)
	safe := false
	readOnly := &sdk.ToolAnnotations{ReadOnlyHint: true}
	say := func(words string) *sdk.CallToolResult {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: words}}}
	}
	sdk.AddTool(s, &sdk.Tool{Name: "echo", Description: "Says it again", Annotations: readOnly}, func(_ context.Context, _ *sdk.CallToolRequest, in text) (*sdk.CallToolResult, any, error) {
		return say(in.Text), nil, nil
	})
	sdk.AddTool(s, &sdk.Tool{Name: "fail", Description: "Fails", Annotations: &sdk.ToolAnnotations{DestructiveHint: &safe}}, func(context.Context, *sdk.CallToolRequest, text) (*sdk.CallToolResult, any, error) {
		return nil, nil, fmt.Errorf("the disk is full")
	})
	sdk.AddTool(s, &sdk.Tool{Name: "environment", Description: "Shows what it was given"}, func(context.Context, *sdk.CallToolRequest, struct{}) (*sdk.CallToolResult, any, error) {
		dir, err := os.Getwd()
		return say(strings.Join(os.Environ(), "\n") + "\nDIR=" + dir), nil, err
	})
	s.AddTool(&sdk.Tool{Name: "files", Description: "Gives files", InputSchema: &jsonschema.Schema{Type: "object"}}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{
			&sdk.TextContent{Text: "look"},
			&sdk.ImageContent{Data: []byte("picture"), MIMEType: "image/png"},
			&sdk.AudioContent{Data: []byte("sound"), MIMEType: "audio/wav"},
			&sdk.EmbeddedResource{Resource: &sdk.ResourceContents{URI: "file:///tmp/a.pdf", MIMEType: "application/pdf", Blob: []byte("paper")}},
			&sdk.EmbeddedResource{Resource: &sdk.ResourceContents{URI: "file:///b.txt", MIMEType: "text/plain", Text: "inside"}},
			&sdk.ResourceLink{Name: "more", URI: "https://example.org/more"},
		}}, nil
	})
	sdk.AddTool(s, &sdk.Tool{Name: "large", Description: "Says much"}, func(_ context.Context, _ *sdk.CallToolRequest, in number) (*sdk.CallToolResult, any, error) {
		return say(strings.Repeat("x", in.N)), nil, nil
	})
	sdk.AddTool(s, &sdk.Tool{Name: "wait", Description: "Waits until it is told not to"}, func(ctx context.Context, _ *sdk.CallToolRequest, _ struct{}) (*sdk.CallToolResult, any, error) {
		<-ctx.Done()
		return nil, nil, ctx.Err()
	})
	s.AddTool(&sdk.Tool{Name: "ask", Description: "Asks back", InputSchema: &jsonschema.Schema{Type: "object"}}, func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{InputRequests: sdk.InputRequestMap{"name": &sdk.ElicitParams{
			Message: "Who are you?", RequestedSchema: &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{"name": {Type: "string"}}},
		}}}, nil
	})
	sdk.AddTool(s, &sdk.Tool{Name: "grow", Description: "Changes the tools"}, func(context.Context, *sdk.CallToolRequest, struct{}) (*sdk.CallToolResult, any, error) {
		s.RemoveTools("fail")
		sdk.AddTool(s, &sdk.Tool{Name: "echo", Description: "Says it otherwise"}, func(context.Context, *sdk.CallToolRequest, number) (*sdk.CallToolResult, any, error) {
			return say("another"), nil, nil
		})
		return say("grown"), nil, nil
	})
	return s
}

// all are the names of the tools of server, as the skill "t" has them.
var all = []string{"t_ask", "t_echo", "t_environment", "t_fail", "t_files", "t_grow", "t_large", "t_wait"}

func tools() {
	if err := server().Run(context.Background(), &sdk.StdioTransport{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
}

func (m message) answer(result string) {
	fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", m.ID, result)
}

func (m message) fail() {
	fmt.Printf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"unknown"}}`+"\n", m.ID)
}

const hello = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"rough","version":"0"}}`

// one lists one tool.
const one = `{"tools":[{"name":"do","description":"Does it","inputSchema":{"type":"object"}}]}`

// rough answers by hand: greetings and the list as a server does, unless on has it
// otherwise. With nothing in on, it answers nothing at all.
func rough(on map[string]func(m message)) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var m message
		if json.Unmarshal(in.Bytes(), &m) != nil || on == nil || len(m.ID) == 0 {
			continue
		}
		do, has := on[m.Method]
		switch {
		case has:
			do(m)
		case m.Method == "initialize":
			m.answer(hello)
		case m.Method == "tools/list":
			m.answer(one)
		case m.Method == "ping":
			m.answer("{}")
		default:
			m.fail()
		}
	}
}

// garbage says no JSON in a call.
func garbage() {
	rough(map[string]func(m message){"tools/call": func(message) { fmt.Println("}{ not JSON") }})
}

// flood says what nobody asked for, without an end, once it is called.
func flood() {
	rough(map[string]func(m message){"tools/call": func(message) {
		out := bufio.NewWriter(os.Stdout)
		for {
			if _, err := out.WriteString(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}` + "\n"); err != nil {
				os.Exit(0)
			}
		}
	}})
}

// dies ends in a call.
func dies() {
	rough(map[string]func(m message){"tools/call": func(message) { os.Exit(3) }})
}

// blabs says its secret on its way out, and in an error.
func blabs() {
	fmt.Fprintln(os.Stderr, "my token is", os.Getenv("TOKEN"))
	os.Exit(1)
}

// stubborn neither ends with its input nor when it is asked to.
func stubborn() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	rough(map[string]func(m message){})
	time.Sleep(time.Hour)
}

// endless has a list that does not end.
func endless() {
	rough(map[string]func(m message){"tools/list": func(m message) { m.answer(`{"tools":[],"nextCursor":"again"}`) }})
}

// crowd has more tools than anybody needs.
func crowd() {
	rough(map[string]func(m message){"tools/list": func(m message) {
		var b bytes.Buffer
		for i := range 1000 {
			fmt.Fprintf(&b, `,{"name":"t%d","inputSchema":{"type":"object"}}`, i)
		}
		m.answer(`{"tools":[` + b.String()[1:] + `]}`)
	}})
}

// silent takes calls and does not answer them; after the first, nothing else either.
func silent() {
	quiet := false
	rough(map[string]func(m message){
		"tools/call": func(message) { quiet = true },
		"tools/list": func(m message) {
			if !quiet {
				m.answer(one)
			}
		},
	})
}

// odd has a tool as it should be among some that nobody can use.
func odd() {
	rough(map[string]func(m message){"tools/list": func(m message) {
		m.answer(`{"tools":[{"name":"loop","inputSchema":{"type":"object","$ref":"#"}},{"name":"list","inputSchema":{"type":"array"}},{"name":"none"},` +
			`{"name":"a.b","inputSchema":{"type":"object"}},{"name":"a/b","inputSchema":{"type":"object"}},null,{"name":"do","inputSchema":{"type":"object"}}]}`)
	}})
}

// parent starts another program, which it leaves behind.
func parent() {
	rough(map[string]func(m message){"tools/call": func(m message) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{program + "=child", "ADDRESS=" + os.Getenv("ADDRESS")}
		if cmd.Start() == nil {
			m.answer(`{"content":[{"type":"text","text":"started"}]}`)
		}
	}})
}

// child holds a connection for as long as it lives.
func child() {
	if _, err := net.Dial("tcp", os.Getenv("ADDRESS")); err == nil {
		time.Sleep(time.Hour)
	}
}
