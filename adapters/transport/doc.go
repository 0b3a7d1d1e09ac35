// Package transport is HTTP as every platform's adapter needs it: clients that carry a token and
// repeat nothing, how far a request came, answers and files within bounds, and the calls of
// webhooks. It knows no platform; what an answer means is the adapter's to say.
package transport
