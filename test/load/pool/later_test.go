package pool_test

import "testing"

// What is not there yet.

func answerCache(*testing.T) []row {
	return []row{{11, "a cache of answers: there is none yet", "", "", absent}}
}

func batching(*testing.T) []row {
	return []row{{12, "embeddings in batches: there is no batcher yet", "", "", absent}}
}
