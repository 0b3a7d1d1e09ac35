package core

// EstimateTokens guesses how many model tokens a text costs: four ASCII bytes to
// a token, every other rune a token of its own. It errs on the high side for
// most languages, which is the safe side for a budget.
func EstimateTokens(text string) int {
	ascii, other := 0, 0
	for _, r := range text {
		if r < 0x80 {
			ascii++
		} else {
			other++
		}
	}
	return (ascii+3)/4 + other
}
