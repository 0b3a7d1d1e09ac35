// Talks to the simulator through Slack's own clients: node check.mjs BASE BOT_TOKEN APP_TOKEN.
// The process that runs it serves the simulator with its control API.
import assert from "node:assert/strict";
import { WebClient } from "@slack/web-api";
import { SocketModeClient, LogLevel } from "@slack/socket-mode";

const [base, botToken, appToken] = process.argv.slice(2);
const slackApiUrl = `${base}/api/`;
const [ann, channel] = ["U1ANN", "C00001"];

async function control(path, body) {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const res = await fetch(`${base}/control/${path}`, init);
  assert.equal(res.status, 200, `${path}: ${await res.clone().text()}`);
  return res.json();
}

// shownWhen waits, event by event, until what a channel shows is as wanted.
async function shownWhen(where, what, cond) {
  for (let after = 0; ;) {
    const all = await control(`shown?channel=${where}`);
    if (cond(all)) return all;
    const events = await control(`events?after=${after}&timeout=20`);
    assert.notEqual(events.length, 0, `nothing more happens, waiting for ${what}`);
    after = events.at(-1).seq;
  }
}
const last = (text) => (all) => all.at(-1)?.text === text;

async function web() {
  const client = new WebClient(botToken, { slackApiUrl });
  const me = await client.auth.test();
  assert.equal(me.user_id, "U0PARLEY");
  assert.ok(me.response_metadata.scopes.includes("chat:write"));
  const { channel: dm } = await client.conversations.open({ users: ann });

  const blocks = [
    { type: "section", text: { type: "mrkdwn", text: "*choose*" } },
    { type: "actions", elements: [{ type: "button", action_id: "yes", value: "y", text: { type: "plain_text", text: "Yes" } }] },
  ];
  const metadata = { event_type: "check", event_payload: { n: 7 } };
  const posted = await client.chat.postMessage({ channel: dm.id, text: "choose", blocks, metadata });
  assert.equal(posted.message.text, "choose");
  const reply = await client.chat.postMessage({ channel: dm.id, text: "in a thread", thread_ts: posted.ts });

  const history = await client.conversations.history({ channel: dm.id, include_all_metadata: true });
  assert.deepEqual(history.messages.map((m) => m.ts), [posted.ts]);
  assert.deepEqual(history.messages[0].metadata, metadata);
  const thread = await client.conversations.replies({ channel: dm.id, ts: posted.ts, limit: 1 });
  assert.equal(thread.has_more, true);
  const rest = await client.conversations.replies({ channel: dm.id, ts: posted.ts, cursor: thread.response_metadata.next_cursor });
  assert.equal(rest.messages.at(-1).ts, reply.ts);

  await client.chat.update({ channel: dm.id, ts: reply.ts, text: "changed" });
  await client.reactions.add({ channel: dm.id, timestamp: reply.ts, name: "eyes" });
  const shown = await control(`shown?channel=${dm.id}`);
  assert.equal(shown.at(-1).text, "changed");
  assert.equal(shown.at(-1).reactions[0].name, "eyes");
  await client.chat.delete({ channel: dm.id, ts: reply.ts });
  assert.equal((await client.users.info({ user: ann })).user.name, "ann");

  const { files: [{ files: [file] }] } = await client.filesUploadV2({ channel_id: dm.id, initial_comment: "a file", filename: "a.txt", file: Buffer.from("abc") });
  const withFile = (await control(`shown?channel=${dm.id}`)).at(-1);
  assert.deepEqual([withFile.text, withFile.files[0].id], ["a file", file.id]);
  assert.equal(Buffer.from((await control(`file?user=${ann}&file=${file.id}`)).bytes, "base64").toString(), "abc");

  const streamer = client.chatStream({ channel: dm.id, thread_ts: posted.ts, recipient_user_id: ann, recipient_team_id: "T0SIM", buffer_size: 1 });
  await streamer.append({ markdown_text: "grow" });
  assert.equal((await control(`shown?channel=${dm.id}`)).at(-1).streaming, true);
  await streamer.append({ markdown_text: "ing" });
  await streamer.stop({ markdown_text: "!", metadata });
  const streamed = (await control(`shown?channel=${dm.id}`)).at(-1);
  assert.deepEqual([streamed.text, streamed.streaming, streamed.thread_ts], ["growing!", undefined, posted.ts]);

  const code = (promise) => promise.then(() => "ok", (err) => err.data.error);
  assert.equal(await code(client.chat.postMessage({ channel: "C404", text: "x" })), "channel_not_found");
  assert.equal(await code(client.chat.postMessage({ channel: dm.id, text: " " })), "no_text");
  assert.equal(await code(client.chat.postMessage({ channel: dm.id, text: "x", blocks: [{ type: "actions", elements: [] }] })), "invalid_blocks");
  assert.equal(await code(client.chat.update({ channel: dm.id, ts: "1.1", text: "x" })), "message_not_found");
  assert.equal(await code(new WebClient("xoxb-wrong", { slackApiUrl }).auth.test()), "invalid_auth");

  const impatient = new WebClient(botToken, { slackApiUrl, rejectRateLimitedCalls: true });
  await control("faults", { kind: "too_many_requests", method: "chat.postMessage", retry_after: 7 });
  await assert.rejects(impatient.chat.postMessage({ channel: dm.id, text: "x" }), (err) => err.retryAfter === 7);
  await control("faults", { kind: "server_error", method: "chat.postMessage" });
  await client.chat.postMessage({ channel: dm.id, text: "after a 503" });
  await shownWhen(dm.id, "the retried message", last("after a 503"));
  return posted;
}

