// Package mcpserver is the hub as an MCP server (https://modelcontextprotocol.io) over
// streamable HTTP: other programs call its skills, and tell people something.
//
// A program is one of the API's keys: it is asked for before a byte of a request is read, and
// compared in constant time. A request is whole in itself: there are no sessions, so any node
// of a hub answers it, and nothing is said unasked. Pages of other origins are refused.
//
//	tools/list  the tools that the key may call, of the skills there are at that moment
//	tools/call  one turn of a skill, in the name of the key, behind the skill's middleware
//
// What a skill says is the result: text as it is, pictures, sounds and files with their bytes.
// What it says in other chats is on its way, durably, before the answer. A question cannot be
// answered here, which the result says. The tool send_to_person is this package's own.
package mcpserver
