// Package openaiapi lets other programs use the hub's pools: an endpoint that speaks
// the OpenAI API, behind keys.
//
//	POST /v1/chat/completions      plain, or streamed as server-sent events
//	POST /v1/embeddings            where the pool's client makes vectors
//	POST /v1/audio/transcriptions  where it hears
//	GET  /v1/models, /v1/models/{id}
//
// A model's id is its pool's name; the header X-Model-ID goes before what the body
// says. A key is looked at before a byte of the body is, and the body is read whole
// before a worker is asked: streams are cut now and then where the one is still read
// while the other is written.
//
// What cannot be carried to a worker and would change the answer is refused (400 with
// the field's name), never left out in silence; fields that nobody knows are ignored.
// Faults become statuses by their class: a caller's mistake is never a 5xx. A stream
// that fails after its first byte ends with an error event and a cut connection, so
// that nobody takes it for complete.
package openaiapi
