// Package openaichat talks to model servers that speak the OpenAI protocol: OpenAI
// itself, vLLM, SGLang, llama.cpp, Ollama, TGI and the proxies before them. It asks for
// answers, vectors and transcripts, finds out what a server is and can (Discover),
// whether it lives (Probe) and how busy it is (Load).
//
// The servers differ in what they send, so the client reads leniently and judges
// by itself: an answer is complete only when a finish_reason came. [DONE], the end
// of the stream or status 200 prove nothing: vLLM ends a failed stream with
// [DONE], and a killed server's stream just stops. What is not complete is a
// fault, never a shortened answer. So is an answer in another model's name, and a tool
// call that nobody can read. models.Blame tells from each fault who made it.
//
// A model's thinking is not shown: reasoning fields and a leading <think> block
// are read as a sign of life and dropped.
//
// Everything that a server sends is bounded: lines, answers, errors, lists, metrics,
// tool calls, vectors.
//
// Protocol: platform.openai.com/docs/api-reference and, for the stream, the HTML
// standard's server-sent events; what servers add or break stands where it is read.
package openaichat
