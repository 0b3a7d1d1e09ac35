// Package redisq is the engine of package queue on Redis.
package redisq
