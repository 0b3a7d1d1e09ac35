// Package web is a device linked to a WhatsApp account, in plain terms: its store,
// pairing it, connecting, what comes in, what goes out, files, and what each failure
// means. It speaks WhatsApp's own multi-device protocol through whatsmeow and shows
// nothing of it: package whatsapp makes envelopes and plans replies, for this mode and
// the Cloud API alike, and knows only the types of types.go.
//
// whatsmeow is the work of others who worked the protocol out; WhatsApp does not
// offer it and can ban a number that uses it. The library is under the MPL-2.0, its
// Signal implementation under the GPL-3.0, and so is a binary that holds them. Built
// with the tag nowhatsmeow this package is its types alone, and the binary holds
// neither.
//
// # One connection
//
// WhatsApp lets a device be connected once. Run holds the connection and hands in
// what comes; calls that go out share it. Where no Run is under way, such as while
// the hub drains, the first call opens a connection and the last one closes it; what
// comes in over it is not acknowledged, so WhatsApp keeps it for the next Run. A
// connection is never used twice: whatsmeow keeps a queue of unhandled messages that
// would overtake those that come again, so each has a client of its own.
//
// # Nothing is lost
//
// A message is acknowledged after the handler took it. One that was refused ends the
// connection, and nothing behind it is handed in before it comes again: WhatsApp
// sends it when the device logs in anew, and the store keeps the text, since a
// ciphertext can be opened only once.
//
// Facts of the protocol: the source of go.mau.fi/whatsmeow, named where they are used.
package web
