// Package intents says how close a text comes to examples, whatever language both are in:
// a model makes vectors of them, and the angle between two tells how much alike they are.
// The examples' vectors are made once for each model, a text's when somebody asks.
package intents
