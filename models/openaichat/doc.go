// Package openaichat talks to model servers that speak the OpenAI chat protocol:
// OpenAI itself, vLLM, SGLang, llama.cpp, Ollama, TGI and the proxies before them.
//
// The servers differ in what they send, so the client reads leniently and judges
// by itself: an answer is complete only when a finish_reason came. [DONE], the end
// of the stream or status 200 prove nothing: vLLM ends a failed stream with
// [DONE], and a killed server's stream just stops. What is not complete is a
// fault, never a shortened answer.
//
// A model's thinking is not shown: reasoning fields and a leading <think> block
// are read as a sign of life and dropped.
//
// Protocol: platform.openai.com/docs/api-reference/chat and, for the stream, the
// HTML standard's server-sent events.
package openaichat