async function socket(posted) {
  const client = new WebClient(botToken, { slackApiUrl });
  const socket = new SocketModeClient({ appToken, clientOptions: { slackApiUrl }, logLevel: LogLevel.ERROR });
  const dm = (await client.conversations.open({ users: ann })).channel.id;
  const seen = [];
  socket.on("message", async ({ event, ack, retry_num: retry }) => {
    await ack();
    if (event.bot_id || event.subtype) return;
    seen.push([event.text, retry]);
    await client.chat.postMessage({ channel: event.channel, text: `echo ${event.text}` });
  });
  socket.on("app_mention", async ({ event, ack }) => {
    await ack();
    await client.chat.postMessage({ channel: event.channel, text: "named", thread_ts: event.ts });
  });
  socket.on("slash_commands", async ({ body, ack }) => {
    await ack();
    await fetch(body.response_url, { method: "POST", body: JSON.stringify({ text: `ran ${body.command} ${body.text}`, response_type: "in_channel" }) });
  });
  socket.on("interactive", async ({ body, ack }) => {
    await ack();
    await fetch(body.response_url, { method: "POST", body: JSON.stringify({ text: `pressed ${body.actions[0].value}`, replace_original: true }) });
  });
  const { ok } = await socket.start();
  assert.equal(ok, true);

  await control("speak", { channel: dm, user: ann, text: "hi" });
  await shownWhen(dm, "the echo", last("echo hi"));
  await control("speak", { channel, user: ann, text: "<@U0PARLEY> you" });
  await shownWhen(channel, "the answer in the thread", (all) => all.some((m) => m.text === "named" && m.thread_ts === all[0].ts));
  await control("slash", { channel: dm, user: ann, command: "/poll", text: "a, b" });
  await shownWhen(dm, "the answer to the command", last("ran /poll a, b"));
  await control("press", { channel: dm, ts: posted.ts, user: ann, action_id: "yes" });
  await shownWhen(dm, "the pressed message", (all) => all[0].text === "pressed y");

  await control("faults", { kind: "lose_ack" });
  await control("speak", { channel: dm, user: ann, text: "twice" });
  await shownWhen(dm, "two echoes", (all) => all.filter((m) => m.text === "echo twice").length === 2);
  assert.deepEqual(seen.filter(([text]) => text === "twice").map(([, retry]) => retry), [0, 1]);

  const reconnected = new Promise((resolve) => socket.once("connected", resolve));
  await control("disconnect", { reason: "refresh_requested" });
  await reconnected;
  await control("speak", { channel: dm, user: ann, text: "again" });
  await shownWhen(dm, "the echo over the next connection", last("echo again"));
  await socket.disconnect();
}

await socket(await web());
console.log("ok");
