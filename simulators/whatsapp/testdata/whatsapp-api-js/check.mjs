// A bot made with whatsapp-api-js: node check.mjs BASE TOKEN SECRET VERIFY NUMBER.
// It prints the port of its webhook, answers what it is told, and ends with its input.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import { WhatsAppAPI } from "whatsapp-api-js/middleware/node-http";
import {
  ActionButtons, ActionList, Body, Button, Contacts, Image, Interactive, Language, ListSection, Location, Name, Phone,
  Reaction, Row, Template, Text,
} from "whatsapp-api-js/messages";

const [base, token, appSecret, webhookVerifyToken, number] = process.argv.slice(2);
const bot = new WhatsAppAPI({
  token, appSecret, webhookVerifyToken, v: "v25.0",
  ponyfill: { fetch: (url, init) => fetch(String(url).replace("https://graph.facebook.com", base), init) },
});

async function send(to, message, context, opaque) {
  const res = await bot.sendMessage(number, to, message, context, opaque);
  assert.ok(res.messages?.[0].id.startsWith("wamid."), JSON.stringify(res));
}

const answers = {
  buttons: (to, id) => send(to, new Interactive(
    new ActionButtons(new Button("yes", "Yes"), new Button("no", "No")), new Body("choose")), id, "opaque 1"),
  list: (to) => send(to, new Interactive(
    new ActionList("Open", new ListSection(undefined, new Row("a", "First", "the first one"), new Row("b", "Second"))), new Body("choose"))),
  place: (to) => send(to, new Location(13.4, 52.5, "Here", "Street 1")),
  card: (to) => send(to, new Contacts([new Name("Ada", "Ada"), new Phone("+4912345")])),
  heart: (to, id) => send(to, new Reaction(id, "👍")),
  template: (to) => send(to, new Template("hello", new Language("en_US"))),
  async refused(to) {
    const res = await bot.sendMessage(number, to, new Text("x"), "wamid.none");
    await send(to, new Text(`code ${res.error.code}`));
  },
};

async function image(to, media) {
  const info = await bot.retrieveMedia(media.id, number);
  const data = Buffer.from(await (await bot.fetchMedia(info.url)).arrayBuffer());
  assert.equal(createHash("sha256").update(data).digest("hex"), info.sha256);
  assert.equal(createHash("sha256").update(data).digest("base64"), media.sha256);
  assert.equal(data.length, Number(info.file_size));
  const form = new FormData();
  form.set("file", new Blob([data], { type: "image/png" }), "again.png");
  const { id } = await bot.uploadMedia(number, form);
  await send(to, new Image(id, true, "again"));
}

bot.on.message = async ({ from, message, name }) => {
  try {
    if (message.type !== "reaction") await bot.markAsRead(number, message.id, "text");
    switch (message.type) {
      case "image": return await image(from, message.image);
      case "interactive": return await send(from, new Text(`${name} chose ${message.interactive[message.interactive.type].id}`));
      default: {
        const answer = answers[message.text.body];
        await (answer ? answer(from, message.id) : send(from, new Text(`heard ${message.text.body}`)));
      }
    }
  } catch (err) {
    console.error(err);
    process.exit(1);
  }
};
bot.on.status = ({ status, biz_opaque_callback_data: opaque }) => {
  if (opaque) console.log(`status ${status} ${opaque}`);
};

const server = http.createServer(async (req, res) => {
  try {
    if (req.method === "GET") return res.end(bot.handle_get(req));
    res.statusCode = await bot.handle_post(req);
  } catch (err) {
    res.statusCode = Number(err?.httpStatus ?? err) || 500;
  }
  res.end();
});
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
process.stdin.resume().on("end", () => process.exit(0));
