// Package mcp takes the tools of MCP servers as skills (https://modelcontextprotocol.io,
// protocol versions 2024-11-05 to 2026-07-28, over standard streams or streamable HTTP).
//
// Each configured server is one skills.Skill, there from the start: its manifest has the
// tools that the server said it has when it was heard last. Servers keeps a session to each,
// begins a new one with growing waits when it is lost, and publishes a new version of the
// skill when the tools change. A turn goes on with the version it began with: a tool that is
// another one by then is not called.
//
// A server is not trusted: what it says is bounded in size, number and time, it learns nothing
// but the arguments of calls, and what it asks for (a model's answer, a person's input, the
// hub's files) it does not get. Its words reach people and models as the result of a call,
// and operators in the log of a session that could not be begun, without the secrets that it was given.
package mcp
