// Calls an MCP server over streamable HTTP as its arguments say, and prints what came of it:
//   node client.mjs URL KEY, then one call for each line of standard input, as JSON.
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, key] = process.argv.slice(2);
const client = new Client({ name: "check", version: "1.0.0" });
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${key}` } } });

try {
  await client.connect(transport);
  const { tools } = await client.listTools();
  console.log(JSON.stringify({ server: client.getServerVersion()?.name, tools: tools.map((t) => t.name + (t.annotations?.destructiveHint ? "!" : "")) }));
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const r = await client.callTool(JSON.parse(line));
      const said = r.content.map((c) => c.text ?? `${c.type} ${c.mimeType} ${Buffer.from(c.data ?? c.resource.blob, "base64")}`);
      console.log(JSON.stringify({ failed: r.isError ?? false, said }));
    } catch (e) {
      console.log(JSON.stringify({ refused: e.code ?? String(e) }));
    }
  }
  await client.close();
} catch (e) {
  console.log(JSON.stringify({ refused: e.code ?? String(e) }));
}
