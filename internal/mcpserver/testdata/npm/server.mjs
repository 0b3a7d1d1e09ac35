// An MCP server over standard streams, for the client that takes its tools as a skill.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const server = new McpServer({ name: "npm", version: "2.0.0" });
server.registerTool("add", { description: "Adds", inputSchema: { a: z.number(), b: z.number() }, annotations: { readOnlyHint: true } }, async ({ a, b }) => ({
  content: [{ type: "text", text: String(a + b) }],
}));
server.registerTool("draw", { description: "Draws" }, async () => ({
  content: [{ type: "image", data: Buffer.from("picture").toString("base64"), mimeType: "image/png" }],
}));
server.registerTool("fail", { description: "Fails" }, async () => {
  throw new Error("out of ink");
});
server.registerTool("grow", { description: "Adds a tool" }, async () => {
  server.registerTool("grown", { description: "Was added" }, async () => ({ content: [{ type: "text", text: "new" }] }));
  return { content: [{ type: "text", text: "grown" }] };
});
server.registerTool("ask", { description: "Asks back" }, async () => {
  const r = await server.server.elicitInput({ message: "Who?", requestedSchema: { type: "object", properties: { name: { type: "string" } } } });
  return { content: [{ type: "text", text: JSON.stringify(r) }] };
});
await server.connect(new StdioServerTransport());
