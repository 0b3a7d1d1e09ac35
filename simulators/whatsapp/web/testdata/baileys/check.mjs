// A client nobody here wrote, linked to the simulator: it repeats what it hears. It tells its
// code, each login and what goes wrong on standard output, a line each, and ends with its input.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import makeWASocket, { DisconnectReason, WA_CERT_DETAILS, useMultiFileAuthState } from '@whiskeysockets/baileys'

const [address, rootKey] = process.argv.slice(2)
WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey, 'hex')

const log = (...words) => console.error(...words)
const logger = { level: 'warn', trace() {}, debug() {}, info() {}, warn: log, error: log, child: () => logger }
const folder = mkdtempSync(join(tmpdir(), 'baileys-'))
const { state, saveCreds } = await useMultiFileAuthState(folder)
const say = (...words) => process.stdout.write(words.join(' ') + '\n')

let socket
const connect = () => {
  socket = makeWASocket({
    auth: state, logger, waWebSocketUrl: address, fireInitQueries: false, syncFullHistory: false,
    markOnlineOnConnect: false, shouldSyncHistoryMessage: () => false,
  })
  socket.ev.on('creds.update', saveCreds)
  socket.ev.on('connection.update', ({ connection, qr, lastDisconnect }) => {
    if (qr) say('qr', qr)
    if (connection === 'open') say('open')
    if (connection === 'close') {
      const code = lastDisconnect?.error?.output?.statusCode
      say('close', code)
      if (code === DisconnectReason.restartRequired || code === DisconnectReason.connectionClosed) connect()
    }
  })
  socket.ev.on('messages.upsert', ({ messages }) => {
    // One after the other: sending to one person twice at a time uses a key twice.
    for (const m of messages) answered = answered.then(() => answer(m)).catch(e => say('problem', e.stack.replaceAll('\n', ' ')))
  })
}
let answered = Promise.resolve()
const answer = async m => {
  const text = m.message?.conversation || m.message?.extendedTextMessage?.text
  if (text && !m.key.fromMe) await socket.sendMessage(m.key.remoteJid, { text: 'heard ' + text })
}
connect()

process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
createInterface({ input: process.stdin }).on('close', () => process.exit(0))
