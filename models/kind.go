package models

// Kind is a server that serves models. They speak one protocol, each with its own
// mistakes and extensions.
type Kind string

// The kinds. KindOpenAI is every other server.
const (
	KindVLLM     Kind = "vllm"
	KindSGLang   Kind = "sglang"
	KindLlamaCPP Kind = "llamacpp"
	KindOllama   Kind = "ollama"
	KindOpenAI   Kind = "openai"
)

// Capabilities are what a worker's model can do.
type Capabilities struct {
	Chat, Tools, Vision, Embeddings, Transcription, JSONSchema bool
	// Continue is true when an answer that broke off can be taken up where it ended.
	Continue bool
	// Context is how many tokens prompt and answer may have together; 0 if it is not known.
	Context int
}
