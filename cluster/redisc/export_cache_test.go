package redisc

// CacheKey is where a value of the cache is kept.
func (e *Engine) CacheKey(key string) string { return cacheKey(e.o.Prefix, key) }

// SeriesKey is where a series is kept.
func (e *Engine) SeriesKey(name string) string { return seriesKey(e.o.Prefix, name) }
