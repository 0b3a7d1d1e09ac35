package redisq_test

const childURL = "PARLEY_REDISQ_URL"

func child(string) int { return 1 }
