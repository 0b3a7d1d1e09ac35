// Talks to the simulator through discord.js: node check.mjs BASE TOKEN APPLICATION, with as many
// shards as the simulator recommends.
// The process that runs it plays the people: it writes, presses and runs commands when it sees
// that this side is ready for it, and reads what the channels show.
import assert from "node:assert/strict";
import { ActionRowBuilder, ButtonBuilder, ButtonStyle, Client, Events, GatewayIntentBits, Partials, REST, Routes } from "discord.js";

const [base, token, application] = process.argv.slice(2);
const rest = { api: `${base}/api`, version: "10" };
const client = new Client({
  rest,
  shards: "auto",
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.DirectMessages,
    GatewayIntentBits.DirectMessageReactions, GatewayIntentBits.MessageContent],
  partials: [Partials.Channel, Partials.Message, Partials.Reaction],
});

const row = () => new ActionRowBuilder().addComponents(
  new ButtonBuilder().setCustomId("yes").setLabel("Yes").setStyle(ButtonStyle.Primary),
  new ButtonBuilder().setLabel("Docs").setURL("https://example.org").setStyle(ButtonStyle.Link));

async function refused(promise, code) {
  await assert.rejects(promise, (e) => e.code === code || assert.fail(`code ${e.code}, want ${code}: ${e.message}`));
}

// back gives a file as it is sent again.
async function back(attachment, name) {
  const bytes = Buffer.from(await (await fetch(attachment.url)).arrayBuffer());
  assert.equal(bytes.length, attachment.size);
  return { attachment: bytes, name };
}

client.on(Events.MessageCreate, async (message) => {
  if (message.author.bot) return;
  if (message.content === "ping") {
    await message.channel.sendTyping();
    const sent = await message.reply({ content: "**pong**", components: [row()] });
    assert.equal(sent.reference.messageId, message.id);
    await sent.edit({ content: "pong again", components: [row()] });
    await refused(message.channel.send("x".repeat(2001)), 50035);
    await refused(message.channel.send(""), 50006);
    const twin = { content: "once", nonce: "n-1", enforceNonce: true };
    assert.equal((await message.channel.send(twin)).id, (await message.channel.send(twin)).id);
    const history = await message.channel.messages.fetch({ limit: 10 });
    assert.ok(history.has(sent.id));
    await message.channel.send("ready");
  } else if (message.content === "in the thread") {
    assert.ok(message.channel.isThread());
    await message.channel.send("seen there");
  } else if (message.content === "a file") {
    const sent = await message.reply({ content: "back", files: [await back(message.attachments.first(), "back.txt")] });
    assert.equal(sent.attachments.first().name, "back.txt");
    await refused(message.channel.send({ files: [{ attachment: Buffer.alloc((10 << 20) + 1), name: "large" }] }), 40005);
    await message.channel.send("small enough");
  } else if (message.content === "after the gap") {
    await message.channel.send("resumed");
  }
});

client.on(Events.InteractionCreate, async (i) => {
  if (i.isChatInputCommand()) {
    assert.equal(i.options.getString("text"), "what?");
    await i.deferReply();
    const given = i.options.getAttachment("file");
    await i.editReply({ content: "an answer", files: [await back(given, "answer.txt")] });
    await i.followUp("and more");
  } else if (i.isButton()) {
    assert.equal(i.customId, "yes");
    await i.deferUpdate();
    await i.followUp("pressed");
  }
});

client.on(Events.MessageDelete, (message) => message.channel.send("gone"));
client.on(Events.MessageReactionAdd, (reaction) => reaction.message.channel.send(`reacted ${reaction.emoji.name}`));
client.on(Events.Error, (e) => { console.error(e); process.exit(1); });
process.on("unhandledRejection", (e) => { console.error(e); process.exit(1); });
process.stdin.on("data", () => { client.destroy().then(() => { console.log("ok"); process.exit(0); }); });

const api = new REST(rest).setToken(token);
const options = [{ type: 3, name: "text", description: "What to say" }, { type: 11, name: "file", description: "What to send" }];
await api.put(Routes.applicationCommands(application), { body: [{ name: "ask", description: "Ask", options }] });
await client.login(token);
