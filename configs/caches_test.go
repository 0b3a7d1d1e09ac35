package configs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCacheProblems(t *testing.T) {
	const text = "models: {cache: {size: big, keep: 200h, redis: true, semantic: {pool: embed, skills: {chat: {similarity: 0.5}}}}}\n"
	want := []string{
		`models.cache.keep (line 1): must be longer than 0 and at most 168h, as in 1h; size: 0 keeps no answers`,
		`models.cache.redis (line 1): needs redis.url; left out, answers are shared where there is one`,
		`models.cache.semantic.pool (line 1): must name one of the pools in models.pools`,
		`models.cache.semantic.skills.chat.similarity (line 1): must be 0.9 to 1`,
		`models.cache.size (line 1): must be a size, such as 512, 64KiB, 16MiB or 2GB`,
	}
	if diff := cmp.Diff(want, problems(t, text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, text := range []string{"redis: {url: redis://h}\nmodels: {cache: {redis: true, size: 1MiB}}\n", "models: {cache: {redis: false, size: 0}}\n"} {
		mustLoad(t, text)
	}
}
