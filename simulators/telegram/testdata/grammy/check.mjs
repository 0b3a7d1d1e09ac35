// Talks to the simulator through grammY: node check.mjs BASE TOKEN CHAT.
// The process that runs it serves the simulator with its control API; the user CHAT exists.
import assert from "node:assert/strict";
import http from "node:http";
import { Bot, GrammyError, InlineKeyboard, InputFile, webhookCallback } from "grammy";

const [base, token, user] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const options = { client: { apiRoot: base } };
const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

async function control(path, body) {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const res = await fetch(`${base}/control/${path}`, init);
  assert.equal(res.status, 200, `${path}: ${await res.clone().text()}`);
  return res.json();
}

const speak = (text, more = {}) => control("speak", { from: user, text, ...more });
const shown = () => control(`shown?chat=${user}`);

// shownWhen waits, event by event, until the newest messages are as wanted.
async function shownWhen(what, cond) {
  for (let after = 0; ;) {
    const all = await shown();
    if (cond(all)) return all;
    const events = await control(`events?after=${after}&timeout=20`);
    assert.notEqual(events.length, 0, `nothing more happens, waiting for ${what}`);
    after = events.at(-1).seq;
  }
}
const last = (text) => (all) => all.at(-1)?.text === text;

function setUp(bot) {
  bot.command("start", (ctx) => ctx.reply(`<b>Hello</b> ${ctx.match}`, {
    parse_mode: "HTML", reply_markup: new InlineKeyboard().text("Press", "pressed"),
  }));
  bot.callbackQuery("pressed", async (ctx) => {
    await ctx.answerCallbackQuery({ text: "thanks" });
    await ctx.editMessageText("edited");
  });
  bot.on("message:photo", async (ctx) => {
    const file = await ctx.getFile();
    const res = await fetch(`${base}/file/bot${token}/${file.file_path}`);
    const bytes = Buffer.from(await res.arrayBuffer());
    await ctx.replyWithPhoto(new InputFile(bytes, "back.png"), { caption: `${bytes.length} bytes` });
  });
  bot.on("message:text", (ctx) => ctx.reply(`echo ${ctx.message.text}`, {
    reply_parameters: { message_id: ctx.message.message_id },
  }));
  bot.catch((err) => { console.error(err); process.exit(1); });
}

async function polling() {
  const bot = new Bot(token, options);
  let waited = 0;
  bot.api.config.use(async (prev, method, payload, signal) => {
    const res = await prev(method, payload, signal);
    if (res.ok || res.parameters?.retry_after === undefined) return res;
    waited += res.parameters.retry_after;
    return prev(method, payload, signal);
  });
  setUp(bot);
  const running = bot.start({ drop_pending_updates: true });

  await speak("hi");
  const echo = (await shownWhen("the echo", last("echo hi"))).at(-1);
  assert.equal(echo.reply_to_message.text, "hi");

  await speak("/start there");
  const hello = (await shownWhen("the greeting", last("Hello there"))).at(-1);
  assert.deepEqual(hello.entities, [{ type: "bold", offset: 0, length: 5 }]);

  const { callback_query_id: id } = await control("press", { chat: user, from: user, message: hello.message_id, data: "pressed" });
  const edited = (await shownWhen("the edit", last("edited"))).at(-1);
  assert.equal(edited.edits, 1);
  assert.equal((await control(`answer?id=${id}`)).answer.text, "thanks");

  await speak("", { media: { kind: "photo", bytes: picture.toString("base64") } });
  await shownWhen("the photo", (all) => all.at(-1)?.caption === `${picture.length} bytes`);

  await control("faults", { kind: "too_many_requests", method: "sendMessage", retry_after: 1 });
  await speak("slow down");
  await shownWhen("the retried echo", last("echo slow down"));
  assert.equal(waited, 1);

  await control("faults", { kind: "bad_gateway", method: "getMe" });
  await assert.rejects(bot.api.getMe());
  await assert.rejects(bot.api.sendMessage(-1, "x"), (err) =>
    err instanceof GrammyError && err.error_code === 400 && err.description === "Bad Request: chat not found");
  assert.deepEqual(await bot.api.setMyCommands([{ command: "start", description: "Begin" }]), true);
  assert.deepEqual(await bot.api.getMyCommands(), [{ command: "start", description: "Begin" }]);

  await bot.stop();
  await running;
}

async function webhook() {
  const bot = new Bot(token, options);
  setUp(bot);
  await bot.init();
  let refused = 0;
  const handle = webhookCallback(bot, "http", { secretToken: "s3cret" });
  const server = http.createServer((req, res) => {
    if (req.headers["x-telegram-bot-api-secret-token"] !== "s3cret") refused++;
    handle(req, res);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await bot.api.setWebhook(`http://127.0.0.1:${server.address().port}/`, { secret_token: "s3cret" });
  await assert.rejects(bot.api.getUpdates(), (err) => err.error_code === 409);
  await speak("by webhook");
  await shownWhen("the echo by webhook", last("echo by webhook"));
  assert.equal(refused, 0);
  await bot.api.deleteWebhook();
  server.closeAllConnections();
  server.close();
}

await polling();
await webhook();
console.log("ok");
