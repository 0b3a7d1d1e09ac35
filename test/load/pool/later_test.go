package pool_test

import "testing"

func hedging(*testing.T) []row { return []row{{9, "hedging", "not there yet", "", absent}} }

func hotSwitch(*testing.T) []row { return []row{{10, "hot switch", "not there yet", "", absent}} }

func answerCache(*testing.T) []row { return []row{{11, "cache", "not there yet", "", absent}} }

func batching(*testing.T) []row { return []row{{12, "batching", "not there yet", "", absent}} }
