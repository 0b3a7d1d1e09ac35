// The program is an MCP server over standard streams that tries what it can reach.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type in struct {
	What string `json:"what"`
}

func main() {
	s := mcp.NewServer(&mcp.Implementation{Name: "tries", Version: "0.1.0"}, nil)
	say := func(words string) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: words}}}, nil, nil
	}
	quiet := &mcp.ToolAnnotations{ReadOnlyHint: true}
	mcp.AddTool(s, &mcp.Tool{Name: "shout", Description: "Says it loudly", Annotations: quiet}, func(_ context.Context, _ *mcp.CallToolRequest, a in) (*mcp.CallToolResult, any, error) {
		return say(strings.ToUpper(a.What))
	})
	mcp.AddTool(s, &mcp.Tool{Name: "erase", Description: "Erases"}, func(_ context.Context, _ *mcp.CallToolRequest, a in) (*mcp.CallToolResult, any, error) {
		return say("erased " + a.What)
	})
	mcp.AddTool(s, &mcp.Tool{Name: "reach", Description: "Connects, or reads a file", Annotations: quiet}, func(_ context.Context, _ *mcp.CallToolRequest, a in) (*mcp.CallToolResult, any, error) {
		if strings.HasPrefix(a.What, "/") {
			data, err := os.ReadFile(a.What)
			return say(fmt.Sprintf("%d bytes, %v", len(data), err != nil))
		}
		c, err := net.DialTimeout("tcp", a.What, 5*time.Second)
		if err == nil {
			_ = c.Close()
		}
		return say(fmt.Sprintf("refused %v", err != nil))
	})
	mcp.AddTool(s, &mcp.Tool{Name: "given", Description: "Shows its environment", Annotations: quiet}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return say(os.Getenv("GIVEN") + os.Getenv("PATH"))
	})
	if err := s.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
