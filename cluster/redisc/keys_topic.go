package redisc

// topicKey is the channel of a topic. It holds nothing.
func (e *Engine) topicKey(name string) string { return e.o.Prefix + ":topic:" + name }
