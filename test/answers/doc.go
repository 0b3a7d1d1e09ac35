// Package answers lets people of four platforms talk to a hub whose model workers are
// killed, restarted, slowed and made to lie, from a seed, and reads every word that they
// see: no answer may be broken, doubled, or look complete without being it.
//
// A short run is one of all tests. A long one:
//
//	go test -count=1 -timeout 20m -v -run TestAnswers ./test/answers -duration 5m -seed 7
package answers
