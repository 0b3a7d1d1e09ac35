// Package adapters is the contract between the hub and the chat platforms, with
// the two loops around it: the Supervisor keeps receivers running, the Deliverer
// empties the outbox.
//
// An adapter is one configured account of one platform. It turns what happens
// there into envelopes, and replies into what the platform shows. Four rules hold
// for all of them, and adaptertest proves them:
//
//   - Ack after durable: the platform is told "received" only after Inbox.Accept
//     returned nil. On an error the platform keeps the message and sends it again.
//   - Run blocks until its context ends or something fails; it never retries by
//     itself. Its error is a fault: the Supervisor reads the class.
//   - Send makes one platform message. A reply that needs several says so with
//     Receipt.More and is sent on with that message in Reply.Sent.
//   - No error, log or metric names a token, and no platform name is needed
//     anywhere outside the adapter's own folder: what differs is data in
//     Capabilities or one of the small optional interfaces.
package adapters
